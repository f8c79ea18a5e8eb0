/**
 * Queues of questions to peers, one question at a time per peer, since a peer allows us few streams; and none for a
 * while to a peer that said it is busy.
 */
import { Serial } from '../../../lib/serial.js'
import { Slots } from '../../../lib/slots.js'
import type { SyncAnswer } from '../messages.js'

/** Questions that may wait for one peer. */
const MAX_WAITING = 16
/** Milliseconds for which a peer is not asked after it said that it is busy. */
const BUSY_PAUSE_MS = 10_000

export class Lines {
  readonly #busyMs: number
  readonly #turns = new Serial()
  readonly #waiting = new Slots({ perKey: MAX_WAITING })
  /** Busy peers, and until when, in milliseconds of the monotonic clock. */
  readonly #busy = new Map<string, number>()

  constructor(busyMs = BUSY_PAUSE_MS) {
    this.#busyMs = busyMs
  }

  /** Asks when it is the question's turn; undefined if there is no answer, or if too many wait. `ask` never throws. */
  async ask(peer: string, ask: () => Promise<SyncAnswer | undefined>): Promise<SyncAnswer | undefined> {
    const leave = this.isBusy(peer) ? undefined : this.#waiting.take(peer)
    if (leave === undefined) return undefined
    const answer = await this.#turns.run(peer, ask).finally(leave)
    if (answer?.type === 'error' && answer.code === 'busy') this.#busy.set(peer, performance.now() + this.#busyMs)
    return answer
  }

  isBusy(peer: string): boolean {
    const until = this.#busy.get(peer)
    if (until === undefined) return false
    if (until > performance.now()) return true
    this.#busy.delete(peer)
    return false
  }

  /** A peer has disconnected: what it said no longer counts. */
  gone(peer: string): void {
    this.#busy.delete(peer)
  }
}
