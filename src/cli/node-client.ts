/** Asks a running node over its HTTP API. Answers are limited in size and time: the node may not be ours. */
import { ERRORS, GossumError, type ErrorCode } from '../errors.js'
import type { Asked } from '../outgoing/http-client.js'
import { withoutLogin } from '../outgoing/logins.js'
import { reasonOf } from '../outgoing/reason.js'
import { isObject } from '../lib/is-object.js'
import { timed } from '../lib/timed.js'
import { askable } from '../status/go-setting.js'
import { fromUtf8 } from '../tlog/bytes.js'

/** Milliseconds within which a node must answer. */
const TIMEOUT_MS = 10_000
/** The same where the node may first have to prove something, for which it allows itself a minute. */
const SUBMIT_TIMEOUT_MS = 75_000
/** The largest answer that is read, in bytes: 1000 heads with many cosignatures each fit. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

/** The default port of a node, used when the configured port is 0. */
export const USUAL_PORT = 46787

/** The flag with which commands on this machine find the node that listens at `url`: ` --node URL`, or nothing. */
export function nodeFlag(url: string): string {
  const node = askable(url)
  return node === `http://127.0.0.1:${USUAL_PORT}` ? '' : ` --node ${node}`
}

export class NodeClient {
  /** Without credentials, and without a trailing slash. */
  readonly url: string

  /** `url` is the URL of the API, such as http://127.0.0.1:46787. Throws USAGE. */
  constructor(url: string) {
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new GossumError('USAGE', `--node ${JSON.stringify(url)} is not an http or https URL`)
    }
    this.url = withoutLogin(url).replace(/\/+$/, '')
  }

  /** Returns the body of an answer. Throws NODE_UNREACHABLE or TIMEOUT, and the error with which the node refused. */
  ask(path: string): Promise<Uint8Array> {
    return this.#request(path, {}, TIMEOUT_MS)
  }

  /** Returns the body of an answer and its JSON object, which must have the field `field`. Throws as ask() does. */
  async askJson<T extends object>(path: string, field: keyof T & string): Promise<{ value: T; body: Uint8Array }> {
    const body = await this.ask(path)
    return { value: this.#object<T>(body, field), body }
  }

  /**
   * Posts data to the node, and returns the JSON object of its answer, which must have `field`. Throws as ask() does.
   */
  async submit<T extends object>(path: string, type: string, data: Uint8Array, field: keyof T & string): Promise<T> {
    const body = data as Uint8Array<ArrayBuffer>
    const request = { method: 'POST', headers: { 'content-type': type }, body }
    return this.#object<T>(await this.#request(path, request, SUBMIT_TIMEOUT_MS), field)
  }

  async #request(path: string, request: Partial<Asked>, timeoutMs: number): Promise<Uint8Array> {
    let limit: AbortSignal | undefined
    try {
      return await timed(timeoutMs, [], (signal) => this.#exchange(path, request, (limit = signal)))
    } catch (error) {
      if (error instanceof GossumError) throw error
      if (limit?.aborted === true) throw new GossumError('TIMEOUT', this.url, error)
      throw new GossumError('NODE_UNREACHABLE', `${this.url}: ${reasonOf(error)}`, error)
    }
  }

  async #exchange(path: string, request: Partial<Asked>, signal: AbortSignal): Promise<Uint8Array> {
    // Loaded only when a request is made: some commands only need the URL.
    const [{ outgoing }, { readBody }] = await Promise.all([
      import('../outgoing/http-client.js'),
      import('../sumdb/fetcher.js'),
    ])
    const headers = { accept: 'application/json', ...request.headers }
    const answer = await outgoing.fetch(this.url + path, { ...request, redirect: 'manual', headers, signal })
    const { bytes, whole } = await readBody(answer, MAX_ANSWER_BYTES)
    if (!whole) throw new GossumError('NODE_UNREACHABLE', 'its answer is too large')
    if (answer.status < 200 || answer.status > 299) throw nodeError(this.url, answer.status, bytes)
    return bytes
  }

  #object<T extends object>(body: Uint8Array, field: keyof T & string): T {
    const value = parseObject(body)
    if (value === undefined || !(field in value)) {
      throw new GossumError('NODE_UNREACHABLE', `${this.url} answers, but not like a gossum node`)
    }
    return value as T
  }
}

function parseObject(body: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(fromUtf8(body) ?? '')
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** The error that a problem body describes; for any other body, an error saying that this is not a gossum node. */
export function nodeError(url: string, status: number, body: Uint8Array): GossumError {
  const problem = parseObject(body)
  const code = problem?.['code']
  if (typeof code !== 'string' || !Object.hasOwn(ERRORS, code)) {
    return new GossumError('NODE_UNREACHABLE', `${url} answers with status ${status}, not like a gossum node`)
  }
  const known = code as ErrorCode
  const detail = String(problem?.['detail'])
  const sentence = ERRORS[known][0]
  return new GossumError(known, detail.startsWith(`${sentence}: `) ? detail.slice(sentence.length + 2) : '')
}
