/** A budget of requests and bytes, on a clock that the test moves. */
import { describe, expect, it } from 'vitest'
import { PoliteSource } from '../../../src/audit/walk/polite-source.js'
import type { LogSource } from '../../../src/sumdb/log-source.js'
import { RequestBudget } from '../../../src/sumdb/request-budget.js'

/** A source that records the times of its requests, behind a budget; time passes when a request waits. */
function politely(perSecond: number, bytes = 0) {
  let now = 1_000_000
  const asked: number[] = []
  const sleeping: { at: number; wake: () => void }[] = []
  const source: LogSource = {
    url: 'http://log.example',
    get: () => {
      asked.push(now)
      return Promise.resolve(new Uint8Array(bytes))
    },
  }
  const delay = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
    new Promise((wake, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason as Error))
      sleeping.push({ at: now + ms, wake })
    })
  /** Lets time pass until nothing waits. */
  const pass = async (): Promise<void> => {
    for (;;) {
      // Requests that were woken are sent, and their callers continue, before time goes on.
      for (let i = 0; i < 20; i++) await Promise.resolve()
      const next = sleeping.sort((a, b) => a.at - b.at).shift()
      if (next === undefined) return
      now = Math.max(now, next.at)
      next.wake()
    }
  }
  const budget = new RequestBudget(perSecond, delay, () => now)
  return {
    budget,
    other: new PoliteSource(source, budget),
    polite: new PoliteSource(source, budget),
    asked,
    pass,
    later: (ms: number) => (now += ms),
  }
}

/** The maximum number of requests in any second. */
function densest(times: readonly number[]): number {
  return Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 999.999).length))
}

describe('a polite source', () => {
  it.each([1, 7, 50])('sends at most %i requests in any second, for any number of callers', async (perSecond) => {
    const { polite, asked, pass } = politely(perSecond)
    const all = Array.from({ length: 4 * perSecond }, () => polite.get('x', 10))
    await pass()
    await Promise.all(all)
    expect(asked).toHaveLength(4 * perSecond)
    expect(densest(asked)).toBe(perSecond)
    expect(asked.at(-1)! - asked[0]!).toBeGreaterThanOrEqual(3999 - 1000 / perSecond)
  })

  it('shares its budget with another source, and with other requests to the log', async () => {
    const { polite, other, budget, asked, pass } = politely(10)
    const all = [polite, other].flatMap((source) => Array.from({ length: 10 }, () => source.get('x', 10)))
    const taken = budget.take(20).then(() => polite.get('x', 10))
    await pass()
    await Promise.all([...all, taken])
    expect(densest(asked)).toBe(10)
    expect(asked.at(-1)! - asked[0]!).toBeGreaterThanOrEqual(4000)
  })

  it('saves up no requests while idle', async () => {
    const { polite, asked, pass, later } = politely(10)
    await polite.get('x', 10)
    later(60_000)
    const all = Array.from({ length: 20 }, () => polite.get('x', 10))
    await pass()
    await Promise.all(all)
    expect(densest(asked)).toBe(10)
  })

  it('also counts bytes: a large answer delays the following requests', async () => {
    const { polite, asked, pass } = politely(16, 1024 * 1024)
    for (let i = 0; i < 4; i++) {
      const answer = polite.get('x', 2 ** 21)
      await pass()
      await answer
    }
    expect(asked.map((at) => Math.round(at - asked[0]!))).toEqual([0, 1000, 2000, 3000])
  })

  it('passes on the path, the limit, errors and the abort signal', async () => {
    const seen: unknown[] = []
    const source: LogSource = {
      url: 'http://log.example',
      get: (...given) => {
        seen.push(given)
        return Promise.reject(new Error('no'))
      },
    }
    const stop = new AbortController()
    const polite = new PoliteSource(source, new RequestBudget(1000, () => Promise.resolve()))
    await expect(polite.get('tile/8/0/000', 77, { signal: stop.signal })).rejects.toThrow('no')
    expect(seen).toEqual([['tile/8/0/000', 77, { signal: stop.signal }]])
    expect(polite.url).toBe(source.url)
  })

  it('sends no request that was aborted while waiting', async () => {
    const { polite, asked, pass } = politely(1)
    await polite.get('x', 1)
    const stop = new AbortController()
    const waiting = polite.get('x', 1, { signal: stop.signal })
    stop.abort(new Error('stopped'))
    await expect(waiting).rejects.toThrow('stopped')
    await pass()
    expect(asked).toHaveLength(1)
  })
})
