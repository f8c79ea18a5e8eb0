/**
 * The page's requests to the node that it came from, and to no other host. Limited in size and time; temporary failures
 * are retried. The answers are not trusted here: callers verify them with keys.
 */
import { GossumError } from '../errors.js'
import type { LogSource } from '../sumdb/log-source.js'
import { StatusError } from '../sumdb/status-error.js'
import { concatBytes } from '../tlog/bytes.js'

/**
 * Milliseconds that one answer may take: a log may need 15 seconds for a lookup, and the quorum is waited for after
 * that.
 */
const PATIENCE_MS = 170_000
/** The number of retries, and the longest delay before one, in milliseconds. */
const AGAIN = { times: 3, longestMs: 15_000 }
/** Characters of a refusal that are shown. */
const MOST_SHOWN = 300
/** Bytes of a refusal that are read. */
const MAX_REFUSAL_BYTES = 4096

interface AskOptions {
  readonly signal?: AbortSignal | undefined
}

/**
 * The body at a path of the node, at most `maxBytes`. Throws LOG_UNREACHABLE if it does not answer, a StatusError for a
 * refusal, LOG_ANSWER_INVALID for too many bytes, and the signal's reason.
 */
export async function bodyFromNode(path: string, maxBytes: number, { signal }: AskOptions = {}): Promise<Uint8Array> {
  for (let attempt = 0; ; attempt++) {
    const answer = await ask(path, signal)
    if (answer.ok) {
      const body = await bodyOf(answer, maxBytes)
      if (body === undefined) throw new GossumError('LOG_ANSWER_INVALID', `${path}: more than ${maxBytes} bytes`)
      return body
    }
    const { status } = answer
    const words = new TextDecoder().decode((await bodyOf(answer, MAX_REFUSAL_BYTES)) ?? new Uint8Array())
    const detail = `${path}: status ${status} ${firstLine(words)}`.trimEnd()
    if (status !== 429 && status < 500) throw new StatusError(status, detail)
    const asked = Number(answer.headers.get('retry-after') ?? NaN) * 1000
    // Only a refusal with a Retry-After is likely to be temporary.
    if (Number.isNaN(asked) || attempt >= AGAIN.times) throw new GossumError('LOG_UNREACHABLE', detail)
    await pause(Math.min(asked, AGAIN.longestMs), signal)
  }
}

export async function jsonFromNode(path: string, maxBytes: number): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await bodyFromNode(path, maxBytes)))
}

/** A checksum database as the node serves it. `onAsked` receives the path of each answer. */
export function databaseOfNode(name: string, onAsked: (path: string) => void): LogSource {
  const base = `/sumdb/${name.split('/').map(encodeURIComponent).join('/')}`
  return {
    url: base,
    async get(path, maxBytes, { signal } = {}) {
      try {
        return await bodyFromNode(`${base}/${path}`, maxBytes, { signal })
      } finally {
        onAsked(path)
      }
    },
  }
}

async function ask(path: string, signal: AbortSignal | undefined): Promise<Response> {
  signal?.throwIfAborted()
  const late = new AbortController()
  const onAbort = (): void => late.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const timer = setTimeout(() => late.abort(new GossumError('TIMEOUT', path)), PATIENCE_MS)
  try {
    return await fetch(path, { signal: late.signal, redirect: 'error', credentials: 'omit' })
  } catch (error) {
    if (late.signal.aborted) throw late.signal.reason
    throw new GossumError('LOG_UNREACHABLE', `${path}: this node does not answer`, error)
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

/** Undefined if there are more bytes than allowed. */
async function bodyOf({ body }: Response, most: number): Promise<Uint8Array | undefined> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = body?.getReader()
  for (;;) {
    const read = await reader?.read()
    if (read?.value === undefined) return concatBytes(...chunks)
    chunks.push(read.value)
    length += read.value.length
    if (length <= most) continue
    await reader?.cancel()
    return undefined
  }
}

/** The node's reason for a refusal: the detail of a problem body, or the first line. */
function firstLine(text: string): string {
  try {
    const { detail } = JSON.parse(text) as { detail?: unknown }
    if (typeof detail === 'string') return detail.slice(0, MOST_SHOWN)
  } catch {
    // Plain text, as for the go command.
  }
  return text.split('\n', 1)[0]!.slice(0, MOST_SHOWN)
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(timer)
      reject(signal.reason as Error)
    })
  })
}
