/**
 * Time in the model stands still until nothing else can happen: timers, the date and the clock that nobody sets are made
 * up, the turns of the event loop are not.
 */
import { vi } from 'vitest'

/** Behind the release of this version. */
export const START = Date.UTC(2027, 0, 1)

/** How far the date was set forward, in milliseconds since 1970: the rest of it has passed. */
let setBy = START

/** Time begins anew. */
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

/** The clock is set; nothing that waits becomes due. */
export function setClock(ms: number): void {
  setBy += ms - Date.now()
  vi.setSystemTime(ms)
}

/** Goes on to the next timer. False when there is none. */
export function nextTimer(): boolean {
  if (vi.getTimerCount() === 0) return false
  vi.advanceTimersToNextTimer()
  return true
}

export function pass(ms: number): void {
  vi.advanceTimersByTime(ms)
}

/** No timer of a process that is gone may fire. Time goes on from where it is. */
export function dropTimers(): void {
  const now = Date.now()
  vi.clearAllTimers()
  vi.setSystemTime(now)
}

/** One turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve))
}
