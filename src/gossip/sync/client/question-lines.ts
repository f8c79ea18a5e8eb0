/**
 * Questions of one kind to peers: to each of them one after the other, for it lets us have few streams; and none for a
 * while to one that said it is busy.
 */
import { Serial } from '../../../lib/serial.js'
import { Slots } from '../../../lib/slots.js'
import type { SyncAnswer } from '../messages.js'

/** Questions that wait for their turn with one peer. */
const MAX_WAITING = 16
/** Milliseconds that a peer is left alone after it said that it is busy. */
const BUSY_PAUSE_MS = 10_000

export class Lines {
  readonly #busyMs: number
  readonly #turns = new Serial()
  readonly #waiting = new Slots({ perKey: MAX_WAITING })
  /** Peers that are busy, and until when, in milliseconds of the monotonic clock. */
  readonly #busy = new Map<string, number>()

  constructor(busyMs = BUSY_PAUSE_MS) {
    this.#busyMs = busyMs
  }

  /** Asks when it is the question's turn; undefined when there is no answer, or too many wait. `ask` never throws. */
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

  /** A peer has left: what it said counts no more. */
  gone(peer: string): void {
    this.#busy.delete(peer)
  }
}
