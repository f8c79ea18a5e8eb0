/** Who is told: a hook or a webhook. Pure. */
import type { Alert } from './alert.js'

export type ReceiverKind = 'hook' | 'webhook'

/** What became of one try. */
export interface Attempt {
  readonly isTaken: boolean
  /** In a few words that anybody may read: a status, why there was none. */
  readonly said: string
  /** What it printed or answered, for the operator alone. */
  readonly output: string
  /** Milliseconds before which it wants to hear nothing more. */
  readonly retryAfterMs?: number
  /** `alert`: it will never take this one. `all`: it wants to hear nothing any more. */
  readonly gives?: 'alert' | 'all'
}

export interface Receiver {
  /** What it is known by on disk: the same over restarts. */
  readonly key: string
  /** What people call it. */
  readonly name: string
  readonly kind: ReceiverKind
  /** How often it is tried to tell it one thing; without it, as long as that is kept. */
  readonly maxTries?: number
  /** Never rejects but with the signal's reason. */
  deliver(alert: Alert, signal: AbortSignal): Promise<Attempt>
}
