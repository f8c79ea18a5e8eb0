/**
 * The pauses of a part that works in rounds: they end when their time is over, when there is work, or when the node
 * stops.
 */
export class Rounds {
  readonly #signal: AbortSignal
  #isWoken = false
  #wake: () => void = () => undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** There is work: ends the pause, or skips the one after the current round. */
  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  /** A round begins: work reported from now on is for the next one. */
  begin(): void {
    this.#isWoken = false
  }

  /** Resolves after so many milliseconds, or when the node stops. */
  pause(ms: number): Promise<void> {
    return this.#rest(ms, false)
  }

  /** The same, or as soon as there is work. */
  rest(ms: number): Promise<void> {
    return this.#rest(ms, true)
  }

  #rest(ms: number, orWoken: boolean): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer)
        this.#signal.removeEventListener('abort', done)
        this.#wake = () => undefined
        resolve()
      }
      const timer = setTimeout(done, ms).unref()
      this.#signal.addEventListener('abort', done, { once: true })
      if (orWoken) this.#wake = done
      if (this.#signal.aborted || (orWoken && this.#isWoken)) done()
    })
  }
}
