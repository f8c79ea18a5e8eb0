/**
 * Questions of one kind to peers: to each of them one after the other, for it lets us have few streams; and none for a
 * while to one that said it is busy.
 */
import type { SyncAnswer } from '../messages.js'

/** Questions that wait for their turn with one peer. */
const MAX_WAITING = 16
/** Milliseconds that a peer is left alone after it said that it is busy. */
const BUSY_PAUSE_MS = 10_000

interface Line {
  /** Ends with the last question in line. */
  tail: Promise<unknown>
  waiting: number
}

export class Lines {
  readonly #busyMs: number
  readonly #lines = new Map<string, Line>()
  /** Peers that are busy, and until when, in milliseconds of the monotonic clock. */
  readonly #busy = new Map<string, number>()

  constructor(busyMs = BUSY_PAUSE_MS) {
    this.#busyMs = busyMs
  }

  /** Asks when it is the question's turn; undefined when there is no answer, or too many wait. `ask` never throws. */
  async ask(peer: string, ask: () => Promise<SyncAnswer | undefined>): Promise<SyncAnswer | undefined> {
    const line = this.#lines.get(peer) ?? { tail: Promise.resolve(), waiting: 0 }
    if (line.waiting >= MAX_WAITING || this.isBusy(peer)) return undefined
    this.#lines.set(peer, line)
    line.waiting++
    const turn = line.tail.then(ask)
    line.tail = turn
    const answer = await turn
    if (--line.waiting === 0) this.#lines.delete(peer)
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
