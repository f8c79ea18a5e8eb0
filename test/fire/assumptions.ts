/**
 * The assumptions of docs/protocol.md ("What a key never does"), by their names there, as far as the model can violate
 * them. It violates each of them, but never so far that the invariant cannot hold: then a test could only fail.
 *
 *   A1 cryptography  the keys and hashes are real, and only the log signs forks
 *   A2 disk          a crash keeps what was synced and drops or tears the rest (home.ts); `isOld` marks an older copy
 *   A3 one bearer    broken in a test of its own (twins.test.ts)
 *   A4 same peers    n and k are the same in all lives of one node
 *   A5 memory        peers lose what they keep, or hide it; at least one that remembers stays
 *   A6 patience      no home is restored from a state signed undeposited, and an old home waits until it is guarded
 *   A7 marks         nothing to do here: the production code has to satisfy it
 *   A8 clock         in an old home the clock is not before a time that was signed without a promise
 */
import type { Peer } from './depositary.js'
import type { Signings } from './signings.js'

/** Seconds that an old home waits for answers: longer than any sequence of events. */
const FOR_EVER = 2_000_000
const USUAL_WAIT = 5

export class Assumptions {
  readonly #peers: readonly Peer[]
  readonly #keep: number
  readonly #signings: Signings
  /** A2 is violated: the home may not know the newest signature, until enough peers have answered. */
  isOld = false
  /** A8: POSIX seconds. The latest signed time that this home cannot learn from anyone. */
  #clockFloor = 0

  constructor(peers: readonly Peer[], keep: number, signings: Signings) {
    this.#peers = peers
    this.#keep = keep
    this.#signings = signings
  }

  /** A5: the peers that remember the newest signature, and report it. */
  get rememberers(): readonly Peer[] {
    const size = this.#signings.largest?.size ?? -1
    return this.#peers.filter((peer) => peer.remembers(size))
  }

  /** A5, A6: whether the home may be restored to its state after this many signatures. */
  mayBecomeOld(): boolean {
    return this.#signings.largest === undefined || this.rememberers.length > 0
  }

  /** The home was restored. */
  becomeOld(): void {
    this.isOld = true
    const { latest } = this.#signings
    // A promised time is reported. A later one of the same tree within that minute needed no promise.
    const isTold = this.rememberers.every((peer) => peer.latest >= latest)
    this.#clockFloor = isTold ? 0 : latest
  }

  /** A8: the home has signed at this time, which is not before any other. */
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
   * A5: whether the answer of a peer may be the next to count, after these. If k remember, any may, which is what the
   * proof relies on. If fewer do, one of them has to be among those that answer.
   */
  mayAnswer(peer: Peer, answered: ReadonlySet<Peer>): boolean {
    if (!this.isOld) return true
    const { rememberers } = this
    const isHeard = rememberers.includes(peer) || rememberers.some((one) => answered.has(one))
    const isLast = answered.size + 1 >= this.answersNeeded
    return isHeard || !isLast || rememberers.length >= this.#keep
  }
}
