/** Gossipsub's frames as counted before it reads them, in whatever pieces they arrive. */
import type { GossipSubComponents } from '@chainsafe/libp2p-gossipsub'
import type { Connection, Stream, StreamHandler } from '@libp2p/interface'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { FrameLimits } from '../../../src/gossip/host/frame-limits.js'
import { concatBytes } from '../../../src/tlog/bytes.js'

const MAX = 1000
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
})

/** A gossipsub that counts the bytes that reach it, on streams of a host whose parts are watched. */
function watched() {
  const offences: string[] = []
  let handler: StreamHandler | undefined
  const components = {
    registrar: { handle: (_: string, given: StreamHandler) => (handler = given), own: 'kept' },
    privateKey: 'k',
  } as unknown as GossipSubComponents
  const seen = new FrameLimits(MAX, (peer) => offences.push(peer)).over(components)
  let handled = 0
  void seen.registrar.handle('/meshsub', (stream: Stream) => stream.addEventListener('message', () => handled++))
  const open = (peer: string) => {
    const stream = new EventTarget()
    const connection = { remotePeer: { toString: () => peer }, status: 'open', aborted: [] as string[] }
    const abort = (error: Error): void => void connection.aborted.push(error.message)
    void handler!(stream as unknown as Stream, { ...connection, abort } as unknown as Connection)
    const send = async (...data: Uint8Array[]): Promise<void> => {
      for (const bytes of data) stream.dispatchEvent(Object.assign(new Event('message'), { data: bytes }))
      await Promise.resolve()
    }
    return { stream, connection, send }
  }
  return { seen, open, offences, handled: () => handled }
}

/** A length in protobuf encoding. */
function varint(n: number): Uint8Array {
  const bytes: number[] = []
  for (; n > 127; n = Math.floor(n / 128)) bytes.push((n % 128) + 128)
  return Uint8Array.of(...bytes, n)
}
const frame = (length: number): Uint8Array => concatBytes(varint(length), new Uint8Array(length).fill(0xff))

test('a host is as it was but for its registrar, which keeps all that it had', () => {
  const { seen } = watched()
  expect(seen.privateKey).toBe('k')
  expect(seen.registrar).toMatchObject({ own: 'kept' })
})

describe('a frame', () => {
  test.each([0, 1, 127, 128, 300, MAX])('of %i bytes is let through, in one piece and byte by byte', async (length) => {
    const { open, offences, handled } = watched()
    const { send, connection } = open('p')
    await send(frame(length), ...Array.from(frame(length), (byte) => Uint8Array.of(byte)), frame(length))
    expect([offences, connection.aborted]).toEqual([[], []])
    expect(handled()).toBe(2 + frame(length).length)
  })

  test.each([
    ['that is one byte too long', varint(MAX + 1)],
    ['whose length has five bytes', Uint8Array.of(0x80, 0x80, 0x80, 0x80, 0)],
    ['whose length goes on for ever', new Uint8Array(12).fill(0xff)],
  ])('%s ends the connection, and nothing more of it is read', async (_, bytes) => {
    const { open, offences, handled } = watched()
    const { send, connection } = open('p')
    await send(frame(5), bytes)
    expect([offences, connection.aborted]).toEqual([['p'], ['a frame is too long']])
    await send(frame(5), frame(5))
    expect([offences, handled()]).toEqual([['p'], 1])
  })

  test('of a length in four bytes is one', async () => {
    const { open, offences } = watched()
    await open('p').send(Uint8Array.of(0x81, 0x80, 0x80, 0), new Uint8Array(1))
    expect(offences).toEqual([])
  })
})

test('frames are counted by peer, over all its streams: 5000 at once, 500 a second', async () => {
  const { open, offences } = watched()
  const [one, other, another] = [open('p'), open('p'), open('q')]
  await one.send(new Uint8Array(3000))
  await other.send(new Uint8Array(2000))
  await another.send(new Uint8Array(5000))
  expect(offences).toEqual([])
  vi.advanceTimersByTime(1_000)
  await one.send(new Uint8Array(500))
  expect(offences).toEqual([])
  await other.send(new Uint8Array(1))
  expect([offences, other.connection.aborted, one.connection.aborted]).toEqual([['p'], ['too many frames'], []])
})

test('a stream that breaks takes its connection along; one that ends does not', async () => {
  const { open, offences } = watched()
  const [broken, ended] = [open('p'), open('q')]
  broken.stream.dispatchEvent(Object.assign(new Event('close'), { error: new Error('reset') }))
  ended.stream.dispatchEvent(new Event('close'))
  await Promise.resolve()
  expect([broken.connection.aborted, ended.connection.aborted, offences]).toEqual([['reset'], [], []])
})
