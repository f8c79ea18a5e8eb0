/** Peers that did not identify themselves in time, on real hosts. */
import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createHost, type Host } from '../../../src/gossip/host/host.js'
import { headsTopic } from '../../../src/gossip/topics.js'
import { LOG, newPeerKey, until } from '../helpers.js'

const IDENTIFY = '/ipfs/id/1.0.0'

const hosts: Host[] = []
beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }))
afterEach(async () => {
  vi.useRealTimers()
  for (const host of hosts.splice(0)) await host.stop()
})

async function startHost(): Promise<Host> {
  const host = await createHost({
    peerKey: await newPeerKey(),
    listen: [multiaddr('/ip4/127.0.0.1/tcp/0')],
    topics: [headsTopic(LOG)],
    peers: { worth: () => 0, overBudget: () => false, onOffence: () => undefined },
  })
  hosts.push(host)
  await host.start()
  host.services.pubsub.subscribe(headsTopic(LOG))
  return host
}

/**
 * A host that aborts this many identify requests, and is too busy to send its own when a connection opens. Returns how
 * often it was asked.
 */
async function startBusy(refusals: number): Promise<{ host: Host; asked: () => number }> {
  const host = await startHost()
  const service = host.services.identify as unknown as {
    identify?: () => Promise<never>
    handleProtocol(stream: Stream, connection: Connection): Promise<void>
  }
  service.identify = () => {
    delete service.identify
    return Promise.reject(new Error('busy'))
  }
  let asked = 0
  await host.unhandle(IDENTIFY)
  await host.handle(IDENTIFY, async (stream, connection) => {
    if (++asked > refusals) await service.handleProtocol(stream, connection)
    else stream.abort(new Error('busy'))
  })
  return { host, asked: () => asked }
}

/** Enough time for all hosts to check their connections three times. */
async function lookAgain(): Promise<void> {
  await vi.advanceTimersByTimeAsync(3 * 2000)
}

it('a peer that did not answer is asked again, and then both hear each other', async () => {
  const { host: busy, asked } = await startBusy(2)
  const host = await startHost()
  await host.dial(busy.getMultiaddrs())
  await until(() => asked() === 1, 'asked when the connection opened')
  expect(host.services.pubsub.getSubscribers(headsTopic(LOG))).toEqual([])
  await lookAgain()
  await until(() => asked() === 2, 'asked again')
  await lookAgain()
  const hears = (one: Host, other: Host): boolean =>
    one.services.pubsub.getSubscribers(headsTopic(LOG)).some((id) => id.equals(other.peerId))
  await until(() => hears(host, busy) && hears(busy, host), 'both hear')
  await lookAgain()
  expect(asked()).toBe(3)
  expect(host.getConnections()).toHaveLength(1)
})

it('a peer that never says who it is loses its connection', async () => {
  const { host: busy, asked } = await startBusy(Infinity)
  const host = await startHost()
  await host.dial(busy.getMultiaddrs())
  for (const times of [1, 2, 3, 4]) {
    await until(() => asked() === times, `asked ${times} times`)
    expect(host.getConnections()).toHaveLength(1)
    await lookAgain()
  }
  await until(() => host.getConnections().length === 0, 'let go')
  expect(asked()).toBe(4)
})
