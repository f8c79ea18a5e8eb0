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
    hasPeers: true,
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
    guard.answered('one')
    await after(999)
    guard.answered('two')
    expect([guard.maySign, isSettled()]).toEqual([false, false])
    await after(1)
    expect([guard.maySign, isSettled()]).toEqual([true, true])
    expect(states()).toEqual(['waiting', 'guarded'])
  })

  test('says so when nobody answers, signs then, and is guarded when somebody does', async () => {
    const { guard, reports, states, isSettled } = guardWith({ waitMs: 5_000 })
    await after(4_999)
    expect(isSettled()).toBe(false)
    await after(1)
    expect([guard.maySign, isSettled()]).toEqual([true, true])
    expect(reports[1]!.text).toContain('no peer said within 5 s')
    guard.answered('late')
    expect(states()).toEqual(['waiting', 'alone', 'guarded'])
  })

  test('need not wait for a key that was just made, nor where there is nobody to ask', async () => {
    const fresh = guardWith({ created: true })
    const lonely = guardWith({ hasPeers: false })
    await after(0)
    expect([fresh.guard.maySign, fresh.isSettled(), fresh.states()]).toEqual([true, true, ['fresh']])
    expect([lonely.guard.maySign, lonely.isSettled(), lonely.states()]).toEqual([true, true, ['unguarded']])
    lonely.guard.answered('somebody')
    expect(lonely.states()).toEqual(['unguarded', 'guarded'])
  })

  test('tells a twin from an older life of its own by the time of the signature', async () => {
    const { guard, states } = guardWith({ created: true })
    guard.sawUnknown(Date.now() / 1000 - 1)
    expect(states()).toEqual(['fresh'])
    await after(5_000)
    guard.sawUnknown(Date.now() / 1000)
    guard.sawTwin()
    guard.answered('somebody')
    expect(states()).toEqual(['fresh', 'twin'])
  })

  test('a twin ends the waiting', async () => {
    const { guard, states, isSettled } = guardWith()
    guard.sawTwin()
    await after(60_000)
    expect([guard.maySign, isSettled(), states()]).toEqual([true, true, ['waiting', 'twin']])
  })

  test('waits no more once it is stopped', async () => {
    const { guard, states, isSettled } = guardWith()
    guard.stop()
    await after(60_000)
    expect([isSettled(), states()]).toEqual([false, ['waiting']])
  })
})
