/**
 * One request to a place: limited in time and in size while it streams, without following redirects. Nothing is retried
 * here: the caller decides when to return.
 */
import { GossumError } from '../errors.js'
import { outgoing } from '../outgoing/http-client.js'
import { withoutLogins } from '../outgoing/logins.js'
import { reasonOf } from '../outgoing/reason.js'
import { DEFAULT_USER_AGENT, readBody, retryAfter } from '../sumdb/fetcher.js'
import { timed } from '../lib/timed.js'

/** The largest answer that is read, in bytes. */
export const MAX_ANSWER_BYTES = 64 * 1024
/** The longest Retry-After that is obeyed, in ms: a place must not send us away for ever. */
const MAX_RETRY_AFTER_MS = 3_600_000
/** Milliseconds for one request, including the answer. */
const TIMEOUT_MS = 15_000
/** The most characters of an answer that are displayed. */
const SHOWN = 200

/** The result of a request; a closed set, as metrics need it. */
export type RequestOutcome = 'ok' | 'size' | 'unknown' | 'refused' | 'busy' | 'failed' | 'invalid'

export interface PlaceAnswer {
  /** 200, or 4xx other than 429. */
  readonly status: number
  /** The media type, without parameters. */
  readonly type: string
  readonly body: Uint8Array
}

/** The place does not answer, or not now (PLACE_UNREACHABLE), with the wait that it asked for, in ms; 0 if none. */
export class PlaceDown extends GossumError {
  override readonly name = 'PlaceDown'
  readonly retryAfterMs: number

  constructor(detail: string, retryAfterMs = 0, cause?: unknown) {
    super('PLACE_UNREACHABLE', detail, cause)
    this.retryAfterMs = retryAfterMs
  }
}

export interface AskerOptions {
  /** Without a slash at the end. */
  readonly url: string
  readonly onRequest: (outcome: RequestOutcome) => void
  readonly timeoutMs?: number
}

export class ServiceRequester {
  readonly #options: AskerOptions

  constructor(options: AskerOptions) {
    this.#options = options
  }

  /**
   * Sends a request for `path` (without a leading slash). Throws PlaceDown for network errors, timeouts, 5xx and 429;
   * PLACE_ANSWER_INVALID for redirects, other meaningless statuses, and more than MAX_ANSWER_BYTES; or the signal's
   * reason.
   */
  async ask(method: string, path: string, signal: AbortSignal, body?: Uint8Array): Promise<PlaceAnswer> {
    const { url, onRequest, timeoutMs = TIMEOUT_MS } = this.#options
    try {
      return await timed(timeoutMs, [signal], (limit) => this.#ask(method, `${url}/${path}`, limit, body))
    } catch (error) {
      if (error instanceof GossumError || signal.aborted) throw error
      onRequest('failed')
      throw new PlaceDown(`${url}: ${reasonOf(error)}`, 0, error)
    }
  }

  async #ask(method: string, url: string, signal: AbortSignal, body: Uint8Array | undefined): Promise<PlaceAnswer> {
    const { onRequest } = this.#options
    const headers = { 'user-agent': DEFAULT_USER_AGENT, ...(body && { 'content-type': 'text/plain; charset=utf-8' }) }
    const response = await outgoing.fetch(url, {
      method,
      headers,
      redirect: 'manual',
      signal,
      ...(body && { body: body.slice() }),
    })
    const { bytes, whole } = await readBody(response, MAX_ANSWER_BYTES)
    const outcome = whole ? outcomeOf(response.status) : 'invalid'
    onRequest(outcome)
    const said = `${url}: status ${response.status} ${shown(bytes)}`.trimEnd()
    if (!whole) throw new GossumError('PLACE_ANSWER_INVALID', `${url}: more than ${MAX_ANSWER_BYTES} bytes`)
    if (outcome === 'busy' || outcome === 'failed') {
      throw new PlaceDown(said, retryAfter(response, MAX_RETRY_AFTER_MS))
    }
    if (outcome === 'invalid') throw new GossumError('PLACE_ANSWER_INVALID', said)
    const type = (response.headers.get('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase()
    return { status: response.status, type, body: bytes }
  }
}

function outcomeOf(status: number): RequestOutcome {
  if (status === 200) return 'ok'
  if (status === 429 || status === 503) return 'busy'
  if (status === 409) return 'size'
  if (status === 404) return 'unknown'
  if (status >= 500) return 'failed'
  return status >= 400 ? 'refused' : 'invalid'
}

/** The beginning of an answer on one line, for display. */
export function shown(bytes: Uint8Array): string {
  const text = withoutLogins(new TextDecoder().decode(bytes.subarray(0, 4 * SHOWN)))
  // An answer must not move the cursor or break our line.
  return text
    .replace(/[\s\p{C}]+/gu, ' ')
    .trim()
    .slice(0, SHOWN)
}
