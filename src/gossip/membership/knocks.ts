/**
 * How often this node dials addresses that it learnt from others. A peer can name anyone's address: a new peer id for
 * the same host and port costs nothing, nor does another port, a neighbouring address, or a name that leads there.
 */
import type { Multiaddr } from '@multiformats/multiaddr'
import { TokenBuckets } from '../../lib/token-buckets.js'
import { NEARNESS, nearnessOf, networkOfAddress } from '../host/address.js'

/** Milliseconds between two attempts at one host and port, whichever peer is said to be there. */
const RETRY_INTERVAL_MS = 60_000
/** Attempts per internet host, per internet network, and in total: at once, and per second in the long run. */
const HOST_BURST = 4
const HOST_PER_SECOND = 2 / 60
const NETWORK_BURST = 8
const NETWORK_PER_SECOND = 4 / 60
const ALL_BURST = 32
const ALL_PER_SECOND = 20 / 60

export class Knocks {
  /** When a host and port were last tried. */
  readonly #triedAt = new Map<string, number>()
  readonly #hosts = new TokenBuckets(HOST_BURST, HOST_PER_SECOND)
  readonly #networks = new TokenBuckets(NETWORK_BURST, NETWORK_PER_SECOND)
  readonly #all = new TokenBuckets(ALL_BURST, ALL_PER_SECOND)

  /**
   * Whether an address may be tried now; if so it counts as tried. Addresses that we have reached before are exempt
   * from the budgets, as there are only so many.
   */
  mayTry(address: Multiaddr, isProven: boolean, now: number): boolean {
    for (const [door, at] of this.#triedAt) {
      // In the order of their times.
      if (now - at < RETRY_INTERVAL_MS) break
      this.#triedAt.delete(door)
    }
    const door = doorOf(address)
    if (this.#triedAt.has(door)) return false
    if (!isProven && !this.#isAffordable(address, now)) return false
    this.#triedAt.set(door, now)
    return true
  }

  /** On nearby networks a few machines may host all nodes of a laboratory, and only peers there can name them. */
  #isAffordable(address: Multiaddr, now: number): boolean {
    if (nearnessOf(address) !== NEARNESS.internet) return true
    if (!this.#all.take('', now)) return false
    const host = address.getComponents()[0]?.value ?? ''
    if (this.#hosts.take(host, now)) {
      if (this.#networks.take(networkOfAddress(address), now)) return true
      this.#hosts.giveBack(host)
    }
    // What is not dialled uses up no budget.
    this.#all.giveBack('')
    return false
  }
}

/** The host and port of an address, whichever peer is there. */
export function doorOf(address: Multiaddr): string {
  const [host, tcp] = address.getComponents()
  return `${host?.value ?? ''} ${tcp?.value ?? ''}`
}
