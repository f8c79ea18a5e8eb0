/** Silent peers take every slot in a victim's mesh and never send anything, while honest ones stay outside. */
import { multiaddr } from '@multiformats/multiaddr'
import { TopicValidatorResult } from '@chainsafe/libp2p-gossipsub'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { GossipDoor } from '../../src/gossip/gossip.js'
import { DeliveredNews } from '../../src/gossip/host/delivered-news.js'
import { FloodMeter } from '../../src/gossip/host/flood.js'
import { createHost, type Host } from '../../src/gossip/host/host.js'
import { MESH } from '../../src/gossip/host/score.js'
import { headsTopic } from '../../src/gossip/topics.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { LOG, MemoryHandlers, newPeerKey, until } from '../gossip/helpers.js'

const TOPIC = headsTopic(LOG)
/**
 * Heartbeats for which the silent ones have held their slots: time in the mesh once scored higher than any later news.
 */
const HELD = 120
/**
 * Heartbeats until an honest peer must have a slot: the minute for which a refused peer is not asked, and one more
 * check.
 */
const HEARTBEATS = 60 + 2 * MESH.heartbeatsToBetter

/** Gossipsub's heartbeat, which its interface does not declare. */
interface Beating {
  heartbeat(): Promise<void>
  readonly score: { background(): void }
}

interface Node {
  readonly host: Host
  readonly id: string
  readonly handlers: MemoryHandlers
}

const hosts: Host[] = []
// Only the date is simulated: refused peers wait for a minute of it, and sockets use real time.
beforeEach(() => vi.useFakeTimers({ toFake: ['Date'] }))
afterEach(async () => {
  vi.useRealTimers()
  await Promise.all(hosts.splice(0).map(async (host) => host.stop()))
})

async function startHost(news: DeliveredNews): Promise<Host> {
  const host = await createHost({
    peerKey: await newPeerKey(),
    listen: [multiaddr('/ip4/127.0.0.1/tcp/0')],
    topics: [TOPIC],
    peers: { worth: (peer) => news.worth(peer), overBudget: () => false, onOffence: () => undefined },
  })
  hosts.push(host)
  await host.start()
  return host
}

/** A node that judges messages and passes them on. */
async function startHonest(): Promise<Node> {
  const news: DeliveredNews = new DeliveredNews((topic) => host.services.pubsub.getMeshPeers(topic))
  const host: Host = await startHost(news)
  const handlers = new MemoryHandlers()
  const reports = { onError: () => undefined, onDropped: () => undefined }
  const accounts = { meter: new FloodMeter(), news }
  new GossipDoor(host.services.pubsub, new Set([LOG]), accounts, handlers, reports).join([LOG])
  return { host, id: host.peerId.toString(), handlers }
}

/** A peer that takes a slot in the mesh, receives everything, and sends nothing. */
async function startSilent(): Promise<Host> {
  const host = await startHost(new DeliveredNews(() => []))
  host.services.pubsub.topicValidators.set(TOPIC, () => TopicValidatorResult.Ignore)
  host.services.pubsub.subscribe(TOPIC)
  return host
}

function meshOf({ host }: Pick<Node, 'host'>): string[] {
  return host.services.pubsub.getMeshPeers(TOPIC)
}

/** One heartbeat of all hosts. */
async function beat(): Promise<void> {
  vi.setSystemTime(Date.now() + 1000)
  await Promise.all(
    hosts.map((host) => {
      const pubsub = host.services.pubsub as unknown as Beating
      pubsub.score.background()
      return pubsub.heartbeat()
    }),
  )
}

/** Connects hosts with each other, and waits until they know each other's topics. */
async function meet(nodes: readonly Node[]): Promise<void> {
  for (const [i, { host }] of nodes.entries()) {
    for (const other of nodes.slice(i + 1)) await host.dial(other.host.getMultiaddrs())
  }
  const everybody = nodes.length - 1
  await until(
    () => nodes.every(({ host }) => host.services.pubsub.getSubscribers(TOPIC).length >= everybody),
    'they know of each other',
  )
}

/** Publishes a head at one node; resolves to the peer that brought it to another. */
async function send(text: string, from: Node, to: Node): Promise<string | undefined> {
  await from.host.services.pubsub.publish(TOPIC, utf8(text))
  for (let beats = 0; beats < 3; beats++) await beat()
  await to.handlers.receives(text)
  return to.handlers.candidates.find(({ note }) => fromUtf8(note) === text)?.peer
}

it('silent peers that fill a mesh lose their places to peers that bring news', async () => {
  const victim = await startHonest()
  const silent = await Promise.all(Array.from({ length: 10 }, () => startSilent()))
  for (const host of silent) await host.dial(victim.host.getMultiaddrs())
  await until(() => meshOf(victim).length === MESH.most, 'the mesh is full of them')
  const [source, ...outside] = await Promise.all(Array.from({ length: 5 }, () => startHonest()))
  await meet([source!, ...outside])
  for (const { host } of outside) await host.dial(victim.host.getMultiaddrs())
  const honest = (): string[] => meshOf(victim).filter((id) => outside.some((node) => node.id === id))
  const isKnown = (): boolean => victim.host.services.pubsub.getSubscribers(TOPIC).length === silent.length + 4
  await until(isKnown, 'the victim knows them')
  for (let beats = 0; beats < HELD; beats++) await beat()
  expect(honest(), 'nobody else is let in').toEqual([])

  let beats = 0
  for (; honest().length === 0 && beats < HEARTBEATS; beats += 3) {
    const bringer = await send(`head ${beats}`, source!, victim)
    if (honest().length === 0) expect(meshOf(victim), 'the mesh brings nothing').not.toContain(bringer)
  }
  expect(honest(), `after ${beats} heartbeats`).not.toEqual([])
  let byMesh = 0
  for (let i = 0; i < 15; i++) {
    const bringer = await send(`late head ${i}`, source!, victim)
    if (honest().some((id) => id === bringer)) byMesh++
  }
  // A real heartbeat may happen between publishing and arrival.
  expect(byMesh, 'from now on the mesh brings it, but for a few').toBeGreaterThanOrEqual(10)
})

it('an honest peer that always gets news later than we do keeps its place and its standing', async () => {
  const [source, hub, late] = await Promise.all(Array.from({ length: 3 }, () => startHonest()))
  await meet([source!, hub!])
  await late!.host.dial(hub!.host.getMultiaddrs())
  await until(() => meshOf(hub!).length === 2, 'both are neighbours')
  for (let i = 0; i < 2 * MESH.heartbeatsToBetter; i++) {
    expect(await send(`head ${i}`, source!, late!)).toBe(hub!.id)
    expect(meshOf(hub!)).toContain(late!.id)
  }
  const score = (peer: Node): number => hub!.host.services.pubsub.getScore(peer.id)
  expect(score(late!)).toBe(0)
  expect(score(source!)).toBeGreaterThan(1)
})
