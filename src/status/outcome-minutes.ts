/**
 * How many heads of a log arrived through each door in each of the last minutes, and their outcomes. Bounded by the
 * followed logs, the minutes and two closed sets. Pure.
 */
import type { OutcomeKind } from '../witness/outcome.js'
import type { Door } from '../witness/source.js'

/** Minutes that are remembered, including the current one. */
export const MINUTES = 60
const MINUTE_MS = 60_000

/** Heads with one outcome that arrived through one door in one minute. */
export interface OutcomeCount {
  readonly door: Door
  readonly outcome: OutcomeKind
  /** Minutes since that minute; 0 for the current one. */
  readonly ago: number
  readonly count: number
}

type Key = `${Door} ${OutcomeKind}`
type Minute = Map<Key, number>

export class OutcomeMinutes {
  /** By log, then by the number of the minute, the oldest first. */
  readonly #logs = new Map<string, Map<number, Minute>>()

  /** `at` is in monotonic milliseconds. */
  note(log: string, door: Door, outcome: OutcomeKind, at: number): void {
    const minutes = this.#logs.get(log) ?? new Map<number, Minute>()
    this.#logs.set(log, minutes)
    const now = Math.floor(at / MINUTE_MS)
    const minute = minutes.get(now) ?? new Map<Key, number>()
    minutes.set(now, minute)
    const key = `${door} ${outcome}` as const
    minute.set(key, (minute.get(key) ?? 0) + 1)
    for (const old of minutes.keys()) if (old <= now - MINUTES) minutes.delete(old)
  }

  /** The counts of a log that are not zero, the oldest first. */
  of(log: string, at: number): OutcomeCount[] {
    const now = Math.floor(at / MINUTE_MS)
    return [...(this.#logs.get(log) ?? [])].flatMap(([minute, counts]) => {
      const ago = now - minute
      if (ago >= MINUTES) return []
      return [...counts].map(([key, count]) => {
        const [door, outcome] = key.split(' ') as [Door, OutcomeKind]
        return { door, outcome, ago, count }
      })
    })
  }
}
