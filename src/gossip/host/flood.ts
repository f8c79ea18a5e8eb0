/** Tracks which peers send more than they may; the host's score uses it. */
import { TokenBuckets } from '../../lib/token-buckets.js'

/** New messages that one peer may send us: at once, and per second in the long run. */
const MESSAGE_BURST = 2000
const MESSAGES_PER_SECOND = 200
/** Refused requests that one peer may send us: at once, and per second in the long run. */
const OFFENCE_BURST = 20
const OFFENCES_PER_SECOND = 0.2
/**
 * Forged lines (with the name and key id of a witness, but not by it) that one peer may bring. Another key can be made
 * to have the same key id, and honest nodes may relay what it signs: one line per head, and there is one head every two
 * seconds.
 */
const FORGED_BURST = 30
const FORGED_PER_SECOND = 1
/** Milliseconds for which a peer beyond these limits is ignored. */
const FLOOD_PAUSE_MS = 10_000

export class FloodMeter {
  readonly #messages = new TokenBuckets(MESSAGE_BURST, MESSAGES_PER_SECOND)
  readonly #forged = new TokenBuckets(FORGED_BURST, FORGED_PER_SECOND)
  readonly #offences = new TokenBuckets(OFFENCE_BURST, OFFENCES_PER_SECOND)
  /** When the pause of a peer ends, in milliseconds of the monotonic clock. */
  readonly #paused = new Map<string, number>()

  /** Counts one message; false when it exceeds the limit. */
  count(peer: string, now: number): boolean {
    return this.#messages.take(peer, now) || this.#pause(peer, now)
  }

  /** Counts a forged line; false when there are more than a peer that merely relays them would bring. */
  forged(peer: string, now: number): boolean {
    return this.#forged.take(peer, now)
  }

  /** Counts a refused request; a peer that keeps making them is ignored altogether. */
  offence(peer: string, now: number): void {
    if (!this.#offences.take(peer, now)) this.#pause(peer, now)
  }

  /** Ignores a peer that sent what no honest program sends, and does not let it in, for a while. */
  cut(peer: string, now: number): void {
    this.#pause(peer, now)
  }

  isPaused(peer: string, now: number): boolean {
    return (this.#paused.get(peer) ?? 0) > now
  }

  #pause(peer: string, now: number): false {
    for (const [other, until] of this.#paused) if (until <= now) this.#paused.delete(other)
    this.#paused.set(peer, now + FLOOD_PAUSE_MS)
    return false
  }
}
