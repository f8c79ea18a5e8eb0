/** Refusals as values. What is refused is an answer; anything else that is thrown is a bug of ours, and stays thrown. Pure. */
import { GossumError } from '../errors.js'

/** What the act returns, or the refusal that it throws. */
export function attempt<T>(act: () => T): T | GossumError {
  try {
    return act()
  } catch (error) {
    return refusalIn(error)
  }
}

/** What was promised, or the refusal that it ended with. */
export function attempted<T>(work: Promise<T>): Promise<T | GossumError> {
  return work.catch(refusalIn)
}

/** What the act returns; undefined when it refuses. */
export function unlessRefused<T>(act: () => T): T | undefined {
  const result = attempt(act)
  return result instanceof GossumError ? undefined : result
}

/** Whether the act does not refuse. */
export function isAccepted(act: () => unknown): boolean {
  return !(attempt(act) instanceof GossumError)
}

function refusalIn(error: unknown): GossumError {
  if (error instanceof GossumError) return error
  throw error
}
