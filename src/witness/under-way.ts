/** Work in progress: stopping waits for it, and a failure that nobody awaits is reported. */
export class UnderWay {
  readonly #onError: (error: unknown) => void
  readonly #work = new Set<Promise<unknown>>()

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** The same work; idle() waits for its end. */
  track<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.catch(() => undefined).finally(() => this.#work.delete(ended))
    this.#work.add(ended)
    return work
  }

  /** Work that nobody waits for. */
  background(work: Promise<unknown>): void {
    void this.track(work).catch(this.#onError)
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#work.size > 0) await Promise.all(this.#work)
  }
}
