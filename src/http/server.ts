/** The HTTP server: connections and their limits. What it serves is in api.ts, how a request is answered in responder.ts. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { errorText, GossumError } from '../errors.js'
import { apiRoutes, type NodeView } from './api.js'
import { Responder, type ResponderReports } from './responder.js'
import { sumdbRoutes, type SumdbView } from './sumdb-proxy.js'
import type { Route } from './router.js'

export interface HttpServerOptions extends ResponderReports {
  readonly host: string
  /** 0 takes any free port. */
  readonly port: number
  readonly node: NodeView
  /** The logs as the go command sees them here. */
  readonly sumdbs?: readonly SumdbView[]
  /** Routes beside those of the API. */
  readonly routes?: readonly Route[]
}

/** Request line and headers, in bytes. */
const MAX_HEADER_BYTES = 8 * 1024
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
  #closing: Promise<void> | undefined
  /** Without a slash at the end. A server that listens on every address is named by loopback. */
  readonly url: string
  /** The paths that are served, as they are declared. */
  readonly routes: readonly string[]

  private constructor(server: Server, options: HttpServerOptions) {
    this.#server = server
    const routes = [
      ...apiRoutes(options.node),
      ...sumdbRoutes(options.sumdbs ?? [], (error) => options.onError?.(error)),
      ...(options.routes ?? []),
    ]
    this.routes = [...new Set(routes.map(({ path }) => path))]
    const responder = new Responder(routes, options)
    this.url = urlOf(server.address() as AddressInfo)
    server.on('request', (request, response) => {
      void responder.respond(request, response, () => this.#closing !== undefined)
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
}

function urlOf({ address, port }: AddressInfo): string {
  const host = address === '0.0.0.0' ? '127.0.0.1' : address === '::' ? '::1' : address
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
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
