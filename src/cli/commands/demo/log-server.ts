/** Serves a log with two faces, each under its path, and a page with buttons. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { errorText, GossumError } from '../../../errors.js'
import { listen, urlOf } from '../../../lib/listen.js'
import { FACES, type ForkableLog } from './forkable-log.js'
import { logPage, type Seer } from './log-page.js'

/** Milliseconds that a client may take to send its request. */
const REQUEST_TIMEOUT_MS = 10_000
/** Milliseconds that a connection may be idle. */
const IDLE_TIMEOUT_MS = 30_000
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

interface Answer {
  readonly status: number
  readonly type?: string
  readonly body?: string | Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export class LogServer {
  /** The witnesses named on the page. */
  seers: readonly Seer[] = []
  /** Without a trailing slash. */
  readonly url: string
  readonly #log: ForkableLog
  readonly #close: () => Promise<void>

  private constructor(log: ForkableLog, url: string, close: () => Promise<void>) {
    this.#log = log
    this.url = url
    this.#close = close
  }

  /**
   * Serves the log; with `every`, a head is published each time that many seconds have passed. Throws ADDRESS_IN_USE.
   */
  static async start(log: ForkableLog, at: { host: string; port: number }, every: number): Promise<LogServer> {
    const server = createServer({ requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS })
    server.setTimeout(IDLE_TIMEOUT_MS)
    await listen(server, at).catch((error: unknown) => {
      throw new GossumError('ADDRESS_IN_USE', `${at.host}:${at.port}: ${errorText(error)}`, error)
    })
    // Errors such as too many open files would otherwise end the process.
    server.on('error', () => undefined)
    const timer = every === 0 ? undefined : setInterval(() => void log.publish().catch(() => undefined), every * 1000)
    const self = new LogServer(log, urlOf(server), async () => {
      clearInterval(timer)
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
      await log.close()
    })
    server.on('request', (request: IncomingMessage, response: ServerResponse) => void self.#respond(request, response))
    return self
  }

  /** The URL of a face, as used by witnesses. */
  faceUrl(face: (typeof FACES)[number]): string {
    return `${this.url}/${face}`
  }

  /** Stops listening, and closes the log. */
  close(): Promise<void> {
    return this.#close()
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    const answer = await this.#answer(request, isRead).catch((): Answer => say(500, 'internal error'))
    const { status, type = 'text/plain; charset=utf-8', body = '', headers = {} } = answer
    response.writeHead(status, {
      'content-type': type,
      'content-length': Buffer.byteLength(body),
      'x-content-type-options': 'nosniff',
      // The body is not read to its end, so the connection cannot be reused.
      ...(isRead ? {} : { connection: 'close' }),
      ...headers,
    })
    response.end(request.method === 'HEAD' ? undefined : body)
  }

  async #answer(request: IncomingMessage, isRead: boolean): Promise<Answer> {
    const path = (request.url ?? '').replace(/\?.*$/s, '')
    if (!isRead) return this.#act(request, path)
    const face = FACES.find((name) => path.startsWith(`/${name}/`))
    if (face !== undefined) return this.#log.handle(face, path.slice(face.length + 1))
    const state = await this.#log.state()
    const headers = { 'cache-control': 'no-store', 'content-security-policy': POLICY, 'referrer-policy': 'same-origin' }
    if (path === '/') {
      const body = logPage(state, askedAt(request, this.url), this.seers)
      return { status: 200, type: 'text/html; charset=utf-8', body, headers }
    }
    if (path === '/state') return { status: 200, type: 'application/json', body: JSON.stringify(state), headers }
    return say(404, 'not found')
  }

  async #act(request: IncomingMessage, path: string): Promise<Answer> {
    const act = { '/publish': () => this.#log.publish(), '/fork': () => this.#log.fork() }[path]
    if (request.method !== 'POST' || act === undefined)
      return say(405, 'only GET, HEAD, and POST of /publish and /fork')
    if (isForeign(request)) return say(403, 'not from pages of other origins')
    // If there was nothing to do, the page says why.
    const done = await act()
    if ((request.headers.accept ?? '').includes('text/html')) return { status: 303, headers: { location: '/' } }
    return { status: done ? 200 : 409, type: 'application/json', body: JSON.stringify(await this.#log.state()) }
  }
}

function say(status: number, text: string): Answer {
  return { status, body: `${text}\n` }
}

/** The address that the reader used, if it is valid: that of a container is useless outside it. */
function askedAt({ headers: { host } }: IncomingMessage, url: string): string {
  return host !== undefined && /^[\w.:[\]-]+$/.test(host) ? `http://${host}` : url
}

/** Whether a browser sends this for a page of another origin. */
function isForeign({ headers }: IncomingMessage): boolean {
  const { host, origin, 'sec-fetch-site': site } = headers
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  return origin !== undefined && origin !== `http://${host}`
}
