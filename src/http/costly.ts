/**
 * Limits costly reads together: only a few are made at a time, and none while too many bytes of answers wait for
 * clients that do not read them.
 */
import { GossumError } from '../errors.js'

/** Costly reads made concurrently; others wait in a queue, which is limited by the number of connections. */
const MAX_UNDER_WAY = 4
/** The most bytes of answers that are made but not yet sent. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024

export class CostlyReads {
  #underWay = 0
  #unsent = 0
  readonly #line = new Set<() => void>()

  /** Makes a costly read when its turn comes. Throws NODE_BUSY, and the signal's reason if that is aborted first. */
  async run<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    if (this.#underWay < MAX_UNDER_WAY) this.#underWay++
    else await this.#turn(signal)
    try {
      if (this.#unsent > MAX_UNSENT_BYTES)
        throw new GossumError('NODE_BUSY', 'too many answers are waiting for their clients')
      return await act()
    } finally {
      const [next] = this.#line
      if (next === undefined) this.#underWay--
      else next()
    }
  }

  /** Counts the bytes of an answer until the returned function is called. */
  holding(bytes: number): () => void {
    this.#unsent += bytes
    return () => (this.#unsent -= bytes)
  }

  /** Resolves when a place is passed on to us. */
  #turn(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    return new Promise((resolve, reject) => {
      const next = (): void => {
        this.#line.delete(next)
        signal.removeEventListener('abort', onAbort)
        resolve()
      }
      const onAbort = (): void => {
        this.#line.delete(next)
        reject(signal.reason as Error)
      }
      signal.addEventListener('abort', onAbort, { once: true })
      this.#line.add(next)
    })
  }
}
