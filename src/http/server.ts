/**
 * The HTTP server: connections and their limits. Its routes are in api.ts; responder.ts answers requests.
 *
 * No client is trusted; nothing reserved for the operator is served here (operator-socket.ts). A reverse proxy is
 * believed about the address of its client if the operator names it.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { errorText, GossumError } from '../errors.js'
import { listen, urlOf } from '../lib/listen.js'
import { apiRoutes } from './api.js'
import type { NodeView } from '../status/node-view.js'
import { ClientAddresses } from './client-address.js'
import { Connections, type ConnectionLimits } from './connections.js'
import { ChangingRoutes } from './changing-routes.js'
import type { Gate } from '../lib/gate.js'
import { Responder, type ResponderReports } from './responder.js'
import { sumdbRoutes, type SumdbView } from './go-door.js'
import type { Route } from './router.js'
import { Turns } from './turns.js'

/** What a server serves. */
export interface HttpServed {
  readonly node: NodeView
  /** The logs as the go command sees them here. */
  readonly sumdbs?: readonly SumdbView[]
  /** Routes in addition to those of the API. */
  readonly routes?: readonly Route[]
}

export interface HttpServerOptions extends ResponderReports, HttpServed {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  /** Closed while the routes are about to be replaced by serve(); without a gate, requests never wait. */
  readonly gate?: Gate
  /** Reverse proxies that are believed about the address of their client, as ADDRESS/BITS. */
  readonly trustedProxies?: readonly string[]
  /** Smaller limits, for tests. */
  readonly limits?: Partial<ServerLimits>
}

export interface ServerLimits extends ConnectionLimits {
  /** Milliseconds that a client may take to send its headers, to send its whole request, and to read its answer. */
  readonly headersMs: number
  readonly requestMs: number
  readonly readMs: number
}

const LIMITS: ServerLimits = {
  most: 256,
  perNetwork: 64,
  reserve: 16,
  headersMs: 10_000,
  requestMs: 15_000,
  readMs: 60_000,
}
/** Request line and headers, in bytes. */
const MAX_HEADER_BYTES = 8 * 1024
/** Milliseconds that a connection may be idle between two requests. */
const KEEP_ALIVE_MS = 5_000
/**
 * How often Node looks for requests that take too long: at most this many ms, and this fraction of the time for
 * headers.
 */
const CHECK = { ms: 1_000, part: 0.25 }
/** Milliseconds after which a connection without traffic is closed. */
const IDLE_TIMEOUT_MS = 30_000
/** How fast a client must read a file, in bytes per millisecond. */
const LEAST_BYTES_PER_MS = 64
/** Milliseconds that requests in progress have to finish when the server closes. */
const CLOSE_GRACE_MS = 1_000

export class HttpServer {
  readonly #server: Server
  readonly #responder: Responder
  readonly #routes: ChangingRoutes
  readonly #onError: ((error: unknown) => void) | undefined
  readonly #connections: Connections
  readonly #clients: ClientAddresses
  readonly #readMs: number
  readonly #turns = new Turns()
  #closing: Promise<void> | undefined
  /** Set when it listens. */
  #url = ''

  private constructor(options: HttpServerOptions) {
    const limits = { ...LIMITS, ...options.limits }
    this.#readMs = limits.readMs
    this.#clients = new ClientAddresses(options.trustedProxies ?? [])
    this.#connections = new Connections(
      limits,
      (address) => LOOPBACK.isTrusted(address) || this.#clients.isTrusted(address),
    )
    this.#onError = options.onError
    this.#routes = new ChangingRoutes([], options)
    this.serve(options)
    this.#responder = new Responder(this.#routes, options)
    this.#server = createServer({
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // By default, a request could last half a minute longer than its limit.
      connectionsCheckingInterval: Math.min(CHECK.ms, limits.headersMs * CHECK.part),
      maxHeaderSize: MAX_HEADER_BYTES,
    })
    this.#server.setTimeout(IDLE_TIMEOUT_MS)
    this.#server.on('connection', (socket: Socket) => this.#connections.admit(socket))
    this.#server.on('request', (request, response) => {
      this.#turns.take(request, response, (isLast) => void this.#answer(request, response, isLast))
    })
  }

  /** Starts to listen. Throws ADDRESS_IN_USE. */
  static async start(options: HttpServerOptions): Promise<HttpServer> {
    const server = new HttpServer(options)
    const { host, port } = options
    await listen(server.#server, { host, port }).catch((error: unknown) => {
      throw new GossumError('ADDRESS_IN_USE', `${host}:${port}: ${errorText(error)}`, error)
    })
    server.#url = urlOf(server.#server)
    // Errors such as too many open files would otherwise end the process.
    server.#server.on('error', (error) => options.onError?.(error))
    return server
  }

  /** Serves this from now on. */
  serve(served: HttpServed): void {
    this.#routes.now = allPublicRoutes(served, (error) => this.#onError?.(error))
  }

  /** The declared paths of all routes. */
  get routes(): readonly string[] {
    return [...new Set(this.#routes.now.map(({ path }) => path))]
  }

  /** Without a trailing slash. A server that listens on all addresses is named by loopback. */
  get url(): string {
    return this.#url
  }

  async #answer(request: IncomingMessage, response: ServerResponse, isLast: boolean): Promise<void> {
    const { socket, headers } = request
    const left = await this.#responder.respond(request, response, {
      client: this.#clients.of(socket.remoteAddress, headers),
      closes: () => isLast || this.#closing !== undefined,
      begin: () => this.#connections.begin(socket),
      end: () => this.#connections.end(socket),
    })
    if (left === undefined || response.writableFinished || response.destroyed) return
    // A client that reads a byte now and then would otherwise occupy its answer for ever.
    const late = setTimeout(() => socket.destroy(), this.#readMs + left / LEAST_BYTES_PER_MS)
    response.once('close', () => clearTimeout(late))
  }

  /**
   * Stops listening, ends endless answers, gives requests in progress a second to finish, then drops them. Safe to call
   * twice.
   */
  stop(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#responder.stop()
      const drop = setTimeout(() => this.#server.closeAllConnections(), CLOSE_GRACE_MS)
      this.#server.close(() => {
        clearTimeout(drop)
        resolve()
      })
    })
    return this.#closing
  }
}

/** All public routes. */
export function allPublicRoutes(
  { node, sumdbs = [], routes = [] }: HttpServed,
  onError: (error: unknown) => void = () => undefined,
): Route[] {
  return [...apiRoutes(node), ...sumdbRoutes(sumdbs, onError), ...routes]
}

/** This machine: all its programs share one address. */
const LOOPBACK = new ClientAddresses(['127.0.0.0/8', '::1'])
