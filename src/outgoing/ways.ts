/** How a host is reached: directly, or through the proxy that the environment names. Loaded with the first request. */
import type { Socket } from 'node:net'
import type { Dispatcher } from 'undici'
import Agent from 'undici/lib/dispatcher/agent.js'
import buildConnector from 'undici/lib/core/connect.js'
import { timed } from '../lib/timed.js'
import { CONNECT_MS, connectTo, type ConnectOptions } from './connect.js'
import { guardEnd } from './end-guard.js'
import { basic } from './logins.js'
import type { FindProxy } from './proxies.js'

type Connector = ReturnType<typeof buildConnector>
type ConnectorOptions = Parameters<Connector>[0]

/** Where a request is sent, and what it has to contain for that. */
export interface Way {
  readonly dispatcher: Dispatcher
  readonly origin: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

export interface WaysOptions extends ConnectOptions {
  readonly findProxy: FindProxy
  /** The most connections to one host; unlimited if absent. */
  readonly connections?: number
}

export class Ways {
  readonly #options: WaysOptions
  readonly #direct: Dispatcher
  readonly #tunneled: Dispatcher
  readonly #overTls = buildConnector({})

  constructor(options: WaysOptions) {
    this.#options = options
    // Callers have time limits of their own.
    const settings = {
      pipelining: 1,
      headersTimeout: 0,
      bodyTimeout: 0,
      ...(options.connections && { connections: options.connections }),
    }
    const connector =
      (open: (host: string, port: number, url: URL) => Promise<Socket>): Connector =>
      (asked, callback) => {
        const { hostname, protocol, port, host } = asked
        const number = port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
        open(hostname, number, new URL(`${protocol}//${host ?? hostname}`)).then(
          (socket) => this.#connected(asked, socket, callback),
          (error: unknown) => callback(error as Error, null),
        )
      }
    this.#direct = new Agent({ ...settings, connect: connector((host, port) => connectTo(host, port, options)) })
    this.#tunneled = new Agent({
      ...settings,
      connect: connector((host, port, url) => this.#tunnel(options.findProxy(url)!, host, port)),
    })
  }

  /** The way to a URL. */
  to(url: URL): Way {
    const { origin, pathname, search } = url
    const path = `${pathname}${search}`
    const proxy = this.#options.findProxy(url)
    if (proxy === undefined) return { dispatcher: this.#direct, origin, path, headers: {} }
    if (url.protocol === 'https:') return { dispatcher: this.#tunneled, origin, path, headers: {} }
    const headers = { host: url.host, ...loginAt(proxy) }
    return { dispatcher: this.#direct, origin: proxy.origin, path: `${origin}${path}`, headers }
  }

  /** A TCP connection to the host of an https URL, for a protocol other than HTTP. */
  async dial(url: URL, signal: AbortSignal): Promise<Socket> {
    const host = url.hostname.replace(/^\[|\]$/g, '')
    const port = url.port === '' ? 443 : Number(url.port)
    const proxy = this.#options.findProxy(url)
    return proxy === undefined ? connectTo(host, port, this.#options, signal) : this.#tunnel(proxy, host, port, signal)
  }

  #connected(asked: ConnectorOptions, socket: Socket, callback: Parameters<Connector>[1]): void {
    if (asked.protocol === 'https:') {
      this.#overTls({ ...asked, httpSocket: socket }, (...[error, secure]) => {
        if (error !== null) {
          callback(error, null)
          return
        }
        guardEnd(secure)
        callback(null, secure)
      })
      return
    }
    socket.setNoDelay(true).setKeepAlive(true, 60_000)
    guardEnd(socket)
    callback(null, socket)
  }

  /** A connection through a proxy (CONNECT). */
  #tunnel(proxy: URL, host: string, port: number, signal?: AbortSignal): Promise<Socket> {
    const path = `${host.includes(':') ? `[${host}]` : host}:${port}`
    const headers = { host: path, ...loginAt(proxy) }
    return timed(
      CONNECT_MS,
      [signal],
      (limit) =>
        new Promise((resolve, reject) => {
          const refusal = (status: number): Error => new Error(`the proxy ${proxy.host} answered ${status}`)
          limit.addEventListener('abort', () => reject(limit.reason as Error), { once: true })
          this.#direct.dispatch(
            { origin: proxy.origin, method: 'CONNECT', path, headers },
            {
              onRequestStart: (controller) => {
                const give = (): void => controller.abort(limit.reason as Error)
                if (limit.aborted) give()
                else limit.addEventListener('abort', give, { once: true })
              },
              onRequestUpgrade(_, status, __, socket: Socket) {
                if (status === 200 && !limit.aborted) {
                  resolve(socket)
                  return
                }
                socket.on('error', () => undefined).destroy()
                reject(refusal(status))
              },
              onResponseStart: (controller, status) => controller.abort(refusal(status)),
              onResponseError: (_, error) => reject(error),
            },
          )
        }),
    )
  }
}

function loginAt({ username, password }: URL): Record<string, string> {
  return username === '' && password === '' ? {} : { 'proxy-authorization': basic(username, password) }
}
