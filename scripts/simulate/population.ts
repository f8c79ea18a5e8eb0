/**
 * The nodes: the witnesses that every policy counts, honest monitors, and those that follow no rules; and their
 * connections.
 */
import { makeSignerKey, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { parsePolicy } from '../../src/tlog/policy.js'
import { quorumOf, type Quorum } from '../../src/witness/quorum.js'
import { CITIES } from './cities.js'
import type { Dice } from './dice.js'
import type { Link, Network, Station } from './network.js'

/** Witnesses of the policy, and how many of them make a quorum, unless a scenario says otherwise. */
export const POLICY = { witnesses: 7, need: 5 } as const
/**
 * An honest node dials until it has this many neighbours, this many of them dialled
 * (src/gossip/membership/membership.ts).
 */
const ENOUGH = { neighbours: 8, dialled: 4 } as const
/** Connections that a node accepts (src/gossip/host/host.ts). */
const MAX_LINKS = 160
/** Nodes that an adversary dials, in addition to those it surrounds. */
const ADVERSARY_DIALS = 24

export function keyOf(name: string, byte: number): SignerKey {
  const seed = new Uint8Array(32).fill(byte)
  seed.set(new TextEncoder().encode(name).subarray(0, 31))
  return makeSignerKey(name, SIGNATURE_TYPES.cosignature, seed)
}

export function witnessKeys(count: number = POLICY.witnesses): SignerKey[] {
  return Array.from({ length: count }, (_, i) => keyOf(`witness-${i}.example`, 2))
}

/** The policy of all nodes, read by the production code. */
export function policyOf(signers: readonly SignerKey[], need: number = POLICY.need): Quorum {
  const lines = signers.map(({ verifier }, i) => `witness w${i} ${verifier.vkey}`)
  const members = signers.map((_, i) => `w${i}`).join(' ')
  return quorumOf(
    parsePolicy([...lines, `group all ${need} ${members}`, 'quorum all', ''].join('\n')),
    [],
    () => NOBODY,
  )
}

const NOBODY: ReadonlySet<string> = new Set()

/** By index, whether a node follows no rules. The same fraction of the witnesses as of all nodes, the last ones. */
export function whoIsByzantine(nodes: number, count: number, witnesses: number, dice: Dice): boolean[] {
  const ofWitnesses = Math.floor((count / nodes) * witnesses)
  const is = Array.from({ length: nodes }, (_, i) => i < witnesses && i >= witnesses - ofWitnesses)
  const others = dice.shuffled(is.keys()).filter((i) => i >= witnesses)
  for (const i of others.slice(0, count - ofWitnesses)) is[i] = true
  return is
}

export function someCity(dice: Dice): number {
  return dice.below(CITIES.length)
}

/** The connections between nodes. */
export class Dialling {
  readonly #network: Network
  readonly #dice: Dice
  readonly #peers = new Map<Station, Set<Station>>()

  constructor(network: Network, dice: Dice) {
    this.#network = network
    this.#dice = dice
  }

  /**
   * Nodes join one after the other; each knows the first one and finds its other neighbours among those already there.
   */
  joinInTurn(stations: readonly Station[]): void {
    for (const [i, station] of stations.entries()) {
      if (i > 0) this.dial(station, stations[0]!)
      if (i > 0) this.join(station, stations.slice(0, i))
    }
  }

  /** An honest node finds neighbours among these. */
  join(station: Station, others: readonly Station[]): void {
    let dialled = 0
    for (let tries = 0; tries < 20 * ENOUGH.neighbours; tries++) {
      if (this.#of(station).size >= ENOUGH.neighbours && dialled >= ENOUGH.dialled) return
      if (this.dial(station, this.#dice.pick(others)) !== undefined) dialled++
    }
  }

  /** A node that follows no rules connects to as many as it can, first to those it surrounds. */
  surround(station: Station, victims: readonly Station[], others: readonly Station[]): void {
    for (const victim of victims) this.dial(station, victim)
    for (let i = 0; i < Math.min(ADVERSARY_DIALS, others.length); i++) this.dial(station, this.#dice.pick(others))
  }

  dial(from: Station, to: Station): Link | undefined {
    const [ours, theirs] = [this.#of(from), this.#of(to)]
    if (from === to || ours.has(to) || ours.size >= MAX_LINKS || theirs.size >= MAX_LINKS) return undefined
    const link = this.#network.connect(from, to)
    if (link === undefined) return undefined
    ours.add(to)
    theirs.add(from)
    return link
  }

  /** Called when a node has left, or a connection was lost. */
  parted(a: Station, b: Station): void {
    this.#peers.get(a)?.delete(b)
    this.#peers.get(b)?.delete(a)
  }

  leave(station: Station): void {
    for (const peer of this.#of(station)) this.#peers.get(peer)?.delete(station)
    this.#peers.delete(station)
  }

  #of(station: Station): Set<Station> {
    let peers = this.#peers.get(station)
    if (peers === undefined) this.#peers.set(station, (peers = new Set()))
    return peers
  }
}
