import type { DialReport } from '../../src/gossip/membership/bootstrap-dialer.js'
import { describe, expect, it } from 'vitest'
import { Mesh, type PeerEvent } from '../../src/gossip/mesh.js'
import { utf8 } from '../../src/tlog/bytes.js'
import {
  LOG,
  MemoryHandlers,
  newPeerKey,
  publishWhenHeard,
  startNode,
  stopNode,
  until,
  type TestNode,
} from './helpers.js'

async function startSpokes(hub: TestNode, count: number): Promise<TestNode[]> {
  return Promise.all(Array.from({ length: count }, () => startNode({ bootstrap: [hub.address] })))
}

describe('a mesh', () => {
  it('carries a head from one node to another', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.address] })
    const text = await publishWhenHeard(a, 'head')
    await b.handlers.receives(text)
    const got = b.handlers.candidates.find(({ note }) => Buffer.from(note).toString() === text)!
    expect(got).toMatchObject({ source: 'gossip', log: LOG, peer: a.mesh.peerId })
    expect(Math.abs(Date.now() - got.receivedAt)).toBeLessThan(60_000)
  })

  it('carries evidence on its own topic', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.address] })
    await publishWhenHeard(a, 'head')
    expect(await a.mesh.gossip.publish('evidence', LOG, utf8('{"type":"convicts"}'))).toBeGreaterThanOrEqual(1)
    await b.handlers.when(() => b.handlers.files.size === 1)
    expect([...b.handlers.files.values()]).toEqual([{ log: LOG, bytes: utf8('{"type":"convicts"}') }])
  })

  it('publishes without peers and without an error', async () => {
    const alone = await startNode()
    expect(await alone.mesh.gossip.publish('head', LOG, utf8('head'))).toBe(0)
    expect(await alone.mesh.gossip.publish('head', LOG, utf8('head'))).toBe(0)
    expect(alone.errors).toEqual([])
  })

  it('does not publish what no peer would accept', async () => {
    const { mesh } = await startNode()
    await expect(mesh.gossip.publish('head', '0'.repeat(64), utf8('head'))).rejects.toMatchObject({
      code: 'LOG_UNKNOWN',
    })
    await expect(mesh.gossip.publish('head', LOG, new Uint8Array(65_537))).rejects.toMatchObject({
      code: 'NOTE_TOO_LARGE',
    })
  })

  it('relays news to nodes that the publisher does not know', async () => {
    const middle = await startNode()
    const [left, right] = await startSpokes(middle, 2)
    // The two ends get their first heads; then the middle must forward.
    const first = await publishWhenHeard(middle, 'warm', 2)
    await Promise.all([left!.handlers.receives(first), right!.handlers.receives(first)])
    const text = await publishWhenHeard(left!, 'forward')
    await right!.handlers.receives(text)
  })

  it('reaches 16 nodes behind one address, which gossipsub by default silences', async () => {
    const hub = await startNode()
    const spokes = await startSpokes(hub, 15)
    await until(() => hub.mesh.peers().length >= 15, 'all spokes connected')
    // Heads go to the mesh, evidence to all peers at once.
    const text = await publishWhenHeard(hub, 'head', 6)
    await until(() => hub.mesh.syncPeers() >= 15, 'all spokes speak')
    // A peer's protocols are known before its subscriptions.
    for (let n = 0, reached = 0; reached < 15; n++) {
      reached = await hub.mesh.gossip.publish('evidence', LOG, utf8(`{"type":"convicts","n":${n}}`))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await Promise.all(spokes.map(({ handlers }) => handlers.receives(text)))
    for (const { score } of hub.mesh.peers()) expect(score).toBeGreaterThanOrEqual(0)
    // And the hub receives from each of them.
    const texts = await Promise.all(spokes.map((spoke, i) => publishWhenHeard(spoke, `spoke ${i}`)))
    await Promise.all(texts.map((one) => hub.handlers.receives(one)))
  })

  it('carries a head from one spoke of a star to the 19 others', async () => {
    const hub = await startNode()
    const spokes = await startSpokes(hub, 20)
    await until(() => hub.mesh.peers().length >= 20, 'all spokes connected')
    const text = await publishWhenHeard(spokes[0]!, 'from the rim')
    await Promise.all([hub, ...spokes.slice(1)].map(({ handlers }) => handlers.receives(text)))
  })

  it('brings a late joiner the heads and evidence published before it joined', async () => {
    const a = await startNode()
    await a.handlers.submit({ source: 'poll', note: utf8('old head'), receivedAt: 0 })
    await a.handlers.submitEvidence(LOG, utf8('{"type":"old evidence"}'))
    const late = await startNode({ bootstrap: [a.address] })
    await late.handlers.receives('old head')
    await late.handlers.when(() => late.handlers.files.size === 1)
    expect(late.handlers.candidates[0]).toMatchObject({ source: 'sync', peer: a.mesh.peerId })
    await until(() => (late.mesh.peers()[0]?.score ?? 0) > 0, 'it is to the credit of who told it')
  })

  it('soon learns what arrived between the first round and the graft, which gossip does not resend', async () => {
    const a = await startNode()
    await a.handlers.submit({ source: 'poll', note: utf8('first'), receivedAt: 0 })
    const late = await startNode({ bootstrap: [a.address] })
    await late.handlers.receives('first')
    await a.handlers.submit({ source: 'poll', note: utf8('second, never published'), receivedAt: 0 })
    await late.handlers.receives('second, never published')
    expect(late.handlers.candidates.at(-1)).toMatchObject({ source: 'sync' })
  }, 20_000)

  it('gives the dialled node what the dialler has', async () => {
    const a = await startNode()
    const handlers = new MemoryHandlers()
    await handlers.submit({ source: 'poll', note: utf8('news from afar'), receivedAt: 0 })
    for (let i = 0; i < 20; i++) await handlers.submitEvidence(LOG, utf8(`{"n":${i},"pad":"${'x'.repeat(60_000)}"}`))
    const dialer = await startNode({ handlers, bootstrap: [a.address] })
    await a.handlers.receives('news from afar')
    await a.handlers.when(() => a.handlers.files.size === 20)
    expect(a.handlers.candidates[0]).toMatchObject({ source: 'sync', peer: dialer.mesh.peerId })
  })

  it.each(['with', 'without'])('reconnects to a restarted bootstrap peer, address %s peer id', async (how) => {
    const peerKey = await newPeerKey()
    const first = await startNode({ peerKey })
    const listen = [first.address.replace(/\/p2p\/.*$/, '')]
    const events: PeerEvent[] = []
    const other = await startNode({
      bootstrap: [how === 'with' ? first.address : listen[0]!],
      onPeer: (event) => events.push(event),
    })
    const changes = (connected: boolean): PeerEvent[] => events.filter((event) => event.connected === connected)
    await until(() => changes(true).length === 1, 'connected')
    expect(events[0]).toEqual({ peerId: first.mesh.peerId, multiaddr: first.address, connected: true })
    await stopNode(first)
    await until(() => changes(false).length === 1, 'disconnected')
    expect(other.mesh.peers()).toEqual([])
    const second = await startNode({ peerKey, listen })
    await until(() => changes(true).length === 2, 'connected again')
    const text = await publishWhenHeard(second, 'after the restart')
    await other.handlers.receives(text)
  })

  it('reports that a configured peer does not answer, and when it does', async () => {
    const peerKey = await newPeerKey()
    const first = await startNode({ peerKey })
    await stopNode(first)
    const reports: DialReport[] = []
    await startNode({ bootstrap: [first.address], onDial: (report) => reports.push(report) })
    await until(() => reports.length === 1, 'told that nobody answers')
    expect(reports[0]).toMatchObject({
      address: first.address,
      error: expect.stringContaining('ECONNREFUSED') as string,
    })
    await startNode({ peerKey, listen: [first.address.replace(/\/p2p\/.*$/, '')] })
    await until(() => reports.at(-1)!.error === undefined, 'told that it answers')
  })

  it('dials a connected peer only once and never itself', async () => {
    const a = await startNode()
    const bare = a.address.replace(/\/p2p\/.*$/, '')
    const b = await startNode({ bootstrap: [a.address, bare, a.address] })
    await until(() => b.mesh.peers().length === 1, 'connected')
    await publishWhenHeard(a, 'head')
    expect(a.mesh.peers()).toHaveLength(1)
    const peerKey = await newPeerKey()
    const own = await startNode({ peerKey })
    await stopNode(own)
    const again = await startNode({
      peerKey,
      listen: [own.address.replace(/\/p2p\/.*$/, '')],
      bootstrap: [own.address],
    })
    expect(again.mesh.peers()).toEqual([])
  })

  it('shows its peers', async () => {
    const a = await startNode()
    const b = await startNode({ bootstrap: [a.address] })
    await until(() => b.mesh.peers()[0]?.rttMs !== null && b.mesh.peers().length === 1, 'measured')
    const [peer] = b.mesh.peers()
    expect(peer).toMatchObject({ peerId: a.mesh.peerId, multiaddr: a.address, witness: null })
    expect(peer!.rttMs).toBeGreaterThanOrEqual(0)
    expect(typeof peer!.score).toBe('number')
    expect(new Date(peer!.since).toISOString()).toBe(peer!.since)
    expect(a.address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/[1-9][0-9]*\/p2p\/12D3KooW/)
  })
})

describe('a configuration that cannot work', () => {
  const own = { logs: [LOG], keys: [] }
  const start = async (reach: { listen: string[]; bootstrap?: string[] }): Promise<Mesh> =>
    Mesh.start({ reach: { bootstrap: [], ...reach, peerKey: await newPeerKey() }, own, handlers: new MemoryHandlers() })

  it.each([
    ['listen', { listen: ['127.0.0.1:4001'] }],
    ['listen', { listen: ['/ip4/127.0.0.1/udp/0'] }],
    ['bootstrap', { listen: [], bootstrap: ['/ip4/300.0.0.1/tcp/1'] }],
    ['bootstrap', { listen: [], bootstrap: ['/ip4/127.0.0.1/tcp/1/p2p/not-a-peer-id'] }],
  ])('names the %s address that is wrong', async (what, options) => {
    await expect(start(options)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      detail: expect.stringContaining(what) as string,
    })
  })

  it('reports a port that is in use', async () => {
    const first = await startNode()
    const listen = [first.address.replace(/\/p2p\/.*$/, '')]
    await expect(start({ listen })).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' })
  })
})
