/** The HTTP server: connections, their limits, and the way of a request to its route. What it serves is in api.ts. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errorText, GossumError } from '../errors.js'
import { concatBytes } from '../tlog/bytes.js'
import { apiRoutes, type NodeView } from './api.js'
import { problem, statusOf, type Reply } from './reply.js'
import { sumdbRoutes, type SumdbView } from './sumdb-proxy.js'
import { allowedMethods, matchPath, type Match, type Route } from './router.js'

export interface HttpServerOptions {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly node: NodeView
  /** The logs as the go command sees them here. */
  readonly sumdbs?: readonly SumdbView[]
  /** Routes beside those of the API. */
  readonly routes?: readonly Route[]
  /** Called for each error that is not the doing of a client. */
  readonly onError?: (error: unknown) => void
  /** Called for each answer. `route` is the path as declared, or empty for an unknown one: a closed set. */
  readonly onRequest?: (route: string, status: number) => void
}

/** Request line and headers, in bytes. */
const MAX_HEADER_BYTES = 8 * 1024
/** The largest body that is read, in bytes, of a request to a route that has no use for one. */
const MAX_IDLE_BODY_BYTES = 1024
/** Connections at a time. */
const MAX_CONNECTIONS = 256
/** Milliseconds that a client may take for its headers, for its whole request, and between two requests. */
const TIMEOUTS = { headersTimeout: 10_000, requestTimeout: 15_000, keepAliveTimeout: 5_000 }
/** Milliseconds after which a connection without traffic is dropped: a client that does not read its answer. */
const IDLE_TIMEOUT_MS = 30_000
/** Milliseconds that requests under way get to end when the server closes. */
const CLOSE_GRACE_MS = 1_000

export class HttpServer {
  readonly #server: Server
  readonly #routes: readonly Route[]
  readonly #options: HttpServerOptions
  #closing: Promise<void> | undefined
  /** Without a slash at the end. A server that listens on every address is named by loopback. */
  readonly url: string

  private constructor(server: Server, options: HttpServerOptions) {
    this.#server = server
    this.#options = options
    this.#routes = [
      ...apiRoutes(options.node),
      ...sumdbRoutes(options.sumdbs ?? [], (error) => options.onError?.(error)),
      ...(options.routes ?? []),
    ]
    this.url = urlOf(server.address() as AddressInfo)
    server.on('request', (request, response) => {
      this.#respond(request, response).catch((error: unknown) => options.onError?.(error))
    })
    // Such as too many open files: without a listener it would end the process.
    server.on('error', (error) => options.onError?.(error))
  }

  /** Starts to listen. Throws ADDRESS_IN_USE. */
  static async start(options: HttpServerOptions): Promise<HttpServer> {
    const server = createServer({ ...TIMEOUTS, maxHeaderSize: MAX_HEADER_BYTES })
    server.maxConnections = MAX_CONNECTIONS
    server.setTimeout(IDLE_TIMEOUT_MS)
    await listen(server, options.host, options.port)
    return new HttpServer(server, options)
  }

  /** Stops listening, lets requests under way end for a second, then drops them. Safe to call twice. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      const drop = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS)
      this.#server.close(() => {
        clearTimeout(drop)
        resolve()
      })
    })
    return this.#closing
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // The client went away; there is nobody to tell.
    response.on('error', () => undefined)
    const gone = new AbortController()
    response.on('close', () => {
      if (!response.writableFinished) gone.abort(new Error('the client went away'))
    })
    const { reply, route } = await this.#answer(request, gone.signal)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    response.writeHead(reply.status, {
      ...(reply.status === 204 ? {} : { 'content-length': reply.body.length }),
      'x-content-type-options': 'nosniff',
      ...(isRead ? { 'access-control-allow-origin': '*' } : {}),
      // A body that was not read to its end leaves a connection that cannot be used again.
      ...(this.#closing !== undefined || !request.complete ? { connection: 'close' } : {}),
      ...reply.headers,
    })
    response.end(request.method === 'HEAD' ? undefined : reply.body)
    this.#options.onRequest?.(route, reply.status)
  }

  /** Never throws: an error becomes a problem body. */
  async #answer(request: IncomingMessage, signal: AbortSignal): Promise<{ reply: Reply; route: string }> {
    let match: Match | undefined
    try {
      const [pathname, query] = splitTarget(request.url ?? '')
      match = matchPath(this.#routes, pathname)
      const method = request.method === 'HEAD' ? 'GET' : request.method
      const route = match.routes.find((candidate) => candidate.method === method)
      if (route === undefined) throw new GossumError('METHOD_NOT_ALLOWED', request.method)
      const body = await readBody(request, route.maxBodyBytes ?? MAX_IDLE_BODY_BYTES)
      const { headers, socket } = request
      const { remoteAddress } = socket
      if (route.patienceMs !== undefined) socket.setTimeout(route.patienceMs)
      const { params } = match
      return {
        reply: await route.handle({ params, query, headers, body, remoteAddress, signal }),
        route: route.path,
      }
    } catch (error) {
      // A client that went away in the middle of its request is no error of ours.
      if (statusOf(error) >= 500 && request.complete) this.#options.onError?.(error)
      const reply = problem(error)
      const headers = {
        ...reply.headers,
        ...(reply.status === 405 && match && { allow: allowedMethods(match.routes) }),
      }
      return { reply: { ...reply, headers }, route: match?.routes[0]?.path ?? '' }
    }
  }
}

function urlOf({ address, port }: AddressInfo): string {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** Path and query of a request target. */
function splitTarget(target: string): [pathname: string, query: URLSearchParams] {
  const mark = target.indexOf('?')
  const pathname = mark === -1 ? target : target.slice(0, mark)
  return [pathname, new URLSearchParams(mark === -1 ? '' : target.slice(mark))]
}

/** Reads a body to its end, needed or not, so that the connection can be used again. Throws REQUEST_TOO_LARGE. */
async function readBody(request: IncomingMessage, most: number): Promise<Uint8Array> {
  const tooLarge = (): GossumError => new GossumError('REQUEST_TOO_LARGE', `a body above ${most} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge()
  const chunks: Uint8Array[] = []
  let length = 0
  // To leave the loop must not destroy the request: its socket has yet to carry the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    length += (chunk as Uint8Array).length
    if (length > most) throw tooLarge()
    chunks.push(chunk as Uint8Array)
  }
  return concatBytes(...chunks)
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const onError = (error: Error): void => {
      reject(new GossumError('ADDRESS_IN_USE', `${host}:${port}: ${errorText(error)}`, error))
    }
    server.once('error', onError)
    server.listen(port, host, () => {
      server.off('error', onError)
      resolve()
    })
  })
}
