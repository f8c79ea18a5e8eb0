/**
 * What reads of much cost together: so many are made at a time, and none while too many bytes of answers wait for clients
 * that do not read them.
 */
import { GossumError } from '../errors.js'

/** Costly reads that are made at a time; the others wait in a line, which is no longer than there are connections. */
const MAX_UNDER_WAY = 4
/** Bytes of all answers that were made and have not left. */
const MAX_UNSENT_BYTES = 32 * 1024 * 1024

export class CostlyReads {
  #underWay = 0
  #unsent = 0
  readonly #line = new Set<() => void>()

  /** Makes a costly read when it has its turn. Throws NODE_BUSY, and the signal's reason when that is aborted before. */
  async run<T>(signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    if (this.#underWay < MAX_UNDER_WAY) this.#underWay++
    else await this.#turn(signal)
    try {
      if (this.#unsent > MAX_UNSENT_BYTES) throw new GossumError('NODE_BUSY', 'answers wait for clients to read them')
      return await act()
    } finally {
      const [next] = this.#line
      if (next === undefined) this.#underWay--
      else next()
    }
  }

  /** Counts the bytes of an answer until what is returned is called. */
  holding(bytes: number): () => void {
    this.#unsent += bytes
    return () => (this.#unsent -= bytes)
  }

  /** Resolves when somebody leaves their place to us. */
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
