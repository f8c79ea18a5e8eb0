import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RollbackGuard, type GuardReport, type RollbackGuardOptions } from '../../src/witness/rollback.js'

beforeEach(() => {
  vi.useFakeTimers({ now: Date.UTC(2026, 0, 1) })
})
afterEach(() => {
  vi.useRealTimers()
})

function guardWith(options: Partial<RollbackGuardOptions> = {}) {
  const reports: GuardReport[] = []
  const guard = new RollbackGuard({
    created: false,
    peers: 3,
    waitMs: 30_000,
    now: Date.now,
    onChange: (report) => reports.push(report),
    ...options,
  })
  let settled = false
  void guard.settled.then(() => (settled = true))
  return { guard, reports, states: () => reports.map(({ state }) => state), isSettled: () => settled }
}

async function after(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

describe('the rollback guard', () => {
  test('waits for a peer, and a moment longer for others who may know more', async () => {
    const { guard, states, isSettled } = guardWith()
    expect(guard.maySign).toBe(false)
    await after(10_000)
    guard.answered('one', true)
    await after(2_999)
    guard.answered('two', true)
    expect([guard.maySign, isSettled()]).toEqual([false, false])
    await after(1)
    expect([guard.maySign, isSettled()]).toEqual([true, true])
    expect(states()).toEqual(['waiting', 'guarded'])
  })

  test('waits no longer when all have answered', async () => {
    const { guard, isSettled } = guardWith({ peers: 2 })
    guard.answered('one', true)
    guard.answered('one', true)
    await after(0)
    expect(isSettled()).toBe(false)
    guard.answered('two', true)
    await after(0)
    expect([guard.maySign, isSettled()]).toEqual([true, true])
  })

  test('does not take the silence of a stranger, who came to us, for an answer', async () => {
    const { guard, states } = guardWith()
    for (let i = 0; i < 10; i++) guard.answered(`stranger ${i}`, false)
    await after(29_999)
    expect(guard.maySign).toBe(false)
    await after(1)
    expect(states()).toEqual(['waiting', 'unanswered'])
  })

  test('says so when nobody answers, signs then, and is guarded when somebody does', async () => {
    const { guard, reports, states, isSettled } = guardWith({ waitMs: 5_000 })
    await after(4_999)
    expect(isSettled()).toBe(false)
    await after(1)
    expect([guard.maySign, isSettled()]).toEqual([true, true])
    expect(reports[1]!.text).toContain('no peer said within 5 s')
    guard.answered('late', true)
    expect(states()).toEqual(['waiting', 'unanswered', 'guarded'])
  })

  test('need not wait for a key that was just made, nor where there is nobody to ask', async () => {
    const fresh = guardWith({ created: true })
    const lonely = guardWith({ peers: 0 })
    await after(0)
    expect([fresh.guard.maySign, fresh.isSettled(), fresh.states()]).toEqual([true, true, ['fresh']])
    expect([lonely.guard.maySign, lonely.isSettled(), lonely.states()]).toEqual([true, true, ['unguarded']])
    lonely.guard.answered('somebody', true)
    expect(lonely.states()).toEqual(['unguarded', 'guarded'])
  })

  test('tells a twin from an older life of its own by the time of the signature', async () => {
    const { guard, states } = guardWith({ created: true })
    guard.sawUnknown(Date.now() / 1000 - 1)
    expect(states()).toEqual(['fresh'])
    await after(5_000)
    guard.sawUnknown(Date.now() / 1000)
    guard.sawTwin()
    guard.answered('somebody', true)
    expect(states()).toEqual(['fresh', 'twin'])
  })

  test('a twin does not end the waiting: what it has signed is still to be learnt', async () => {
    const { guard, states, isSettled } = guardWith()
    guard.sawTwin()
    await after(5_000)
    expect([guard.maySign, isSettled(), states()]).toEqual([false, false, ['waiting']])
    guard.answered('somebody', true)
    await after(3_000)
    expect([guard.maySign, isSettled(), states()]).toEqual([true, true, ['waiting', 'twin']])
  })

  test('waits no more once it is stopped', async () => {
    const { guard, states, isSettled } = guardWith()
    guard.stop()
    guard.answered('late', true)
    guard.sawTwin()
    await after(60_000)
    expect([isSettled(), states()]).toEqual([false, ['waiting']])
  })
})
