/** How fast a log is asked by what nobody waits for: one budget of requests and bytes for all who share it. */

/** Resolves after `ms`, or rejects with the signal's reason as soon as that is aborted. */
export type Delay = (ms: number, signal: AbortSignal | undefined) => Promise<void>

export class RequestBudget {
  readonly #perSecond: number
  readonly #delay: Delay
  readonly #now: () => number
  /** When the next request may leave, in milliseconds of the clock. */
  #next = 0

  /** `now` is of a clock that nobody sets. */
  constructor(perSecond: number, delay: Delay, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#delay = delay
    this.#now = now
  }

  /** Takes so many requests, and resolves when the first may leave. Throws the signal's reason. */
  async take(requests: number, signal?: AbortSignal): Promise<void> {
    const wait = this.#take(requests)
    if (wait > 0) await this.#delay(wait, signal)
  }

  /** Counts what was more than was taken, of which nobody knew before: those who come later pay. */
  charge(requests: number): void {
    this.#take(requests)
  }

  #take(requests: number): number {
    const now = this.#now()
    const start = Math.max(this.#next, now)
    this.#next = start + (requests * 1000) / this.#perSecond
    return start - now
  }
}
