/** Why a request failed, in words: errors of the network hide their reason, in a cause or in many. Pure. */

import { GossumError } from '../errors.js'

/** Causes that are looked into, at most. */
const DEPTH = 4

/** The reason at the bottom of an error; of several addresses that were tried, that of each. */
export function reasonOf(error: unknown, depth = DEPTH): string {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return [...new Set(error.errors.map((one) => reasonOf(one, depth - 1)))].join('; ')
  }
  if (!(error instanceof Error)) return String(error)
  if (error instanceof GossumError) return error.message
  if (error.cause !== undefined && depth > 0) return reasonOf(error.cause, depth - 1)
  if (error.message !== '') return error.message
  const { code } = error as NodeJS.ErrnoException
  return code ?? error.name
}
