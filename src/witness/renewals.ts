/**
 * Limits what strangers can make us write. A key is made in a moment, and can sign the same head again every second:
 * each of these lines is valid, and none tells us anything that matters. So a later time of one key on one head counts
 * again only after a while, and lines by keys that only neighbours count are charged to the peer that brings them.
 */
import { TokenBuckets } from '../lib/token-buckets.js'
import type { Cosignature } from '../tlog/cosignature.js'

type Lines = ReadonlyMap<string, Cosignature>

/**
 * Later times of one key for heads of one log: at once, and per second in the long run. Honest witnesses renew every
 * half hour.
 */
const RENEWAL_BURST = 3
const RENEWALS_PER_SECOND = 1 / 60
/** New lines from one peer by keys that only neighbours count; a head may bring 99 of them. */
const LINE_BURST = 1024
const LINES_PER_SECOND = 32

export class Renewals {
  readonly #budget = new TokenBuckets(RENEWAL_BURST, RENEWALS_PER_SECOND)

  /** Whether another time of a key that has already cosigned a head is accepted. */
  mayTake(log: string, vkey: string): boolean {
    return this.#budget.take(`${log} ${vkey}`, performance.now())
  }
}

export class StrangersLines {
  readonly #counted: ReadonlySet<string>
  readonly #budget = new TokenBuckets(LINE_BURST, LINES_PER_SECOND)
  readonly #monotonic: () => number

  /** `monotonic` returns milliseconds. */
  constructor(counted: ReadonlySet<string>, monotonic: () => number = () => performance.now()) {
    this.#counted = counted
    this.#monotonic = monotonic
  }

  /** Merges the lines that a peer brings; if it is over its budget, only those that count. Returns what was new. */
  async take(peer: string | undefined, lines: Lines, merge: (lines: Lines) => Promise<Lines>): Promise<Lines> {
    if (peer === undefined) return merge(lines)
    if (!this.#budget.take(peer, this.#monotonic())) return merge(this.#only(lines, true))
    const fresh = await merge(lines)
    const { size } = this.#only(fresh, false)
    if (size === 0) this.#budget.giveBack(peer)
    for (let i = 1; i < size; i++) this.#budget.take(peer, this.#monotonic())
    return fresh
  }

  #only(lines: Lines, counted: boolean): Lines {
    return new Map([...lines].filter(([vkey]) => this.#counted.has(vkey) === counted))
  }
}
