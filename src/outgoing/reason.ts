/** Why a request failed, as text: network errors hide their reason in one or several causes. Pure. */

import { GossumError } from '../errors.js'

/** The most nested causes that are examined. */
const DEPTH = 4

/** The innermost reason of an error; if several addresses were tried, the reason of each. */
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
