/**
 * How the routes of the go command report errors: a few lines of plain text, which it shows to its user. A status of
 * 404 or 410 makes it silently try the next of its proxies, so those mean that something does not exist, and nothing
 * else.
 */
import { errorCode, ERRORS, errorText, traitsOf, type ErrorCode } from '../errors.js'
import { StatusError } from '../sumdb/fetcher.js'
import { text, type Reply } from './reply.js'
import type { ApiRequest, Route } from './router.js'

/** Seconds after which a client may try again. */
const RETRY_AFTER = {
  QUORUM_MISSING: '5',
  TOO_MANY_REQUESTS: '10',
  LOG_UNREACHABLE: '10',
  PROXY_FAILED: '10',
} as const

/** Media type of every text that the go command is meant to show. */
export const GO_TEXT = 'text/plain; charset=UTF-8'

/**
 * Milliseconds that an answer may take: a log needs 15 seconds for some lookups, and the quorum is waited for after
 * that.
 */
export const GO_PATIENCE_MS = 160_000

/** Status of an error for the go command. Invalid bytes are always the log's, since clients send none. */
export function goStatusOf(code: ErrorCode): number {
  const { fault, status } = traitsOf(code)
  // Not 404: see above.
  if (code === 'LOG_UNKNOWN') return 403
  return fault === 'head' || fault === 'claim' ? 502 : status
}

/** A handler that reports errors in the form for the go command, and internal ones also to onError. */
export function forGo(
  act: (request: ApiRequest) => Promise<Reply>,
  onError: (error: unknown) => void,
  statusOf = goStatusOf,
): Route['handle'] {
  return async (request) => {
    try {
      return await act(request)
    } catch (error) {
      // There is no reader, and an abort is not a bug.
      if (request.signal.aborted) return text('', { status: 503 })
      const reply = refusal(error, statusOf(errorCode(error)))
      if (reply.status === 500) onError(error)
      return reply
    }
  }
}

/** What the go command shows: a sentence, and what to do. */
function refusal(error: unknown, usual: number): Reply {
  const code = errorCode(error)
  // The log itself says that there is no such module version; its text is the answer.
  const isMissing = error instanceof StatusError && (error.status === 404 || error.status === 410)
  const status = isMissing ? 404 : usual
  const sentence = status === 500 ? ERRORS[code][0] : errorText(error)
  const lines = isMissing ? [`not found: ${error.detail}`] : [`gossum: ${sentence}`, `hint: ${ERRORS[code][1]}`]
  const reply = text(`${lines.join('\n')}\n`, { status, type: GO_TEXT })
  const after = RETRY_AFTER[code as keyof typeof RETRY_AFTER] as string | undefined
  return after === undefined ? reply : { ...reply, headers: { ...reply.headers, 'retry-after': after } }
}
