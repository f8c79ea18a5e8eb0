/** How the polls of each log went, and how long ago that is by a clock that nobody sets. */
import { errorText } from '../errors.js'

interface PollRecord {
  failures: number
  /** Milliseconds by the monotonic clock. */
  lastAnswer: number | undefined
  error: string | null
}

/** What is shown of the polls of one log. */
export interface PollView {
  /** Whether the last poll got an answer; null before the first poll. */
  readonly reachable: boolean | null
  /** Milliseconds since the last answer; undefined before the first. */
  readonly answeredAgo: number | undefined
  /** Why the last poll failed. */
  readonly error: string | null
}

export class Polls {
  readonly #monotonic: () => number
  readonly #records = new Map<string, PollRecord>()

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /**
   * Notes how a poll went. Returns whether it is worth telling people: the first answer, the first failure, and then
   * ever more rarely.
   */
  note(log: string, error: unknown): boolean {
    let record = this.#records.get(log)
    if (record === undefined) this.#records.set(log, (record = { failures: 0, lastAnswer: undefined, error: null }))
    if (error === undefined) {
      const isNews = record.failures > 0 || record.lastAnswer === undefined
      Object.assign(record, { failures: 0, lastAnswer: this.#monotonic(), error: null })
      return isNews
    }
    record.failures++
    record.error = errorText(error)
    return Number.isInteger(Math.log2(record.failures))
  }

  of(log: string): PollView {
    const record = this.#records.get(log)
    if (record === undefined) return { reachable: null, answeredAgo: undefined, error: null }
    const { failures, lastAnswer, error } = record
    const answeredAgo = lastAnswer === undefined ? undefined : this.#monotonic() - lastAnswer
    return { reachable: failures === 0, answeredAgo, error }
  }
}
