/** Work in progress: stopping waits for it, and a failure that nobody awaits is reported. */
export class UnderWay {
  readonly #onError: (error: unknown) => void
  readonly #monotonic: () => number
  /** Each with the time at which it began. */
  readonly #work = new Map<Promise<unknown>, number>()

  constructor(onError: (error: unknown) => void, monotonic: () => number) {
    this.#onError = onError
    this.#monotonic = monotonic
  }

  /** Milliseconds since the oldest unfinished work began; 0 if there is none. */
  get oldestMs(): number {
    const [oldest] = this.#work.values()
    return oldest === undefined ? 0 : this.#monotonic() - oldest
  }

  /** Returns the same promise; idle() waits for its end. */
  track<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.catch(() => undefined).finally(() => this.#work.delete(ended))
    this.#work.set(ended, this.#monotonic())
    return work
  }

  /** Tracks work that nobody waits for. */
  background(work: Promise<unknown>): void {
    void this.track(work).catch(this.#onError)
  }

  /** Resolves when nothing is in progress any more. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work.keys())
  }
}
