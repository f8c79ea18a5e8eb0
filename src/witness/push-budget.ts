/** How many of the heads that a log pushes are cosigned per day, if a log list sets a limit. */
import { TokenBuckets } from '../lib/token-buckets.js'

const SECONDS_PER_DAY = 24 * 60 * 60

/**
 * Takes one cosignature from a log's daily quota. Returns a function that gives it back if none was made; undefined
 * when the quota is used up.
 */
export type TakePush = (log: string, now: number) => (() => void) | undefined

/**
 * The quotas of all logs; a log without a number has no limit. A day's quota may be used at once, and refills evenly
 * over the day; a node starts with a full one. `now` is in milliseconds.
 */
export function pushBudget(logs: readonly { readonly id: string; readonly perDay: number | null }[]): TakePush {
  const budgets = new Map<string, TokenBuckets>()
  for (const { id, perDay } of logs) {
    if (perDay !== null) budgets.set(id, new TokenBuckets(perDay, perDay / SECONDS_PER_DAY))
  }
  return (log, now) => {
    const budget = budgets.get(log)
    return budget?.take(log, now) === false ? undefined : () => budget?.giveBack(log)
  }
}
