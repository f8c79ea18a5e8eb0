/** From a request to its route, and from the reply back, over any connection. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { errorCode, GossumError, traitsOf } from '../errors.js'
import { concatBytes } from '../tlog/bytes.js'
import { CostlyReads } from './costly.js'
import { conditional, refusalOf, routeFor, splitTarget } from './answer.js'
import { CROSS_ORIGIN } from './cross-origin.js'
import { statusOf, type Reply } from './reply.js'
import { ChangingRoutes } from './changing-routes.js'
import { matchPath, type ApiRequest, type Match, type Route } from './router.js'
import type { SentBody } from './sent-body.js'

export interface ResponderReports {
  /** Called for each error that a client did not cause. */
  readonly onError?: (error: unknown) => void
  /**
   * Called for each answer. `route` is the declared path, or empty for an unknown one, so its values are a closed set.
   */
  readonly onRequest?: (route: string, status: number) => void
}

/** What a server knows of a request beyond its content. */
export interface Arrival {
  /** The address of the client; undefined where clients are not distinguished. */
  readonly client: string | undefined
  /** Whether the connection must carry no more requests. */
  readonly closes: () => boolean
  /** Called when the request was read to its end. Returns whether the answer must be about health only. */
  readonly begin?: () => boolean
  /** Called when the answer is made; for an endless one, when it ends. */
  readonly end?: () => void
}

/** The largest body that is read, in bytes, for a route that takes none. */
const MAX_IDLE_BODY_BYTES = 1024

/** Counted, in place of a status, for a client that left before it was answered. */
const CLIENT_GONE = 499

export class Responder {
  readonly #routes: ChangingRoutes
  readonly #reports: ResponderReports
  readonly #costly = new CostlyReads()
  /** Bodies of endless answers. */
  readonly #endless = new Set<SentBody>()
  #isStopped = false

  constructor(routes: readonly Route[] | ChangingRoutes, reports: ResponderReports) {
    this.#routes = routes instanceof ChangingRoutes ? routes : new ChangingRoutes(routes)
    this.#reports = reports
  }

  /**
   * Never fails: errors go to onError. Resolves, when the answer is being sent, to the number of bytes still to be read
   * and sent; to undefined for an endless answer.
   */
  async respond(request: IncomingMessage, response: ServerResponse, arrival: Arrival): Promise<number | undefined> {
    let goesOn = false
    try {
      // The client is gone, and cannot be told.
      response.on('error', () => undefined)
      const client = new Client(request, response)
      const { reply, route } = await this.#answer(request, client, arrival)
      const isGone = client.isGone || (request.destroyed && !request.complete)
      this.#reports.onRequest?.(route, isGone ? CLIENT_GONE : reply.status)
      if (isGone) {
        reply.sent?.close()
        return 0
      }
      const left = this.#send(request, response, arrival, reply)
      goesOn = left === undefined
      return left
    } catch (error) {
      this.#reports.onError?.(error)
      response.destroy()
      return 0
    } finally {
      if (goesOn) response.once('close', () => arrival.end?.())
      else arrival.end?.()
    }
  }

  /** Ends all endless answers, and starts no new ones. */
  stop(): void {
    this.#isStopped = true
    for (const body of this.#endless) body.close()
  }

  /** Returns the number of bytes still to be read and sent; undefined for an endless answer. */
  #send(request: IncomingMessage, response: ServerResponse, arrival: Arrival, reply: Reply): number | undefined {
    const { sent } = reply
    const length = sent === undefined ? reply.body.length : sent.length
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    // A connection on which a body was not read to its end cannot be reused.
    const isLast = request.httpVersionMajor < 2 && (arrival.closes() || !request.complete || length === undefined)
    response.writeHead(reply.status, {
      ...(reply.status === 204 || reply.status === 304 || length === undefined ? {} : { 'content-length': length }),
      'x-content-type-options': 'nosniff',
      ...(isRead ? CROSS_ORIGIN : {}),
      ...(isLast ? { connection: 'close' } : {}),
      ...reply.headers,
    })
    response.once('close', this.#costly.holding(sent === undefined ? reply.body.length : sent.heldBytes))
    const hasBody = request.method !== 'HEAD' && reply.status !== 304
    if (sent !== undefined && hasBody) {
      if (length === undefined) this.#goOn(sent, response)
      void sent.send(response, (error) => this.#reports.onError?.(error))
      return length
    }
    sent?.close()
    response.end(hasBody ? reply.body : undefined)
    return 0
  }

  #goOn(body: SentBody, response: ServerResponse): void {
    this.#endless.add(body)
    response.once('close', () => this.#endless.delete(body))
    if (this.#isStopped) body.close()
  }

  /** Never throws: an error becomes a problem body. */
  async #answer(request: IncomingMessage, client: Client, arrival: Arrival): Promise<{ reply: Reply; route: string }> {
    let match: Match | undefined
    let route: Route | undefined
    let leave: (() => void) | undefined
    try {
      const [pathname, query] = splitTarget(request.url ?? '')
      match = this.#routes.fixed(pathname)
      if (match === undefined) {
        leave = this.#routes.tryEnter() ?? (await this.#routes.enter())
        match = matchPath(this.#routes.now, pathname)
      }
      route = routeFor(match, request.method)
      const body = await readBody(request, route.maxBodyBytes ?? MAX_IDLE_BODY_BYTES)
      if (arrival.begin?.() === true && route.isHealth !== true) throw new GossumError('NODE_BUSY', 'connections')
      if (route.patienceMs !== undefined) request.socket.setTimeout(route.patienceMs)
      const { headers } = request
      const asked: ApiRequest = {
        ...{ params: match.params, query, headers, body, remoteAddress: arrival.client },
        get signal() {
          return client.signal
        },
      }
      const { handle } = route
      const act = async (): Promise<Reply> => handle(asked)
      const reply = await (route.isCostly === true ? this.#costly.run(client.signal, act) : act())
      return { reply: conditional(request, reply, route.caching), route: route.path }
    } catch (error) {
      // Not errors of ours: a client that leaves during its request, too many requests, and requests for features that
      // are off.
      const code = errorCode(error)
      const isOurs = statusOf(error) >= 500 && code !== 'NODE_BUSY' && traitsOf(code).fault !== 'request'
      if (isOurs && request.complete && !client.isGone) this.#reports.onError?.(error)
      return { reply: refusalOf(error, match, route), route: match?.routes[0]?.path ?? '' }
    } finally {
      leave?.()
    }
  }
}

/** The client of a request, until it is answered or gone. */
class Client {
  #isGone = false
  /** Created on demand: hardly any route needs it, and it costs as much as finding the route. */
  #gone: AbortController | undefined

  constructor(request: IncomingMessage, response: ServerResponse) {
    const onGone = (): void => {
      if (response.writableFinished) return
      this.#isGone = true
      this.#gone?.abort(new Error('the client went away'))
    }
    response.on('close', onGone)
    if (request.httpVersionMajor < 2) {
      // An answer queued behind another one on its connection gets no event when the connection ends; the socket does.
      const { socket } = request
      socket.setMaxListeners(0).once('close', onGone)
      response.once('close', () => socket.off('close', onGone))
    }
  }

  get isGone(): boolean {
    return this.#isGone
  }

  /** Aborted when the client is gone. */
  get signal(): AbortSignal {
    if (this.#gone === undefined) {
      this.#gone = new AbortController()
      if (this.#isGone) this.#gone.abort(new Error('the client went away'))
    }
    return this.#gone.signal
  }
}

/** Reads a body to its end, needed or not, so that the connection can be reused. Throws REQUEST_TOO_LARGE. */
async function readBody(request: IncomingMessage, most: number): Promise<Uint8Array> {
  const tooLarge = (): GossumError => new GossumError('REQUEST_TOO_LARGE', `a body above ${most} bytes`)
  if (Number(request.headers['content-length'] ?? 0) > most) throw tooLarge()
  const chunks: Uint8Array[] = []
  let length = 0
  // Event listeners instead of a loop over the stream, which would cost as much as everything else here.
  return new Promise((resolve, reject) => {
    const take = (chunk: Uint8Array): void => {
      length += chunk.length
      chunks.push(chunk)
      if (length <= most) return
      // The request itself is kept: its socket has yet to carry the answer.
      request.off('data', take).pause()
      reject(tooLarge())
    }
    request.on('data', take)
    request.once('end', () => resolve(chunks.length === 1 ? chunks[0]! : concatBytes(...chunks)))
    request.once('error', reject)
    // Creating an error for every request would cost as much as the reading.
    request.once('close', () => {
      if (!request.complete) reject(new Error('the client went away'))
    })
  })
}
