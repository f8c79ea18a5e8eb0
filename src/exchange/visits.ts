/**
 * When a place is visited next about a log, and in which direction. Times are monotonic milliseconds. A place's answer
 * decides when to come back, never whether to continue.
 */
import type { OwnHead, ServiceVerdict } from './service.js'

const HOUR = 3_600_000
/**
 * A witness counts as silent after two hours: its cosignature of an unchanged head is requested again earlier.
 */
const RENEW = HOUR / 2

/**
 * Milliseconds after which a head is sent again, null for one polling interval; and whether a larger one is sent at
 * once.
 */
const AFTER: Readonly<Record<ServiceVerdict, { readonly again: number | null; readonly larger: boolean }>> = {
  taken: { again: RENEW, larger: true },
  uncounted: { again: RENEW, larger: true },
  ahead: { again: HOUR, larger: true },
  refused: { again: HOUR, larger: true },
  'unknown-log': { again: HOUR, larger: false },
  consistent: { again: HOUR, larger: true },
  pending: { again: null, larger: true },
  inconsistent: { again: HOUR, larger: true },
  read: { again: null, larger: false },
  nothing: { again: null, larger: false },
}

export interface Visit {
  readonly does: 'push' | 'pull'
  /** When. */
  readonly at: number
}

export class Visits {
  readonly #does: { readonly push: boolean; readonly pull: boolean }
  readonly #pauseMs: number
  readonly #intervalMs: number
  /** When each is due in any case. */
  #pullAt = 0
  #pushAt = 0
  /** When a larger head may be sent. */
  #largerAt = 0
  /** The size that was last sent. */
  #size: number | undefined

  /** At least `pauseMs` between two pushes, and `intervalMs` between two pulls. */
  constructor(does: { push: boolean; pull: boolean }, pauseMs: number, intervalMs: number) {
    this.#does = does
    this.#pauseMs = pauseMs
    this.#intervalMs = intervalMs
  }

  /** The next visit, given our current head. */
  next(head: OwnHead | undefined): Visit {
    const push = this.#does.push && head !== undefined ? this.#pushDue(head) : Infinity
    const pull = this.#does.pull ? this.#pullAt : Infinity
    return push <= pull ? { does: 'push', at: push } : { does: 'pull', at: pull }
  }

  #pushDue({ size }: OwnHead): number {
    return this.#size !== undefined && size > this.#size ? this.#largerAt : this.#pushAt
  }

  /** A visit ended with a verdict; undefined if it could not be made: then it is due again after one interval. */
  ended(does: Visit['does'], head: OwnHead | undefined, verdict: ServiceVerdict | undefined, now: number): void {
    const after = verdict === undefined ? { again: null, larger: false } : AFTER[verdict]
    const at = now + (after.again ?? this.#intervalMs)
    if (does === 'pull') this.#pullAt = at
    else {
      this.#pushAt = at
      this.#largerAt = after.larger ? now + this.#pauseMs : at
      this.#size = head?.size
    }
  }
}
