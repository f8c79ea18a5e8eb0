/**
 * Time in the model stands still until nothing else can happen: timers, the date and the monotonic clock are simulated,
 * the turns of the event loop are not.
 */
import { vi } from 'vitest'

/** After the release of this version. */
export const START = Date.UTC(2027, 0, 1)

/** How far the date was set forward, in milliseconds since 1970; the rest has passed. */
let setBy = START

/** Resets time. */
export function beginTime(): void {
  vi.clearAllTimers()
  vi.setSystemTime(START)
  setBy = START
}

export function stopTime(): void {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'], now: START })
  vi.spyOn(performance, 'now').mockImplementation(() => Date.now() - setBy)
}

export function letTimeGo(): void {
  vi.useRealTimers()
  vi.restoreAllMocks()
}

/** Sets the clock; no timer becomes due by that. */
export function setClock(ms: number): void {
  setBy += ms - Date.now()
  vi.setSystemTime(ms)
}

/** Moves on to the next timer. False if there is none. */
export function nextTimer(): boolean {
  if (vi.getTimerCount() === 0) return false
  vi.advanceTimersToNextTimer()
  return true
}

export function pass(ms: number): void {
  vi.advanceTimersByTime(ms)
}

/** Removes the timers of a process that is gone. Time goes on from where it is. */
export function dropTimers(): void {
  const now = Date.now()
  vi.clearAllTimers()
  vi.setSystemTime(now)
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
