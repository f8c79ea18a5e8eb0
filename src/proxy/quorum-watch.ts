/** Waits for quorum heads: a record is not served before a head that covers it has its quorum. */
import { GossumError } from '../errors.js'
import type { CosignedHead } from '../witness/cosigned-head.js'

export interface QuorumWatchParts {
  /** The quorum head of a log. */
  readonly quorum: (log: string) => CosignedHead | undefined
  /** Ids of what froze the log and is not acknowledged. */
  readonly holds: (log: string) => readonly string[]
  /** The longest wait, in milliseconds. */
  readonly waitMs: number
}

export class QuorumWatch {
  readonly #parts: QuorumWatchParts
  readonly #waiting = new Map<string, Set<() => void>>()

  constructor(parts: QuorumWatchParts) {
    this.#parts = parts
  }

  /** Throws LOG_FROZEN, naming what froze the log, while it is frozen. */
  requireSound(log: string): void {
    const holds = this.#parts.holds(log)
    if (holds.length > 0) throw new GossumError('LOG_FROZEN', holds.join(', '))
  }

  /** To be called when a log has a new quorum head, or was frozen. */
  changed(log: string): void {
    for (const look of [...(this.#waiting.get(log) ?? [])]) look()
  }

  /**
   * The quorum head of a log, as soon as it covers more than `id` records. Throws LOG_FROZEN as soon as the log is
   * frozen, QUORUM_MISSING when the time is up, and the signal's reason if that is aborted.
   */
  async covering(log: string, id: number, signal: AbortSignal): Promise<CosignedHead> {
    return this.#now(log, id) ?? (await this.#wait(log, id, signal))
  }

  #now(log: string, id: number): CosignedHead | undefined {
    this.requireSound(log)
    const head = this.#parts.quorum(log)
    return head !== undefined && head.size > id ? head : undefined
  }

  #wait(log: string, id: number, signal: AbortSignal): Promise<CosignedHead> {
    return new Promise((resolve, reject) => {
      const end = (settle: () => void): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', onAbort)
        this.#forget(log, look)
        settle()
      }
      const onAbort = (): void => end(() => reject(signal.reason as Error))
      const look = (): void => {
        try {
          const head = this.#now(log, id)
          if (head !== undefined) end(() => resolve(head))
        } catch (error) {
          if (error instanceof Error) end(() => reject(error))
        }
      }
      const timer = setTimeout(() => end(() => reject(this.#missing(log, id))), this.#parts.waitMs)
      this.#remember(log, look)
      signal.addEventListener('abort', onAbort, { once: true })
      if (signal.aborted) onAbort()
    })
  }

  #missing(log: string, id: number): GossumError {
    const size = this.#parts.quorum(log)?.size
    const have = size === undefined ? 'there is no quorum head yet' : `the quorum head has ${size} records`
    return new GossumError('QUORUM_MISSING', `record ${id}; ${have}`)
  }

  #remember(log: string, look: () => void): void {
    const looks = this.#waiting.get(log) ?? new Set()
    this.#waiting.set(log, looks.add(look))
  }

  #forget(log: string, look: () => void): void {
    const looks = this.#waiting.get(log)
    looks?.delete(look)
    if (looks?.size === 0) this.#waiting.delete(log)
  }
}
