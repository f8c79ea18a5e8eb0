import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { connectTo, type ConnectOptions } from '../../src/outgoing/connect.js'

/** A host with these addresses, whose connections behave as a test says. */
function host(...addresses: string[]) {
  const sockets = new Map<string, Socket>()
  const begun: string[] = []
  let wake = (): void => undefined
  const options: ConnectOptions = {
    lookup: () => Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))),
    connect: (address) => {
      const socket = new Socket()
      sockets.set(address, socket)
      begun.push(address)
      wake()
      return socket
    },
    staggerMs: 5,
  }
  const tried = async (count: number): Promise<void> => {
    while (begun.length < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { options, begun, tried, of: (address: string) => sockets.get(address)! }
}

test('an address that answers late is used, even if the next one was tried in the meantime', async () => {
  const { options, tried, of } = host('192.0.2.1', '2001:db8::1')
  const connecting = connectTo('log.example', 443, options)
  await tried(2)
  of('192.0.2.1').emit('connect')
  expect(await connecting).toBe(of('192.0.2.1'))
  expect([of('192.0.2.1').destroyed, of('2001:db8::1').destroyed]).toEqual([false, true])
})

test('address families alternate in system order, and a failure starts the next attempt at once', async () => {
  const { options, begun, of, tried } = host('2001:db8::1', '2001:db8::2', '2001:db8::3', '192.0.2.1')
  const connecting = connectTo('log.example', 443, { ...options, staggerMs: 60_000 })
  for (let i = 1; i < 4; i++) {
    await tried(i)
    of(begun.at(-1)!).emit('error', new Error('no'))
  }
  await tried(4)
  of(begun.at(-1)!).emit('connect')
  await connecting
  expect(begun).toEqual(['2001:db8::1', '192.0.2.1', '2001:db8::2', '2001:db8::3'])
})

test('if all addresses fail, the error has all reasons', async () => {
  const { options, of, tried } = host('2001:db8::1', '192.0.2.1')
  const connecting = connectTo('log.example', 443, options)
  await tried(2)
  of('192.0.2.1').emit('error', new Error('refused'))
  of('2001:db8::1').emit('error', new Error('unreachable'))
  await expect(connecting).rejects.toThrow(/^refused; unreachable$/)
})

test('connecting ends at the time limit, or when the caller aborts', async () => {
  const { options, of, tried } = host('192.0.2.1')
  await expect(connectTo('log.example', 443, { ...options, timeoutMs: 5 })).rejects.toThrow('no connection in 5 ms')
  expect(of('192.0.2.1').destroyed).toBe(true)
  const gone = new AbortController()
  const connecting = connectTo('log.example', 443, options, gone.signal)
  await tried(2)
  gone.abort(new Error('enough'))
  await expect(connecting).rejects.toThrow('enough')
  expect(of('192.0.2.1').destroyed).toBe(true)
})
