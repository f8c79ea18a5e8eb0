/** A receiver of alerts: a hook or a webhook. Pure. */
import type { Alert } from './alert.js'

export type ReceiverKind = 'hook' | 'webhook'

/** The result of one attempt. */
export interface Attempt {
  readonly isTaken: boolean
  /** A few words that anyone may read: a status, or why there was none. */
  readonly said: string
  /** Its output or answer, which only the operator may see. */
  readonly output: string
  /** Milliseconds before which it wants no more messages. */
  readonly retryAfterMs?: number
  /** `alert`: it will never accept this one. `all`: it wants no more messages at all. */
  readonly gives?: 'alert' | 'all'
}

export interface Receiver {
  /** Its identity on disk, which is stable across restarts. */
  readonly key: string
  /** Its name for people. */
  readonly name: string
  readonly kind: ReceiverKind
  /** How often delivery of one alert is attempted; by default as long as the alert is kept. */
  readonly maxTries?: number
  /** Never rejects, except with the signal's reason. */
  deliver(alert: Alert, signal: AbortSignal): Promise<Attempt>
}
