/** The replies of the HTTP server: JSON, text, or a problem body (RFC 9457) with our error code. Pure. */
import { printableJson, printableLines } from '../lib/printable.js'
import { STATUS_CODES } from 'node:http'
import { errorCode, ERRORS, GossumError, traitsOf } from '../errors.js'
import { utf8 } from '../tlog/bytes.js'
import { IMMUTABLE, NO_STORE } from './caching.js'
import type { SentBody } from './sent-body.js'

export interface Reply {
  readonly status: number
  /** In lower case. The server adds those about length, sniffing and other origins. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  /**
   * Sent in place of `body`. Whoever sends or discards the reply closes it. If it is finite, the headers have an ETag.
   */
  readonly sent?: SentBody
}

export function json(value: unknown): Reply {
  return jsonText(`${JSON.stringify(value)}\n`)
}

/** JSON that is already serialised. */
export function jsonText(body: string): Reply {
  const headers = { 'content-type': 'application/json', 'cache-control': NO_STORE }
  return { status: 200, headers, body: utf8(printableJson(body)) }
}

/** Lines of text, which may contain untrusted parts. */
export function text(body: string, options: TextOptions = {}): Reply {
  return exact(printableLines(body), options)
}

interface TextOptions {
  readonly status?: number
  readonly type?: string
}

/** Text that must stay exact: notes and their lines. */
export function exact(body: string, { status = 200, type = 'text/plain; charset=utf-8' }: TextOptions = {}): Reply {
  return { status, headers: { 'content-type': type, 'cache-control': NO_STORE }, body: utf8(body) }
}

/** The bytes of a JSON file that is named by its hash. */
export function jsonFile(body: Uint8Array): Reply {
  return { status: 200, headers: { 'content-type': 'application/json', 'cache-control': IMMUTABLE }, body }
}

/** A whole file. */
export function fileReply(sent: SentBody, etag: string, headers: Readonly<Record<string, string>>): Reply {
  return { status: 200, headers: { ...headers, etag, 'accept-ranges': 'bytes' }, body: new Uint8Array(), sent }
}

/** Seconds after which a client that found the node busy may try again. */
const RETRY_AFTER = '1'

/**
 * The status of a thrown error. Errors in submitted bytes get their status from the route that accepts them; this is
 * about data of our own, and internal errors.
 */
export function statusOf(error: unknown): number {
  const { fault, status } = traitsOf(errorCode(error))
  return fault === 'head' || fault === 'claim' ? 500 : status
}

/**
 * A problem body: {type, title, status, detail, code, hint}; `status` if it is not that of the code. For an internal
 * error it has only the code's sentence: details may contain paths, and the stack is private.
 */
export function problem(error: unknown, status = statusOf(error)): Reply {
  const code = errorCode(error)
  const [sentence, hint] = ERRORS[code]
  const detail = error instanceof GossumError && (status < 500 || status === 501) ? error.message : sentence
  const body = { type: 'about:blank', title: STATUS_CODES[status], status, detail, code, hint }
  const headers = {
    'content-type': 'application/problem+json',
    'cache-control': NO_STORE,
    ...((status === 429 || code === 'NODE_BUSY') && { 'retry-after': RETRY_AFTER }),
  }
  return { status, headers, body: utf8(`${printableJson(JSON.stringify(body))}\n`) }
}
