import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { answersNeeded, depositsNeeded } from '../../src/witness/deposit-ledger.js'
import { RollbackGuard, type GuardReport, type RollbackGuardOptions } from '../../src/witness/rollback-guard.js'

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
})
afterEach(() => {
  vi.useRealTimers()
})

/** A guard over n chosen peers. */
function guardOver(n: number, options: Partial<RollbackGuardOptions> = {}) {
  const reports: GuardReport[] = []
  const guard = new RollbackGuard({
    fresh: false,
    chosen: () => n,
    keep: undefined,
    waitMs: 30_000,
    now: Date.now,
    onChange: (report) => reports.push(report),
    ...options,
  })
  guard.start()
  let settled = false
  void guard.settled.then(() => (settled = true))
  return { guard, reports, states: () => reports.map(({ state }) => state), isSettled: () => settled }
}

async function after(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

const secondsNow = (): number => Math.floor(Date.now() / 1000)

describe('the start barrier', () => {
  test.each([
    // n, k, the answers needed
    [1, undefined, 1],
    [2, undefined, 1],
    [3, undefined, 2],
    [4, undefined, 2],
    [5, undefined, 3],
    [5, 1, 5],
    [5, 5, 1],
    // More than there are: no deposit is ever made, and one answer is better than none.
    [2, 3, 1],
  ])('with %s chosen peers, of which %s keep a promise, needs %s answers', async (n, keep, need) => {
    const { guard, states, isSettled } = guardOver(n, { keep })
    for (let i = 1; i < need; i++) guard.answered(`peer ${i}`)
    await after(29_999)
    expect([guard.maySign, isSettled(), states()]).toEqual([false, false, ['waiting']])
    guard.answered('the last')
    await after(0)
    expect([guard.maySign, isSettled(), states()]).toEqual([true, true, ['waiting', 'guarded']])
  })

  test('gets an answer from a peer that keeps the promise, whichever peers keep it and answer', () => {
    const many = fc.integer({ min: 1, max: 40 }).chain((n) =>
      fc.record({
        n: fc.constant(n),
        keep: fc.option(fc.integer({ min: 1, max: n }), { nil: undefined }),
        // Two orders of the same peers: the first ones keep it, the first ones answer.
        keepers: fc.shuffledSubarray([...Array(n).keys()], { minLength: n, maxLength: n }),
        answerers: fc.shuffledSubarray([...Array(n).keys()], { minLength: n, maxLength: n }),
      }),
    )
    fc.assert(
      fc.property(many, ({ n, keep, keepers, answerers }) => {
        const keeping = new Set(keepers.slice(0, depositsNeeded(n, keep)))
        const answering = answerers.slice(0, answersNeeded(n, keep))
        expect(answering.some((peer) => keeping.has(peer))).toBe(true)
        // One answer fewer would not be enough: some sets of keepers would include none of them.
        expect(answering.length + keeping.size).toBe(n + 1)
      }),
    )
  })

  test('counts a peer once, however often it answers', async () => {
    const { guard } = guardOver(3)
    for (let i = 0; i < 9; i++) guard.answered('one')
    await after(29_999)
    expect(guard.maySign).toBe(false)
    guard.answered('two')
    expect(guard.maySign).toBe(true)
  })

  test('reports how many peers answered if too few did, and improves with each later answer', async () => {
    const { guard, reports, states, isSettled } = guardOver(5, { waitMs: 5_000 })
    guard.answered('one')
    await after(4_999)
    expect(isSettled()).toBe(false)
    await after(1)
    expect([guard.maySign, isSettled()]).toEqual([true, true])
    expect(reports[1]).toMatchObject({ state: 'partly guarded', since: '2026-01-01T00:00:05.000Z' })
    expect(reports[1]!.text).toMatch(/^only 1 of 5 chosen peers .* 3 are needed/)
    await after(1_000)
    guard.answered('two')
    guard.answered('two')
    expect(reports[2]).toMatchObject({ state: 'partly guarded', since: '2026-01-01T00:00:05.000Z' })
    expect(reports[2]!.text).toMatch(/^only 2 of 5/)
    guard.answered('three')
    guard.answered('four')
    expect(states()).toEqual(['waiting', 'partly guarded', 'partly guarded', 'guarded'])
  })

  test('reports that no peer answered, opens then, and is guarded once enough do', async () => {
    const { guard, reports, states } = guardOver(3, { waitMs: 5_000 })
    await after(5_000)
    expect(guard.maySign).toBe(true)
    expect(reports[1]!.text).toContain('none of 3 chosen peers answered within 5 s')
    guard.answered('late')
    guard.answered('later')
    expect(states()).toEqual(['waiting', 'unanswered', 'partly guarded', 'guarded'])
  })

  test('does not wait for keys that were just made, nor if no peer is chosen', async () => {
    const fresh = guardOver(3, { fresh: true })
    const lonely = guardOver(0)
    await after(0)
    expect([fresh.guard.maySign, fresh.isSettled(), fresh.states()]).toEqual([true, true, ['fresh']])
    expect([lonely.guard.maySign, lonely.isSettled(), lonely.states()]).toEqual([true, true, ['unguarded']])
    fresh.guard.answered('somebody')
    expect(fresh.states()).toEqual(['fresh'])
  })

  test('counts the answers in its report while it waits', () => {
    const { guard, reports } = guardOver(5)
    guard.answered('one')
    expect(guard.report.text).toMatch(/^1 of 5 chosen peers .* until 3 have, or 30 s have passed$/)
    expect(reports).toHaveLength(1)
  })

  test('does nothing more once it is stopped', async () => {
    const { guard, states, isSettled } = guardOver(1)
    guard.stop()
    guard.answered('late')
    guard.sawTwin()
    await after(60_000)
    expect([isSettled(), states()]).toEqual([false, ['waiting']])
  })
})

describe('a twin', () => {
  test('is recognised by a signature from after our start; an older one is from an earlier run', async () => {
    const { guard, states } = guardOver(3, { fresh: true })
    guard.sawUnknown(secondsNow() - 1)
    guard.sawUnknown(secondsNow())
    expect([states(), guard.maySign]).toEqual([['fresh'], true])
    await after(5_000)
    guard.sawUnknown(secondsNow())
    expect([states(), guard.maySign]).toEqual([['fresh', 'twin'], false])
  })

  test('is not inferred from a signature dated in the future, because a clock was or is wrong', async () => {
    const { guard, states } = guardOver(0)
    await after(5_000)
    guard.sawUnknown(secondsNow() + 61)
    expect(states()).toEqual(['unguarded'])
    guard.sawUnknown(secondsNow() + 60)
    expect(states()).toEqual(['unguarded', 'twin'])
  })

  test.each([
    ['enough peers have answered', (guard: RollbackGuard) => guard.answered('somebody'), 0],
    ['the time is up', () => undefined, 30_000],
  ])('does not end the wait: what it signed is learnt until %s', async (_, end, ms) => {
    const { guard, states, isSettled } = guardOver(1)
    guard.sawTwin()
    await after(5_000)
    expect([guard.maySign, isSettled(), states()]).toEqual([false, false, ['waiting']])
    end(guard)
    await after(ms)
    expect([guard.maySign, isSettled(), states()]).toEqual([false, true, ['waiting', 'twin']])
  })

  test('is final for the whole run, whatever peers answer', async () => {
    const { guard, states } = guardOver(3, { waitMs: 1_000 })
    await after(1_000)
    guard.sawTwin()
    guard.sawTwin()
    for (const peer of ['one', 'two', 'three']) guard.answered(peer)
    await after(60_000)
    expect([guard.maySign, states()]).toEqual([false, ['waiting', 'unanswered', 'twin']])
  })
})

describe('what the guard says', () => {
  const waited = async (guard: RollbackGuard) => {
    await after(30_000)
    return guard
  }
  const answeredBy = (guard: RollbackGuard, ...peers: readonly string[]) => {
    for (const peer of peers) guard.answered(peer)
    return guard
  }
  const seen = (guard: RollbackGuard) => {
    guard.sawTwin()
    return guard
  }

  test.each<[string, () => RollbackGuard | Promise<RollbackGuard>, string]>([
    [
      'fresh',
      () => guardOver(3, { fresh: true }).guard,
      'the keys were made at this start: they have signed nothing before',
    ],
    [
      'fresh',
      () => guardOver(3, { fresh: true, keyless: true }).guard,
      'there is no witness key: nothing was signed before, and nothing will be',
    ],
    [
      'waiting',
      () => answeredBy(guardOver(3).guard, 'p'),
      '1 of 3 chosen peers have reported what this key signed before; nothing is signed until 2 have, or 30 s have passed',
    ],
    [
      'guarded',
      () => answeredBy(guardOver(3).guard, 'p', 'q'),
      '2 of 3 chosen peers have reported what this key signed before; 2 are enough',
    ],
    [
      'partly guarded',
      () => waited(answeredBy(guardOver(3).guard, 'p')),
      'only 1 of 3 chosen peers have reported what this key signed before, and 2 are needed to be sure: signing from local state only',
    ],
    [
      'unanswered',
      () => waited(guardOver(3).guard),
      'none of 3 chosen peers answered within 30 s: signing from local state only',
    ],
    [
      'unguarded',
      () => guardOver(0).guard,
      'there are no chosen peers to report what this key signed before: a restored backup would go unnoticed',
    ],
    [
      'twin',
      () => waited(seen(guardOver(3).guard)),
      'another node is signing with this key, so this one signs nothing: stop one of them, then restart this one',
    ],
  ])('%s', async (state, guard, text) => {
    expect((await guard()).report).toMatchObject({ state, text })
  })

  test('changes when a peer is chosen and answers where there was none', () => {
    const peers: string[] = []
    const { guard, states } = guardOver(0, { chosen: () => peers.length })
    peers.push('p')
    guard.answered('p')
    expect(states()).toEqual(['unguarded', 'guarded'])
  })
})
