/**
 * The results of the polls of each log, and how long ago they were by the monotonic clock. That an address answers
 * proves nothing: a sign-in page answers, too. A poll has succeeded when its head was proven.
 */
import { ERRORS, errorCode, errorText, type ErrorCode } from '../errors.js'
import type { OutcomeKind } from '../witness/outcome.js'
import { pollFailure, type Polled } from '../witness/polled.js'

interface PollRecord {
  failures: number
  isAnswer: boolean
  /** Milliseconds by the monotonic clock. */
  lastAnswer: number | undefined
  lastVerified: number | undefined
  error: string | null
  refusal: string | null
}

/** What is shown about the polls of one log. */
export interface PollView {
  /** Whether the last poll got a head that the log signed; null before the first poll. */
  readonly reachable: boolean | null
  /** Whether the last poll got any answer, even if not a head of this log. */
  readonly isAnswer: boolean
  /** Milliseconds since the last head that the log signed; undefined before the first. */
  readonly answeredAgo: number | undefined
  /** Milliseconds since the last head that was proven to be on our history; undefined before the first. */
  readonly verifiedAgo: number | undefined
  /** Why the last poll got no head. */
  readonly error: string | null
  /** Why the head of the last poll is not proven. */
  readonly refusal: string | null
}

/** Characters kept of why a poll failed, since part of the log's answer may be in it. */
const MAX_ERROR = 1024

const NOT_POLLED: PollView = {
  reachable: null,
  isAnswer: false,
  answeredAgo: undefined,
  verifiedAgo: undefined,
  error: null,
  refusal: null,
}

export class Polls {
  readonly #monotonic: () => number
  readonly #records = new Map<string, PollRecord>()

  constructor(monotonic: () => number) {
    this.#monotonic = monotonic
  }

  /**
   * Records the result of a poll. Returns whether it is worth reporting: the first answer, the first failure, and then
   * with increasing delay.
   */
  note(log: string, polled: Polled): boolean {
    let record = this.#records.get(log)
    if (record === undefined) this.#records.set(log, (record = newRecord()))
    const failure = pollFailure(polled)
    if (failure === undefined) {
      const isNews = record.failures > 0 || record.lastAnswer === undefined
      const lastAnswer = this.#monotonic()
      const refusal = refusalOf(polled)
      if (refusal === null) record.lastVerified = lastAnswer
      Object.assign(record, { failures: 0, isAnswer: true, lastAnswer, error: null, refusal })
      return isNews
    }
    record.failures++
    const error = errorText(failure).slice(0, MAX_ERROR)
    Object.assign(record, { error, refusal: null, isAnswer: !SILENCE.has(errorCode(failure)) })
    return Number.isInteger(Math.log2(record.failures))
  }

  of(log: string): PollView {
    const record = this.#records.get(log)
    if (record === undefined) return NOT_POLLED
    const { failures, lastAnswer, lastVerified, isAnswer, error, refusal } = record
    const ago = (at: number | undefined): number | undefined => (at === undefined ? undefined : this.#monotonic() - at)
    return {
      reachable: failures === 0,
      isAnswer,
      answeredAgo: ago(lastAnswer),
      verifiedAgo: ago(lastVerified),
      error,
      refusal,
    }
  }
}

/** Outcomes of a head that is proven to be on our history. */
const VERIFIED: ReadonlySet<OutcomeKind> = new Set<OutcomeKind>(['advanced', 'known', 'past'])

/** Codes of polls without any answer. */
const SILENCE: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['LOG_UNREACHABLE', 'TIMEOUT'])

function newRecord(): PollRecord {
  return { failures: 0, isAnswer: false, lastAnswer: undefined, lastVerified: undefined, error: null, refusal: null }
}

/** Why the head of a poll is not proven; null when it is. */
function refusalOf(polled: Polled): string | null {
  if ('failed' in polled) return ERRORS[errorCode(polled.failed)][0]
  if (!('outcome' in polled) || VERIFIED.has(polled.outcome.kind)) return null
  const { kind, code } = polled.outcome
  return code === undefined ? kind : ERRORS[code][0]
}
