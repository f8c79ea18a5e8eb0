import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Tree } from '../../src/tlog/merkle.js'
import { AdvanceThrottle, BURST, PAUSE_MS } from '../../src/witness/advance-throttle.js'

beforeEach(() => {
  vi.useFakeTimers({ now: 500 * PAUSE_MS })
})
afterEach(() => {
  vi.useRealTimers()
})

function head(size: number, root = size): Tree {
  return { size, root: new Uint8Array(32).fill(root) }
}

/** Heads that wait for their turn, and the order in which they got it, for a log that has used up its burst. */
function line({ spent = true } = {}) {
  const throttle = new AdvanceThrottle(Date.now)
  if (spent) for (let size = 0; size < BURST; size++) throttle.signed('log', 0)
  const stop = new AbortController()
  const went: number[] = []
  const ask = (size: number, log = 'log'): void => {
    void throttle.turn(log, head(size), stop.signal).then((leave) => {
      went.push(size)
      leave?.()
    })
  }
  return { throttle, stop, went, ask }
}

async function after(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms)
}

describe('the advance throttle', () => {
  test('lets a burst of heads through at once, and no more', async () => {
    const { throttle, went, ask } = line({ spent: false })
    const burst = Array.from({ length: BURST + 1 }, (_, i) => i + 1)
    for (const size of burst) {
      ask(size)
      await after(0)
      throttle.signed('log', size)
    }
    ask(100)
    await after(0)
    expect(went).toEqual(burst)
    await after(PAUSE_MS)
    expect(went).toEqual([...burst, 100])
  })

  test('regains one head of the burst for each pause in which the log rests, and none while it does not', async () => {
    const { throttle, went, ask } = line()
    throttle.signed('log', 1)
    const beats = Array.from({ length: 20 }, (_, i) => i + 2)
    for (const size of beats) {
      ask(size)
      await after(0)
      expect(went).not.toContain(size)
      await after(PAUSE_MS)
      throttle.signed('log', size)
    }
    // Its own pause, and three more.
    await after(4 * PAUSE_MS)
    for (const size of [101, 102, 103, 104, 105]) {
      ask(size)
      await after(0)
      if (went.includes(size)) throttle.signed('log', size)
    }
    expect(went.filter((size) => size > 100)).toEqual([101, 102, 103, 104])
  })

  test('lets one head through at once after the burst, and the largest of the rest after a pause', async () => {
    const { throttle, went, ask } = line()
    ask(5)
    await after(0)
    expect(went).toEqual([5])
    throttle.signed('log', 5)
    for (const size of [6, 9, 8]) ask(size)
    await after(PAUSE_MS - 1)
    expect(went).toEqual([5])
    await after(1)
    expect(went).toEqual([5, 9])
    throttle.signed('log', 9)
    await after(0)
    expect(went).toEqual([5, 9, 6, 8])
  })

  test('lets all heads of the largest size through, because a fork among them must come to light', async () => {
    const { throttle, went, ask } = line()
    throttle.signed('log', 5)
    for (const size of [9, 9, 7]) ask(size)
    await after(PAUSE_MS)
    expect(went).toEqual([9, 9])
  })

  test('lets the other heads through shortly after the largest, even if nothing came of that one', async () => {
    const { throttle, went, ask } = line()
    throttle.signed('log', 5)
    for (const size of [7, 9, 6]) ask(size)
    await after(PAUSE_MS)
    expect(went).toEqual([9])
    await after(249)
    expect(went).toEqual([9])
    await after(1)
    expect(went).toEqual([9, 7, 6])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('lets those through at once that are not larger than what was cosigned meanwhile, and no other', async () => {
    const { throttle, went, ask } = line()
    throttle.signed('log', 5)
    for (const size of [9, 7, 6]) ask(size)
    throttle.signed('log', 7)
    await after(0)
    expect(went).toEqual([7, 6])
    await after(2 * PAUSE_MS)
    expect(went).toEqual([7, 6, 9])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('lets a head wait behind others that wait after the pause has ended', async () => {
    const { throttle, went, ask } = line()
    throttle.signed('log', 5)
    for (const size of [9, 7]) ask(size)
    await after(PAUSE_MS)
    ask(6)
    await after(0)
    expect(went).toEqual([9])
    await after(250)
    expect(went).toEqual([9, 7, 6])
  })

  test('does not let a smaller head overtake one that is waiting', async () => {
    const { throttle, went, ask } = line()
    throttle.signed('log', 5)
    ask(7)
    await after(PAUSE_MS / 2)
    ask(6)
    await after(PAUSE_MS / 2)
    expect(went).toEqual([7])
  })

  test('opens at the same moments on every node, whenever each last signed', async () => {
    const [early, late] = [line(), line()]
    early.throttle.signed('log', 5)
    early.ask(6)
    await after(PAUSE_MS - 500)
    late.throttle.signed('log', 5)
    late.ask(7)
    await after(499)
    expect([early.went, late.went]).toEqual([[], []])
    await after(1)
    expect([early.went, late.went]).toEqual([[6], [7]])
  })

  test('holds at most 8 undecided heads, and any number of messages of each', async () => {
    const { throttle, stop } = line()
    throttle.signed('log', 5)
    const turns = Array.from({ length: 8 }, (_, i) => throttle.turn('log', head(10, i), stop.signal))
    turns.push(throttle.turn('log', head(10, 3), stop.signal))
    expect(await throttle.turn('log', head(10, 99), stop.signal)).toBeUndefined()
    expect(await throttle.turn('log', head(99), stop.signal)).toBeUndefined()
    await after(PAUSE_MS)
    const leave = await Promise.all(turns)
    // All of them have had their turn, and are being proven.
    expect(await throttle.turn('log', head(99), stop.signal)).toBeUndefined()
    leave[3]!()
    expect(await throttle.turn('log', head(99), stop.signal), 'another message of that head').toBeUndefined()
    leave[8]!()
    expect(await throttle.turn('log', head(99), stop.signal)).toBeTypeOf('function')
  })

  test('is separate for each log', async () => {
    const { throttle, went, ask } = line()
    throttle.signed('log', 5)
    ask(7, 'another')
    await after(0)
    expect(went).toEqual([7])
  })

  test('holds no head once it is stopped, nor for more than a pause if the clock is set back', async () => {
    const { throttle, stop, went, ask } = line()
    throttle.signed('log', 5)
    vi.setSystemTime(0)
    ask(7)
    await after(PAUSE_MS)
    expect(went).toEqual([7])
    ask(8)
    stop.abort()
    ask(9)
    await after(0)
    expect(went).toEqual([7, 8, 9])
    // Nothing is left that would keep a process alive.
    expect(vi.getTimerCount()).toBe(0)
  })
})
