/**
 * The assumptions of docs/protocol.md ("What a key never does"), by the names they have there, as far as the model could
 * break them. It breaks each of them, but never so that what the invariant needs is gone: then it could only fail.
 *
 *   A1 cryptography  the keys and hashes are the real ones, and the log is the only one that signs forks
 *   A2 disk          a crash keeps what was synced and drops or tears the rest (home.ts); what is an older copy is `isOld`
 *   A3 one bearer    broken in a test of its own (twins.test.ts)
 *   A4 same peers    n and k are the same in all lives of one node
 *   A5 memory        peers lose what they keep, or tell nothing of it; one that does remember stays
 *   A6 patience      what was signed undeposited is no state to restore from, and an old home waits until it is guarded
 *   A7 marks         nothing to keep: it is what the production code has to do
 *   A8 clock         in an old home the clock does not stand before a time that was signed and not promised
 */
import type { Peer } from './depositary.js'
import type { Signings } from './signings.js'

/** Seconds that an old home waits for answers: longer than any sequence of events takes. */
const FOR_EVER = 2_000_000
const USUAL_WAIT = 5

export class Assumptions {
  readonly #peers: readonly Peer[]
  readonly #keep: number
  readonly #signings: Signings
  /** A2 does not hold: the home may not know the newest that was signed, until enough peers have answered. */
  isOld = false
  /** A8: POSIX seconds. Nothing that this home will learn says that so late a time was signed. */
  #clockFloor = 0

  constructor(peers: readonly Peer[], keep: number, signings: Signings) {
    this.#peers = peers
    this.#keep = keep
    this.#signings = signings
  }

  /** A5: the peers that remember the newest that was signed, and tell. */
  get rememberers(): readonly Peer[] {
    const size = this.#signings.largest?.size ?? -1
    return this.#peers.filter((peer) => peer.remembers(size))
  }

  /** A5, A6: whether the home may be put back to what it was when so many signatures were made. */
  mayBecomeOld(): boolean {
    return this.#signings.largest === undefined || this.rememberers.length > 0
  }

  /** The home was put back. */
  becomeOld(): void {
    this.isOld = true
    const { latest } = this.#signings
    // A time that was promised is told. A later one of the same tree in that minute needed no promise.
    const isTold = this.rememberers.every((peer) => peer.latest >= latest)
    this.#clockFloor = isTold ? 0 : latest
  }

  /** A8: the home signed at a time that is not before anything else. */
  signedAt(time: number): void {
    if (time >= this.#clockFloor) this.#clockFloor = 0
  }

  /** A8: the earliest that the clock may be set to, in milliseconds. */
  get earliest(): number {
    return this.#clockFloor * 1000
  }

  /** A5: whether a peer may lose or hide what it keeps. */
  mayLose(peer: Peer): boolean {
    return !this.isOld || this.rememberers.some((other) => other !== peer)
  }

  /** A6: n - k + 1. */
  get answersNeeded(): number {
    return this.#peers.length - this.#keep + 1
  }

  /** A6. */
  get guardWait(): number {
    return this.isOld ? FOR_EVER : USUAL_WAIT
  }

  /**
   * A5: whether the answer of a peer may be the next to count, after these. Where k remember, any may: that is what the
   * argument is about. Where fewer do, one of them has to be among those who are heard.
   */
  mayAnswer(peer: Peer, answered: ReadonlySet<Peer>): boolean {
    if (!this.isOld) return true
    const { rememberers } = this
    const isHeard = rememberers.includes(peer) || rememberers.some((one) => answered.has(one))
    const isLast = answered.size + 1 >= this.answersNeeded
    return isHeard || !isLast || rememberers.length >= this.#keep
  }
}
