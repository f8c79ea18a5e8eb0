/** A timer as a function, so that who waits can be given another clock. */

/** Calls `act` after `ms` milliseconds; what it returns takes that back. */
export type SetTimer = (act: () => void, ms: number) => () => void

/** A timer that does not keep the process alive. */
export function setTimer(act: () => void, ms: number): () => void {
  const timeout = setTimeout(act, ms).unref()
  return () => clearTimeout(timeout)
}
