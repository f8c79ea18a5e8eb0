/**
 * A GOPROXY, queried like the go command does: files below an http, https or file URL (go.dev/ref/mod, "GOPROXY
 * protocol"). Nothing that it serves is trusted; its answers are limited, and large ones go to a file.
 */
import { open, readFile, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { errorText, GossumError } from '../errors.js'
import { timed } from '../lib/timed.js'
import { outgoing, type FetchAnswer } from '../outgoing/http-client.js'
import { withoutLogin } from '../outgoing/logins.js'
import { reasonOf } from '../outgoing/reason.js'
import { DEFAULT_USER_AGENT } from '../sumdb/fetcher.js'
import { escapeModule, type ModuleVersion } from '../sumdb/module-version.js'
import { concatBytes } from '../tlog/bytes.js'

/** Redirects that are followed: company proxies store zips on other servers. */
const MAX_REDIRECTS = 5
/** How often a temporary failure is retried, and the delay before, in milliseconds. */
const RETRIES = 2
const PAUSE_MS = 500
/** How long a proxy may pause during an answer, in milliseconds. */
const STALL_MS = 60_000

/** Receives the pieces of an answer. */
type Take = (piece: Uint8Array) => Promise<void> | void

/** The file does not exist there (404 or 410): another proxy may have it. */
export class NotThere extends GossumError {
  override readonly name = 'NotThere'

  constructor(detail: string) {
    super('PROXY_FAILED', detail)
  }
}

/** A failure that may be temporary. */
class Passing extends Error {}

/** How often a proxy is retried, and its time limits. */
export interface ProxyPatience {
  /** How often a temporary failure is retried. */
  readonly retries?: number
  /** How long it may pause during an answer, in milliseconds. */
  readonly stallMs?: number
}

export class ModuleProxy {
  /** Without a login, and without a trailing slash. */
  readonly url: string
  readonly #patience: Required<ProxyPatience>

  /** Throws USAGE if this is not an http, https or file URL. */
  constructor(url: string, { retries = RETRIES, stallMs = STALL_MS }: ProxyPatience = {}) {
    const clean = withoutLogin(url)
    if (!/^(?:https?:\/\/[^/?#]|file:\/\/)/.test(clean) || !URL.canParse(clean)) {
      throw new GossumError('USAGE', `the URL of a module proxy must be http, https or file: ${clean}`)
    }
    this.url = clean.replace(/\/+$/, '')
    this.#patience = { retries, stallMs }
  }

  /**
   * The file at a path. Throws NotThere, PROXY_FAILED (also if it has more than `most` bytes), and the signal's reason.
   */
  async get(path: string, most: number, timeoutMs: number, signal?: AbortSignal): Promise<Uint8Array> {
    const local = this.#file(path)
    if (local !== undefined) {
      await this.#requireFile(local, most)
      return readFile(local)
    }
    let pieces: Uint8Array[] = []
    await this.#fetch(path, most, timeoutMs, signal, () => {
      pieces = []
      return (piece) => void pieces.push(piece)
    })
    return concatBytes(...pieces)
  }

  /**
   * The same, as the path of a file: the proxy's own if it is on this disk, otherwise `file`, which is written. Also
   * throws FILE_UNWRITABLE.
   */
  async save(path: string, file: string, most: number, timeoutMs: number, signal?: AbortSignal): Promise<string> {
    const local = this.#file(path)
    if (local !== undefined) {
      await this.#requireFile(local, most)
      return local
    }
    const handle = await open(file, 'w', 0o600).catch(unwritable)
    try {
      await this.#fetch(path, most, timeoutMs, signal, async () => {
        await handle.truncate(0).catch(unwritable)
        let at = 0
        return async (piece) => {
          // A full disk is not the proxy's fault. A write may also be partial, and fail only at the next attempt.
          for (let done = 0; done < piece.length;) {
            const { bytesWritten } = await handle.write(piece, done, piece.length - done, at + done).catch(unwritable)
            done += bytesWritten
          }
          at += piece.length
        }
      })
    } finally {
      await handle.close()
    }
    return file
  }

  #file(path: string): string | undefined {
    return this.url.startsWith('file://') ? fileURLToPath(`${this.url}/${path}`) : undefined
  }

  async #requireFile(file: string, most: number): Promise<void> {
    const found = await stat(file).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException
      throw code === 'ENOENT' || code === 'ENOTDIR' ? new NotThere(file) : failed(errorText(error), error)
    })
    if (!found.isFile()) throw failed(`${file} is not a file`)
    if (found.size > most) throw failed(`${file}: more than ${most} bytes`)
  }

  /** `begin` is called for each attempt. */
  async #fetch(
    path: string,
    most: number,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    begin: () => Take | Promise<Take>,
  ): Promise<void> {
    const url = `${this.url}/${path}`
    const { retries, stallMs } = this.#patience
    for (let tries = 0; ; tries++) {
      try {
        await timed(timeoutMs, [signal], async (ending) => {
          const take = await begin()
          await whileHeard(url, stallMs, ending, (alive, onHeard) => receive(url, most, take, alive, onHeard))
        })
        return
      } catch (error) {
        if (signal?.aborted === true || error instanceof GossumError) throw error
        if (tries === retries) throw failed(`${url}: ${reasonOf(error)}`, error)
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * 2 ** tries))
      }
    }
  }
}

/**
 * Runs an act with a signal that is also aborted after a long silence. That is not retried, since it took long enough.
 */
async function whileHeard(
  url: string,
  ms: number,
  signal: AbortSignal,
  act: (signal: AbortSignal, onHeard: () => void) => Promise<void>,
): Promise<void> {
  const controller = new AbortController()
  const onAbort = (): void => controller.abort(signal.reason)
  const timer = setTimeout(() => controller.abort(failed(`${url}: it sent nothing for ${ms} ms`)), ms)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    signal.throwIfAborted()
    await act(controller.signal, () => void timer.refresh())
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', onAbort)
  }
}

async function receive(
  first: string,
  most: number,
  take: Take,
  signal: AbortSignal,
  onHeard: () => void,
): Promise<void> {
  let url = first
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const headers = { 'user-agent': DEFAULT_USER_AGENT }
    const answer = await outgoing.fetch(url, { headers, redirect: 'manual', signal })
    onHeard()
    const next = redirectOf(answer, url)
    if (next === undefined)
      return pour(answer, url, most, async (piece) => {
        onHeard()
        await take(piece)
        onHeard()
      })
    await answer.body?.getReader().cancel()
    url = next
  }
  throw failed(`${first}: more than ${MAX_REDIRECTS} redirects`)
}

/** The path of a version's files, without their extensions: the same in a proxy and in the module cache. */
export function baseOf({ path, version }: ModuleVersion): string {
  const [escapedPath, escapedVersion] = escapeModule(path, version).split('@')
  return `${escapedPath!}/@v/${escapedVersion!}`
}

/**
 * The target of a redirect; undefined if there is none. Throws PROXY_FAILED for one from https to a less protected URL.
 */
export function redirectOf({ status, headers }: FetchAnswer, from: string): string | undefined {
  if (![301, 302, 303, 307, 308].includes(status)) return undefined
  const location = headers.get('location') ?? ''
  const next = URL.canParse(location, from) ? withoutLogin(new URL(location, from).href) : ''
  if (/^https:\/\//.test(next) || (/^http:\/\//.test(next) && from.startsWith('http://'))) return next
  throw failed(`${from}: redirects to ${JSON.stringify(location.slice(0, 200))}`)
}

async function pour(answer: FetchAnswer, url: string, most: number, take: Take): Promise<void> {
  const { status, body } = answer
  const reader = body?.getReader()
  try {
    if (status !== 200) {
      // SPEC: go.dev/ref/mod, GOPROXY protocol: 404 and 410 say that the proxy does not have the module version.
      if (status === 404 || status === 410) throw new NotThere(`${url}: status ${status}`)
      const detail = `${url}: status ${status}`
      throw status >= 500 || status === 429 ? new Passing(`status ${status}`) : failed(detail)
    }
    for (let length = 0; reader !== undefined;) {
      const { done, value } = await reader.read()
      if (done) return
      length += value.length
      if (length > most) throw failed(`${url}: more than ${most} bytes`)
      await take(value)
    }
  } catch (error) {
    // After a failure, here or before, the connection does not keep waiting for a reader.
    await reader?.cancel()
    throw error
  }
}

function failed(detail: string, cause?: unknown): GossumError {
  return new GossumError('PROXY_FAILED', detail, cause)
}

function unwritable(error: unknown): never {
  throw new GossumError('FILE_UNWRITABLE', errorText(error), error)
}
