import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { FirstLooks } from '../../src/witness/first-looks.js'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

/** Whether a caller waiting for the first poll of a log may go on. */
function waiting(looks: FirstLooks, log: string): { isOver: boolean } {
  const state = { isOver: false }
  void looks.of(log).then(() => (state.isOver = true))
  return state
}

describe('the first look at a log', () => {
  test('is waited for until it is over, and not again', async () => {
    const looks = new FirstLooks(['a', 'b'])
    const first = waiting(looks, 'a')
    await vi.advanceTimersByTimeAsync(2_999)
    expect(first.isOver).toBe(false)
    looks.over('b')
    await vi.advanceTimersByTimeAsync(0)
    expect(first.isOver).toBe(false)
    looks.over('a')
    const late = waiting(looks, 'a')
    await vi.advanceTimersByTimeAsync(0)
    expect([first.isOver, late.isOver]).toEqual([true, true])
  })

  test('delays no caller for more than three seconds, because a log may hang', async () => {
    const hung = waiting(new FirstLooks(['a']), 'a')
    await vi.advanceTimersByTimeAsync(3_000)
    expect(hung.isOver).toBe(true)
  })

  test('is not waited for if the log is only pushed', async () => {
    const pushed = waiting(new FirstLooks([]), 'a')
    await vi.advanceTimersByTimeAsync(0)
    expect(pushed.isOver).toBe(true)
  })
})
