/**
 * A witness without a public address serves through a bastion (c2sp.org/https-bastion): it dials the bastion, which
 * forwards over that connection, as HTTP/2, the requests for `https://BASTION/<SHA-256 of our key>/`.
 *
 * An open socket proves nothing: two Go witnesses were unreachable behind theirs for a day. So the node sends itself a
 * request through the bastion, as a log would, and counts the cosignatures that went out; it replaces a connection over
 * which its own requests do not arrive.
 */
import { createHash, createPrivateKey, randomUUID, sign } from 'node:crypto'
import { once } from 'node:events'
import { constants, createServer, type Http2Server, type Http2ServerRequest, type ServerHttp2Session } from 'node:http2'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, type TLSSocket } from 'node:tls'
import { setTimeout as delay } from 'node:timers/promises'
import { GossumError } from '../../errors.js'
import { outgoing } from '../../outgoing/http-client.js'
import { reasonOf } from '../../outgoing/reason.js'
import { lastingController, timed } from '../../lib/timed.js'
import { bastionCertificate, privateKeyPem } from './bastion-certificate.js'
import type { Gate } from '../../lib/gate.js'
import { ChangingRoutes } from '../changing-routes.js'
import { Responder, type ResponderReports } from '../responder.js'
import type { Route } from '../router.js'

export interface BastionOptions extends ResponderReports {
  /** `https://HOST[:PORT]`, the address that the node dials, and at which logs make requests. */
  readonly url: string
  /** The raw Ed25519 key by which the bastion identifies us: 32 bytes of public key, 32 of seed. */
  readonly key: { readonly publicKey: Uint8Array; readonly seed: Uint8Array }
  /** The routes served there, and no others: requests may come from anyone. */
  readonly routes: readonly Route[]
  /** As in the server (server.ts). */
  readonly gate?: Gate
  readonly onChange: (report: BastionReport) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Smaller limits, for tests. */
  readonly limits?: Partial<BastionLimits>
}

/** `serving`: the self-check succeeds. `connected`: it has not succeeded yet, or no longer does. */
export type BastionState = 'connecting' | 'connected' | 'serving'

export interface BastionReport {
  /** The prefix to give to logs, with a trailing slash. */
  readonly url: string
  readonly state: BastionState
  /** When this state began, in RFC 3339. */
  readonly since: string
  /** When the last cosignature went out through the bastion; null before the first since the start. */
  readonly lastCosignature: string | null
  /** Why it does not serve, if known. */
  readonly error: string | null
}

/** Time limits, in milliseconds. */
export interface BastionLimits {
  /** For the connection and its handshake. */
  readonly dialMs: number
  /** For the answer to a self-check. */
  readonly checkMs: number
  /** For receiving a request completely: the same as in the server. */
  readonly requestMs: number
  /**
   * For a request and its answer together. A head may wait for a request to its log, for deposits, and for an agent.
   */
  readonly streamMs: number
}

const BASTION_LIMITS: BastionLimits = { dialMs: 10_000, checkMs: 5_000, requestMs: 15_000, streamMs: 60_000 }
/** Milliseconds until the next self-check, after one that succeeded and after one that failed. */
const CHECK_MS = { fine: 60_000, failed: 2_000 }
/** Self-checks that may fail in a row; then the connection is replaced. */
const MAX_FAILED_CHECKS = 3
/** Milliseconds before the second attempt, doubled each time up to the longest. */
const BACKOFF_MS = { first: 1_000, longest: 60_000 }
/** Paths whose answers with status 200 are cosignatures, of a head or of a subtree. */
const SIGNING: ReadonlySet<string> = new Set(['/add-checkpoint', '/sign-subtree'])
/** Concurrent streams, and bytes of headers of each. */
const LIMITS = { maxConcurrentStreams: 256, maxHeaderListSize: 16 * 1024 }
/** The path of the self-check. */
const CHECK_PATH = '/bastion-check'

/** A self-check: a random word that nobody else knows. */
interface Question {
  readonly word: string
  hasArrived: boolean
}

export class Bastion {
  readonly #options: BastionOptions
  readonly #limits: BastionLimits
  readonly #server: Http2Server
  readonly #routes: ChangingRoutes
  readonly #tls: { readonly cert: string; readonly key: string }
  readonly #stopped = lastingController()
  /** The self-check in progress. */
  #asked: Question | undefined
  #report: BastionReport
  #running: Promise<void> = Promise.resolve()
  #socket: TLSSocket | undefined

  constructor(options: BastionOptions) {
    const { url, key, routes, now } = options
    this.#options = options
    this.#limits = { ...BASTION_LIMITS, ...options.limits }
    const pem = privateKeyPem(key.seed)
    const signer = createPrivateKey(pem)
    this.#tls = { key: pem, cert: bastionCertificate(key.publicKey, (message) => sign(null, message, signer)) }
    const hash = createHash('sha256').update(key.publicKey).digest('hex')
    this.#report = {
      url: `${url}/${hash}/`,
      state: 'connecting',
      since: new Date(now()).toISOString(),
      lastCosignature: null,
      error: null,
    }
    this.#routes = new ChangingRoutes([], options)
    this.serveRoutes(routes)
    const responder = new Responder(this.#routes, options)
    this.#server = createServer({ settings: LIMITS }, (request, response) => {
      this.#limit(request)
      response.on('finish', () => {
        if (SIGNING.has(request.url) && request.method === 'POST' && response.statusCode === 200) {
          this.#change({ lastCosignature: new Date(now()).toISOString() })
        }
      })
      // Node's HTTP/2 API is compatible with that of HTTP/1 for reading requests and answering them.
      const asked = [request as unknown as IncomingMessage, response as unknown as ServerResponse] as const
      void responder.respond(...asked, { client: undefined, closes: () => false })
    })
    this.#server.on('sessionError', () => undefined)
  }

  get report(): BastionReport {
    return this.#report
  }

  /** Serves these routes from now on. */
  serveRoutes(routes: readonly Route[]): void {
    this.#routes.now = [...routes, this.#checkRoute()]
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    this.#socket?.destroy()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    const isStopped = (): boolean => signal.aborted
    let pause = BACKOFF_MS.first
    while (!isStopped()) {
      const why = await this.#serve(signal).catch((error: unknown) => reasonOf(error))
      if (isStopped()) return
      if (this.#report.state === 'serving') pause = BACKOFF_MS.first
      this.#change({ state: 'connecting', error: why })
      // Jitter, so that not all witnesses dial at once when a bastion returns.
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      pause = Math.min(2 * pause, BACKOFF_MS.longest)
    }
  }

  /** Serves one connection until it ends; returns why it ended. */
  async #serve(signal: AbortSignal): Promise<string> {
    const socket = await this.#dial(signal)
    const session = await this.#attach(socket)
    // It also ends when we stop, which destroys its socket.
    const ended = lastingController()
    session.once('close', () => ended.abort())
    this.#change({ state: 'connected', error: null })
    try {
      for (let failed = 0; failed < MAX_FAILED_CHECKS;) {
        const error = await this.#check(signal)
        if (hasEnded(session) || signal.aborted) break
        failed = error === undefined ? 0 : failed + 1
        this.#change({ state: error === undefined ? 'serving' : 'connected', error: error ?? null })
        const pause = error === undefined ? CHECK_MS.fine : CHECK_MS.failed
        await delay(pause, undefined, { signal: ended.signal }).catch(() => undefined)
        if (hasEnded(session)) break
      }
      return hasEnded(session) ? 'the bastion ended the connection' : (this.#report.error ?? 'no answer')
    } finally {
      session.destroy()
      socket.destroy()
    }
  }

  async #dial(signal: AbortSignal): Promise<TLSSocket> {
    const host = new URL(this.#options.url).hostname.replace(/^\[|\]$/g, '')
    const times = { late: false }
    const socket = await timed(this.#limits.dialMs, [signal], (late) => {
      late.addEventListener('abort', () => (times.late = true), { once: true })
      return this.#secured(host, late)
    }).catch((error: unknown) => {
      throw times.late && !signal.aborted ? new GossumError('TIMEOUT', `no connection to ${host}`, error) : error
    })
    // From here on the session reports errors of the socket.
    socket.on('error', () => undefined)
    // SPEC: c2sp.org/https-bastion, Backend: TLS 1.3 with ALPN bastion/0, then HTTP/2 with the backend as server.
    if (socket.alpnProtocol !== 'bastion/0') {
      socket.destroy()
      throw new Error(`${host} is not a bastion: it does not speak bastion/0`)
    }
    return socket
  }

  /** A connection to the bastion after mutual authentication. */
  async #secured(host: string, late: AbortSignal): Promise<TLSSocket> {
    const socket = connect({
      socket: await outgoing.dial(this.#options.url, late),
      // The name that its certificate must have.
      host,
      // Server names (SNI) are names only, not IP addresses.
      ...(/^[\d.]+$|:/.test(host) ? {} : { servername: host }),
      ALPNProtocols: ['bastion/0'],
      minVersion: 'TLSv1.3',
      ...this.#tls,
    })
    this.#socket = socket
    try {
      await once(socket, 'secureConnect', { signal: late })
    } catch (error) {
      socket.destroy()
      throw error
    }
    return socket
  }

  /** Passes the connection that we made to the server, which treats it as an incoming one. */
  async #attach(socket: TLSSocket): Promise<ServerHttp2Session> {
    return timed(this.#limits.dialMs, [], async (signal) => {
      const session = once(this.#server, 'session', { signal })
      this.#server.emit('connection', socket)
      const [made] = (await session) as [ServerHttp2Session]
      made.on('error', () => undefined)
      return made
    })
  }

  /** Ends a stream that takes too long: clients behind the bastion could otherwise occupy all of them for ever. */
  #limit({ stream }: Http2ServerRequest): void {
    const end = (): void => stream.close(constants.NGHTTP2_CANCEL)
    const whole = setTimeout(end, this.#limits.streamMs)
    const asked = setTimeout(end, this.#limits.requestMs)
    stream.once('end', () => clearTimeout(asked))
    stream.once('close', () => {
      clearTimeout(whole)
      clearTimeout(asked)
    })
  }

  // ---- asking ourselves ----

  #checkRoute(): Route {
    return {
      method: 'GET',
      path: `${CHECK_PATH}/:word`,
      handle: ({ params }) => {
        if (params['word'] === this.#asked?.word) this.#asked!.hasArrived = true
        return Promise.resolve({ status: 204, headers: { 'cache-control': 'no-store' }, body: new Uint8Array() })
      },
    }
  }

  /** Sends a request to ourselves through the bastion, as a log would. Returns why it did not arrive, if it did not. */
  async #check(signal: AbortSignal): Promise<string | undefined> {
    const word = randomUUID()
    const asked = { word, hasArrived: false }
    this.#asked = asked
    const missed = (why: string): string => `the self-check through the bastion failed: ${why}`
    try {
      const url = `${this.#report.url}${CHECK_PATH.slice(1)}/${word}`
      const answer = await timed(this.#limits.checkMs, [signal], async (late) => {
        const response = await outgoing.fetch(url, { headers: {}, redirect: 'manual', signal: late })
        await response.body?.getReader().cancel()
        return response
      })
      return isIn(asked) ? undefined : missed(`the bastion answered ${answer.status}`)
    } catch (error) {
      return isIn(asked) ? undefined : missed(reasonOf(error))
    } finally {
      this.#asked = undefined
    }
  }

  #change(change: Partial<Pick<BastionReport, 'state' | 'error' | 'lastCosignature'>>): void {
    const before = this.#report
    const isNew = change.state !== undefined && change.state !== before.state
    const since = isNew ? new Date(this.#options.now()).toISOString() : before.since
    this.#report = { ...before, ...change, since }
    if (isNew || (change.error !== undefined && change.error !== before.error)) this.#options.onChange(this.#report)
  }
}

function hasEnded({ closed, destroyed }: ServerHttp2Session): boolean {
  return closed || destroyed
}

function isIn({ hasArrived }: Question): boolean {
  return hasArrived
}
