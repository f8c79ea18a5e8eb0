/** Knows which peers send more than they may. The host scores them by it. */
import { TokenBuckets } from '../../lib/token-buckets.js'

/** New messages that one peer may send us: at once, and per second in the long run. */
const MESSAGE_BURST = 2000
const MESSAGES_PER_SECOND = 200
/** Requests over their bounds that one peer may send us: at once, and per second in the long run. */
const OFFENCE_BURST = 20
const OFFENCES_PER_SECOND = 0.2
/**
 * Lines under the name and key id of a witness, but not by it, that one peer may bring. Another key can be made to have the
 * same key id, and honest nodes may relay what it signs: a line for each head, of which there is one in two seconds.
 */
const FORGED_BURST = 30
const FORGED_PER_SECOND = 1
/** Milliseconds for which a peer beyond that is ignored. */
const FLOOD_PAUSE_MS = 10_000

export class FloodMeter {
  readonly #messages = new TokenBuckets(MESSAGE_BURST, MESSAGES_PER_SECOND)
  readonly #forged = new TokenBuckets(FORGED_BURST, FORGED_PER_SECOND)
  readonly #offences = new TokenBuckets(OFFENCE_BURST, OFFENCES_PER_SECOND)
  /** When the pause of a peer ends, in milliseconds of the monotonic clock. */
  readonly #paused = new Map<string, number>()

  /** Counts one message; false when it is one too many. */
  count(peer: string, now: number): boolean {
    return this.#messages.take(peer, now) || this.#pause(peer, now)
  }

  /** Counts a line that is not by the key it names; false when the peer cannot be one that merely relays it. */
  forged(peer: string, now: number): boolean {
    return this.#forged.take(peer, now)
  }

  /** Counts a request that was refused; a peer that keeps asking is ignored altogether. */
  offence(peer: string, now: number): void {
    if (!this.#offences.take(peer, now)) this.#pause(peer, now)
  }

  /** A peer that sent what no honest program sends is ignored, and not let in, for a while. */
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
