import type { GossipSub } from '@chainsafe/libp2p-gossipsub'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createHost, type Host } from '../../../src/gossip/host/host.js'
import { BootstrapDialer } from '../../../src/gossip/membership/bootstrap-dialer.js'
import { headsTopic } from '../../../src/gossip/topics.js'
import { LOG, newPeerKey, startNode, until } from '../helpers.js'
import { connect, startStranger } from '../stranger.js'

/** Milliseconds between two dials of a host that is refused. */
const DIAL_INTERVAL_MS = 50

const hosts: Host[] = []
afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(hosts.splice(0).map(async (host) => host.stop()))
})

async function startHost(): Promise<Host> {
  const topics = [headsTopic(LOG)]
  const listen = [multiaddr('/ip4/127.0.0.1/tcp/0')]
  const host = await createHost({
    peerKey: await newPeerKey(),
    listen,
    topics,
    peers: { worth: () => 0, overBudget: () => false, onOffence: () => undefined },
  })
  hosts.push(host)
  await host.start()
  host.services.pubsub.subscribe(headsTopic(LOG))
  return host
}

const ignore = (): void => undefined

describe('the host', () => {
  it('says what it is', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    const identified = new Promise<string | undefined>((resolve) => {
      stranger.addEventListener('peer:identify', ({ detail }) => resolve(detail.agentVersion))
    })
    await connect(stranger, node)
    expect(await identified).toMatch(/^gossum\/\d+\.\d+\.\d+\S*$/)
  })

  it('leaves no timer behind that would keep its process alive', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const host = await startHost()
    await host.stop()
    // What ends a queue follows at once.
    vi.advanceTimersByTime(1)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('makes no logger for what nobody reads, and leaves libp2p its own where DEBUG asks for it', async () => {
    const { logger } = await startHost()
    expect(logger.forComponent('a')).toBe(logger.forComponent('b').newScope('c'))
    vi.stubEnv('DEBUG', 'libp2p*')
    try {
      const { logger: loud } = await startHost()
      expect(loud.forComponent('a')).not.toBe(loud.forComponent('b'))
    } finally {
      vi.unstubAllEnvs()
    }
  })

  it('lets all the nodes of a site in at once', async () => {
    const node = await startNode()
    const strangers = await Promise.all(Array.from({ length: 20 }, () => startStranger()))
    await Promise.all(strangers.map((stranger) => connect(stranger, node)))
    await until(() => node.mesh.peers().length === 20, 'all of them')
  })

  it('takes four connections of one peer, not five', async () => {
    const node = await startNode()
    const stranger = await startStranger()
    for (let i = 0; i < 4; i++) await stranger.dial(multiaddr(node.address), { force: true })
    // The dialer may briefly believe that it is connected.
    const fifth = await stranger.dial(multiaddr(node.address), { force: true }).catch(() => undefined)
    await until(() => fifth?.status !== 'open', 'the fifth is refused')
    expect(stranger.getConnections().filter(({ status }) => status === 'open')).toHaveLength(4)
    expect(node.mesh.peers()).toHaveLength(1)
    // The peer is still connected, and so are others.
    await connect(await startStranger(), node)
    await until(() => node.mesh.peers().length === 2, 'another peer')
  })

  it('takes 64 connections from one address, and another one when one of them is gone', async () => {
    const node = await startNode()
    const strangers = await Promise.all(Array.from({ length: 17 }, () => startStranger()))
    const last = strangers.pop()!
    const dial = (host: Libp2p): Promise<Connection> => host.dial(multiaddr(node.address), { force: true })
    for (const stranger of strangers) for (let i = 0; i < 4; i++) await dial(stranger)
    // For longer than the second in which the number of attempts alone would be too high.
    for (const end = Date.now() + 1500; Date.now() < end; await setTimeout(DIAL_INTERVAL_MS))
      await expect(dial(last)).rejects.toThrow()
    await strangers[0]!.getConnections()[0]!.close()
    const retry = (): Promise<string> =>
      dial(last).then(
        ({ status }) => status,
        () => 'refused',
      )
    await expect.poll(retry, { interval: DIAL_INTERVAL_MS }).toBe('open')
  })

  it('hangs up on a peer to which it has lost its gossip stream, and comes back', async () => {
    const [host, peer] = [await startHost(), await startHost()]
    await host.dial(peer.getMultiaddrs())
    const id = peer.peerId.toString()
    const streams = host.services.pubsub.streamsOutbound as ReadonlyMap<string, { rawStream: Stream }>
    await until(() => streams.has(id), 'a stream')
    streams.get(id)!.rawStream.abort(new Error('lost'))
    await until(() => !streams.has(id), 'no stream')

    const [connection] = host.getConnections()
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const redial = new BootstrapDialer(host, peer.getMultiaddrs(), new Map([[id, peer.peerId]]), ignore, ignore)
    redial.start()
    try {
      vi.advanceTimersByTime(13 * 2000)
      expect(connection!.status).toBe('open')
      vi.advanceTimersByTime(2000)
      await until(() => host.getConnections().length === 0, 'hung up')
      vi.advanceTimersByTime(2000)
      await until(() => streams.has(id), 'a stream again')
      expect(host.getConnections()[0]!.id).not.toBe(connection!.id)
    } finally {
      redial.stop()
    }
  })

  it('passes messages on to eight neighbours at the most, however many there are', async () => {
    const hub = await startHost()
    const pubsub = hub.services.pubsub as unknown as GossipSub & { getMeshPeers(topic: string): string[] }
    const spokes = await Promise.all(Array.from({ length: 11 }, () => startHost()))
    const topic = headsTopic(LOG)
    const grafted = new Set<string>()
    pubsub.addEventListener('gossipsub:graft', ({ detail: { peerId } }) => grafted.add(peerId))
    await Promise.all(spokes.map((spoke) => spoke.dial(hub.getMultiaddrs())))
    // Each of them knows no other peer, and asks to be grafted.
    await until(() => grafted.size > 8, 'more than may be')
    await until(() => pubsub.getMeshPeers(topic).length <= 8, 'those that are too many are sent away')
    await new Promise((resolve) => pubsub.addEventListener('gossipsub:heartbeat', resolve, { once: true }))
    expect(pubsub.getMeshPeers(topic).length).toBeGreaterThanOrEqual(4)
    expect(pubsub.getMeshPeers(topic).length).toBeLessThanOrEqual(8)
  })

  it('dials itself once at the most', async () => {
    const host = await startHost()
    const dial = vi.spyOn(host, 'dial')
    const bare = multiaddr(
      host
        .getMultiaddrs()[0]!
        .toString()
        .replace(/\/p2p\/.*$/, ''),
    )
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
    const redial = new BootstrapDialer(host, [...host.getMultiaddrs(), bare], new Map(), ignore, ignore)
    redial.start()
    await expect(dial.mock.results[0]!.value).rejects.toThrow('self')
    vi.advanceTimersByTime(60_000)
    redial.stop()
    expect(dial).toHaveBeenCalledTimes(1)
    expect(redial.count, 'and is no peer of itself').toBe(0)
  })

  it('says whom it has found at an address without a peer id', async () => {
    const host = await startHost()
    const peer = await startStranger(['/ip4/127.0.0.1/tcp/0'])
    const bare = multiaddr(
      peer
        .getMultiaddrs()[0]!
        .toString()
        .replace(/\/p2p\/.*$/, ''),
    )
    const found: string[][] = []
    const redial = new BootstrapDialer(host, [bare], new Map(), ignore, () => found.push([...redial.peers]))
    expect([redial.count, redial.peers.size]).toEqual([1, 0])
    redial.start()
    await until(() => found.length > 0, 'found')
    redial.stop()
    expect(found).toEqual([[peer.peerId.toString()]])
    expect(redial.count).toBe(1)
  })
})
