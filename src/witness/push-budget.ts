/** How many of the heads that a log pushes are cosigned in a day, where a log list says so. */
import { TokenBuckets } from '../lib/token-buckets.js'

const SECONDS_PER_DAY = 24 * 60 * 60

/** Takes one cosignature of a log's day. Returns how to give it back when none came of it; undefined when none is left. */
export type TakePush = (log: string, now: number) => (() => void) | undefined

/**
 * Of a log without a number there is always one left. A day's worth may be taken at once, and comes back evenly over the
 * day; a node that starts begins with a whole one. `now` in milliseconds.
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
