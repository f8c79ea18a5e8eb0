/** A timer as a function, so that tests can supply another clock. */

/** Calls `act` after `ms` milliseconds; returns a function that cancels it. */
export type SetTimer = (act: () => void, ms: number) => () => void

/** A timer that does not keep the process alive. */
export function setTimer(act: () => void, ms: number): () => void {
  const timeout = setTimeout(act, ms).unref()
  return () => clearTimeout(timeout)
}
