/** What strangers may make us write: renewals by one key, and lines by keys that only neighbours count. */
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Cosignature } from '../../src/tlog/cosignature.js'
import { Renewals, StrangersLines } from '../../src/witness/renewals.js'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => void vi.useRealTimers())
})

test('a key may renew three times at once per log, and then once a minute', () => {
  const renewals = new Renewals()
  const times = (n: number, log = 'log', key = 'key'): number =>
    Array.from({ length: n }, () => renewals.mayTake(log, key)).filter(Boolean).length
  expect(times(10)).toBe(3)
  expect([times(10, 'another log'), times(10, 'log', 'another key')]).toEqual([3, 3])
  vi.advanceTimersByTime(59_000)
  expect(times(10)).toBe(0)
  vi.advanceTimersByTime(1_000)
  expect(times(10)).toBe(1)
})

describe('lines of strangers', () => {
  const lines = (...keys: string[]): ReadonlyMap<string, Cosignature> =>
    new Map(keys.map((key) => [key, { time: 1 } as Cosignature]))
  const many = (count: number, name: string): string[] => Array.from({ length: count }, (_, i) => `${name} ${i}`)
  const everything = (given: ReadonlyMap<string, Cosignature>) => Promise.resolve(given)

  test('are accepted up to 1024 at once and 32 a second per peer; beyond that, only those that count', async () => {
    const strangers = new StrangersLines(new Set(['counted']))
    const take = async (peer: string | undefined, ...keys: string[]): Promise<string[]> => [
      ...(await strangers.take(peer, lines(...keys), everything)).keys(),
    ]
    expect(await take('p', ...many(1023, 'a'))).toHaveLength(1023)
    expect(await take('p', 'last', 'counted')).toEqual(['last', 'counted'])
    expect(await take('p', 'over', 'counted')).toEqual(['counted'])
    expect(await take('another', 'over', 'counted')).toEqual(['over', 'counted'])
    // What we found ourselves counts against no peer.
    expect(await take(undefined, 'over', 'counted')).toEqual(['over', 'counted'])
    vi.advanceTimersByTime(1_000)
    expect(await take('p', ...many(32, 'b'))).toHaveLength(32)
    expect(await take('p', 'over', 'counted')).toEqual(['counted'])
  })

  test('that are not new, or that count, cost nothing', async () => {
    const strangers = new StrangersLines(new Set(['counted']))
    for (let i = 0; i < 2000; i++) {
      await strangers.take('p', lines('known'), () => Promise.resolve(lines()))
      await strangers.take('p', lines('counted'), everything)
    }
    expect([...(await strangers.take('p', lines(...many(1024, 'a')), everything)).keys()]).toHaveLength(1024)
  })
})
