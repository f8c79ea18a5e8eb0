/** The pauses of a part that works in rounds: they end when they are over, when there is something to do, or with the node. */
export class Rounds {
  readonly #signal: AbortSignal
  #isWoken = false
  #wake: () => void = () => undefined

  constructor(signal: AbortSignal) {
    this.#signal = signal
  }

  /** There is something to do: the pause ends, or is none when the round that is under way has ended. */
  wake(): void {
    this.#isWoken = true
    this.#wake()
  }

  /** A round begins: what comes from now on is for the next one. */
  begin(): void {
    this.#isWoken = false
  }

  /** Resolves after so many milliseconds, or with the node. */
  pause(ms: number): Promise<void> {
    return this.#rest(ms, false)
  }

  /** The same, or as soon as there is something to do. */
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
