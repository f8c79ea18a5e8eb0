/**
 * The setting for attacks: a victim and two honest nodes, each a process of its own, whose three cosignatures are all
 * needed for a quorum; and a log that keeps growing during the attack.
 */
import { expect, onTestFinished } from 'vitest'
import type { PeerView } from '../../src/status/shapes.js'
import { ViewsLog } from '../fakes/views-log.js'
import { Fleet } from '../helpers/fleet.js'
import { isQuorum, type FleetNode } from '../helpers/fleet-node.js'
import { SMALL_HEAP } from '../helpers/small-heap.js'

/** The allowed growth of resident memory in MB, including garbage and memory outside the heap. */
export const MEMORY_BOUND = 100
/** Heads that must reach their quorum before an attack, and during it. */
const HEADS = { before: 1, during: 4 }
/** Milliseconds between two heads of the log, and between two samples of the victim. */
const HEAD_INTERVAL_MS = 750
const LOOK_INTERVAL_MS = 100
/**
 * Milliseconds without a new maximum or minimum of memory after which the victim has settled, and the longest wait for
 * it.
 */
const SETTLED_MS = 1_000
const SETTLE_TIMEOUT_MS = 5_000

/** The effects of an attack on its victim. */
export interface Damage {
  /** Resident memory in MB: the peak during the attack above that before it. */
  readonly grown: number
  /** The lowest score that the attackers had with the victim; undefined if none of them was ever seen. */
  readonly worstScore: number | undefined
  /** Attackers that were connected at one sample and not at the next. */
  readonly dropped: number
}

export interface Arena {
  readonly log: ViewsLog
  /** A second log, if requested: an attack on it does not stop the traffic of the first. */
  readonly other: ViewsLog
  readonly fleet: Fleet
  readonly victim: FleetNode
  /** The multiaddr of the victim. */
  readonly address: string
  /** Lets the log grow; resolves when all three nodes hold the quorum of the new head. */
  publish(): Promise<number>
  /** Attacks while the log grows. Fails if honest traffic does not get through. */
  attack(attackers: readonly string[], act: (signal: AbortSignal) => Promise<void>): Promise<Damage>
  /** The victim's view of a peer. */
  peer(peerId: string): Promise<PeerView | undefined>
}

export async function startArena(): Promise<Arena> {
  const log = await ViewsLog.start('attacked.log.example', 300)
  const other = await ViewsLog.start('other.log.example', 10)
  onTestFinished(() => Promise.all([log.close(), other.close()]).then())
  const settings = [log.setting(), other.setting()]
  const prefix = ['env', `NODE_OPTIONS=${SMALL_HEAP}`]
  const fleet = await Fleet.start({ nodes: 3, need: 3, poll: 0.5, logs: () => settings, prefix: () => prefix })
  onTestFinished(() => fleet.end())
  const victim = fleet.nodes[0]!

  const publish = async (): Promise<number> => {
    const size = await log.grow(3)
    await fleet.all((node) => node.when(`quorum of size ${size}`, isQuorum(log.id, size), 15_000))
    return size
  }
  const peers = async (): Promise<PeerView[]> => ((await victim.json('/api/v1/peers')) as { peers: PeerView[] }).peers

  const attack: Arena['attack'] = async (attackers, act) => {
    const before = await settled(victim)
    const [ended, seen] = [new AbortController(), new AbortController()]
    const watch = watchVictim(victim, attackers, peers, seen.signal)
    const acting = act(ended.signal)
    try {
      for (let i = 0; i < HEADS.during; i++) {
        await publish()
        await pause(HEAD_INTERVAL_MS)
      }
    } finally {
      ended.abort()
      await acting
      seen.abort()
    }
    const { peak, worstScore, dropped } = await watch
    return { grown: peak - before, worstScore, dropped }
  }

  for (let i = 0; i < HEADS.before; i++) await publish()
  return {
    log,
    other,
    fleet,
    victim,
    address: victim.ready.multiaddrs[0]!,
    publish,
    attack,
    peer: async (peerId) => (await peers()).find((peer) => peer.peerId === peerId),
  }
}

/** Checks that an attack cost no more memory than allowed. */
export function expectBounded(damage: Damage): void {
  expect(damage.grown, JSON.stringify(damage)).toBeLessThan(MEMORY_BOUND)
}

/** Checks that the victim noticed its attackers: by a score below zero, or by disconnecting them. */
export function expectNoticed(damage: Damage): void {
  expect(damage.dropped > 0 || (damage.worstScore ?? 0) < 0, JSON.stringify(damage)).toBe(true)
}

/** Resident memory in MB once it is stable except for noise. */
async function settled(node: FleetNode): Promise<number> {
  const deadline = Date.now() + SETTLE_TIMEOUT_MS
  let { rss } = node.usage()
  let since = Date.now()
  while (Date.now() - since < SETTLED_MS && Date.now() < deadline) {
    await pause(LOOK_INTERVAL_MS)
    const now = node.usage().rss
    if (Math.abs(now - rss) > 2) [rss, since] = [now, Date.now()]
  }
  return node.usage().rss
}

async function watchVictim(
  victim: FleetNode,
  attackers: readonly string[],
  peers: () => Promise<PeerView[]>,
  signal: AbortSignal,
): Promise<{ peak: number; worstScore: number | undefined; dropped: number }> {
  let peak = 0
  let worstScore: number | undefined
  let connected = new Set<string>()
  const dropped = new Set<string>()
  while (!signal.aborted) {
    peak = Math.max(peak, victim.usage().rss)
    // A victim too busy to answer is sampled again later; whether it works is shown by the heads.
    const all = await peers().catch(() => undefined)
    if (all === undefined) continue
    const known = all.filter(({ peerId }) => attackers.includes(peerId))
    for (const { score } of known) if (score !== null) worstScore = Math.min(worstScore ?? 0, score)
    const now = new Set(known.map(({ peerId }) => peerId))
    for (const peerId of connected) if (!now.has(peerId)) dropped.add(peerId)
    connected = now
    await pause(LOOK_INTERVAL_MS)
  }
  return { peak, worstScore, dropped: dropped.size }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
