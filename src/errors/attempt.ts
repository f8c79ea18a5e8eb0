/**
 * Refusals as values. A refusal (a GossumError) is an answer; anything else that is thrown is a bug and is rethrown.
 * Pure.
 */
import { GossumError } from '../errors.js'

/** What `act` returns, or the refusal that it throws. */
export function attempt<T>(act: () => T): T | GossumError {
  try {
    return act()
  } catch (error) {
    return refusalIn(error)
  }
}

/** What the promise resolves to, or the refusal that it rejects with. */
export function attempted<T>(work: Promise<T>): Promise<T | GossumError> {
  return work.catch(refusalIn)
}

/** What `act` returns; undefined if it refuses. */
export function unlessRefused<T>(act: () => T): T | undefined {
  const result = attempt(act)
  return result instanceof GossumError ? undefined : result
}

/** Whether `act` does not refuse. */
export function isAccepted(act: () => unknown): boolean {
  return !(attempt(act) instanceof GossumError)
}

function refusalIn(error: unknown): GossumError {
  if (error instanceof GossumError) return error
  throw error
}
