/**
 * Polite HTTP towards a log that may be slow, broken or hostile: every attempt has a time limit, every body a size
 * limit while it streams, temporary failures are retried with backoff and full jitter, and Retry-After is honoured.
 */
import { GossumError } from '../errors.js'
import { outgoing, type FetchAnswer } from '../outgoing/http-client.js'
import { withoutLogin, withoutLogins } from '../outgoing/logins.js'
import { reasonOf } from '../outgoing/reason.js'
import { lastingController, timed } from '../lib/timed.js'
import { concatBytes } from '../tlog/bytes.js'
import { VERSION } from '../version.js'
import { StatusError } from './status-error.js'

/** The default User-Agent. */
export const DEFAULT_USER_AGENT = `gossum/${VERSION}`
/** The longest Retry-After that is honoured, in milliseconds. */
export const MAX_RETRY_AFTER_MS = 30_000
/** The largest backoff before the first retry, in milliseconds; it doubles from attempt to attempt. */
const BACKOFF_MS = 500
const MAX_BACKOFF_MS = 10_000
/** How much of an error's body is read for display: bytes and characters. */
const ERROR_BODY_BYTES = 1024
const ERROR_TEXT_LENGTH = 200

export type { FetchAnswer }
export { StatusError }

/** The signal of a wait that cannot be cut short. */
const NEVER = lastingController().signal

/** The part of fetch that is used here. */
export type Fetch = (
  url: string,
  init: { headers: Record<string, string>; redirect: 'manual'; signal: AbortSignal },
) => Promise<FetchAnswer>

export interface FetcherOptions {
  /** The URL of the log, http or https, with or without a login, a path and a trailing slash. */
  readonly url: string
  readonly fetch?: Fetch
  readonly userAgent?: string
  /** For each attempt, including the body, in milliseconds (15 s). */
  readonly timeoutMs?: number
  /** For all attempts and delays of one request together, in milliseconds (60 s). */
  readonly deadlineMs?: number
  /** The number of retries (2). */
  readonly retries?: number
  /** Uniform in [0, 1). */
  readonly random?: () => number
  /** Resolves after `ms`, or rejects with the signal's reason as soon as that is aborted. */
  readonly delay?: (ms: number, signal: AbortSignal) => Promise<void>
}

export interface WaitOptions {
  /** Ends the wait: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

export interface GetOptions extends WaitOptions {
  /** Receives the server's clock, in milliseconds since 1970, if the answer has one. */
  readonly onDate?: (ms: number) => void
}

/** A status that may be temporary (5xx, 429), with the delay that the server requested, in milliseconds. */
class RetryStatus extends Error {
  readonly status: number
  readonly retryAfterMs: number

  constructor(status: number, detail: string, retryAfterMs: number) {
    super(detail)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** The status with which the last attempt was refused; undefined if there was no answer. */
export function refusedStatus(error: unknown): number | undefined {
  if (error instanceof StatusError) return error.status
  return error instanceof GossumError && error.cause instanceof RetryStatus ? error.cause.status : undefined
}

function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
}

/** Retry-After in seconds or as a date, in milliseconds from now, at most `mostMs`; 0 if there is none. */
export function retryAfter(response: FetchAnswer, mostMs = MAX_RETRY_AFTER_MS): number {
  const value = response.headers.get('retry-after')?.trim() ?? ''
  // eslint-disable-next-line no-restricted-syntax -- the server names a moment on the wall clock
  const ms = /^[0-9]+$/.test(value) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isNaN(ms) ? 0 : Math.min(Math.max(ms, 0), mostMs)
}

/** The server's clock in ms since 1970, plus the time that the answer spent in a cache; NaN if it has none. */
function dateOf({ headers }: FetchAnswer): number {
  const age = Number(headers.get('age') ?? 0)
  return Date.parse(headers.get('date') ?? '') + (age > 0 ? age * 1000 : 0)
}

/** Reads at most `maxBytes` of a body. If there are more, the stream is cancelled and `whole` is false. */
export async function readBody(
  response: FetchAnswer,
  maxBytes: number,
): Promise<{ bytes: Uint8Array; whole: boolean }> {
  const chunks: Uint8Array[] = []
  let room = maxBytes
  const reader = response.body?.getReader()
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true as const, value: undefined }
    if (done) return { bytes: concatBytes(...chunks), whole: true }
    chunks.push(value.subarray(0, room))
    room -= value.length
    if (room < 0) {
      // The result is decided, so an error from cancelling no longer matters.
      reader?.cancel().catch(() => undefined)
      return { bytes: concatBytes(...chunks), whole: false }
    }
  }
}

/** The first characters of an error's body, on one line. */
async function errorBody(response: FetchAnswer): Promise<string> {
  const { bytes } = await readBody(response, ERROR_BODY_BYTES)
  return withoutLogins(new TextDecoder().decode(bytes)).replace(/\s+/g, ' ').trim().slice(0, ERROR_TEXT_LENGTH)
}

export class Fetcher {
  /** Without a login, and without a trailing slash. */
  readonly url: string
  readonly #options: Required<Omit<FetcherOptions, 'url'>>

  constructor(options: FetcherOptions) {
    const url = withoutLogin(options.url)
    if (!/^https?:\/\/[^/?#]+[^?#]*$/.test(url) || !URL.canParse(url)) {
      throw new GossumError('CONFIG_INVALID', `${JSON.stringify(url)} is not an http or https URL`)
    }
    this.url = url.replace(/\/+$/, '')
    this.#options = {
      fetch: options.fetch ?? outgoing.fetch,
      userAgent: options.userAgent ?? DEFAULT_USER_AGENT,
      timeoutMs: options.timeoutMs ?? 15_000,
      deadlineMs: options.deadlineMs ?? 60_000,
      retries: options.retries ?? 2,
      random: options.random ?? Math.random,
      delay: options.delay ?? wait,
    }
  }

  /**
   * The body at `path` (no leading slash), at most `maxBytes`. Throws LOG_UNREACHABLE if the last attempt failed
   * because of the network, a time limit or a 5xx or 429 status; LOG_ANSWER_INVALID for a body that is too large, a
   * StatusError for any other status (redirects are not followed); the signal's reason if it is aborted.
   */
  async get(path: string, maxBytes: number, options: GetOptions = {}): Promise<Uint8Array> {
    const { signal } = options
    const { deadlineMs, retries, random, delay } = this.#options
    const end = performance.now() + deadlineMs
    const failed = (error: unknown): unknown =>
      signal?.aborted === true || error instanceof GossumError
        ? error
        : new GossumError('LOG_UNREACHABLE', `${this.url}/${path}: ${reasonOf(error)}`, error)
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#try(path, maxBytes, options, end - performance.now())
      } catch (error) {
        const backoff = random() * Math.min(BACKOFF_MS * 2 ** attempt, MAX_BACKOFF_MS)
        const pause = Math.max(backoff, error instanceof RetryStatus ? error.retryAfterMs : 0)
        const isFinal = signal?.aborted === true || error instanceof GossumError || attempt >= retries
        // Waiting beyond the remaining time is pointless.
        if (isFinal || performance.now() + pause >= end) throw failed(error)
        await delay(pause, signal ?? NEVER)
      }
    }
  }

  /** One attempt within the remaining time. A GossumError is final; other errors may be temporary. */
  async #try(path: string, maxBytes: number, options: GetOptions, leftMs: number): Promise<Uint8Array> {
    const { timeoutMs, userAgent } = this.#options
    const { onDate } = options
    return timed(Math.min(timeoutMs, Math.ceil(leftMs)), [options.signal], async (signal) => {
      const headers = { 'user-agent': userAgent }
      const response = await this.#options.fetch(`${this.url}/${path}`, { headers, redirect: 'manual', signal })
      const date = dateOf(response)
      if (!Number.isNaN(date)) onDate?.(date)
      if (response.status !== 200) {
        const detail = `status ${response.status} ${await errorBody(response)}`.trimEnd()
        if (response.status >= 500 || response.status === 429)
          throw new RetryStatus(response.status, detail, retryAfter(response))
        throw new StatusError(response.status, `${this.url}/${path}: ${detail}`)
      }
      const { bytes, whole } = await readBody(response, maxBytes)
      if (!whole) throw new GossumError('LOG_ANSWER_INVALID', `${this.url}/${path}: more than ${maxBytes} bytes`)
      return bytes
    })
  }
}
