/** The rate limit of background requests to a log: one budget of requests and bytes, shared by all who use it. */

/** Resolves after `ms`, or rejects with the signal's reason as soon as that is aborted. */
export type Delay = (ms: number, signal: AbortSignal | undefined) => Promise<void>

export class RequestBudget {
  readonly #perSecond: number
  readonly #delay: Delay
  readonly #now: () => number
  /** When the next request may be made, in milliseconds of the clock. */
  #next = 0

  /** `now` is a monotonic clock. */
  constructor(perSecond: number, delay: Delay, now: () => number = () => performance.now()) {
    this.#perSecond = perSecond
    this.#delay = delay
    this.#now = now
  }

  /** Takes this many requests from the budget, and resolves when the first may be made. Throws the signal's reason. */
  async take(requests: number, signal?: AbortSignal): Promise<void> {
    const wait = this.#take(requests)
    if (wait > 0) await this.#delay(wait, signal)
  }

  /** Charges costs that were not known in advance: later requests wait for them. */
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
