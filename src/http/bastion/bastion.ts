/**
 * A witness without a public address serves through a bastion (c2sp.org/https-bastion): we dial it, and it sends us over
 * that connection, as HTTP/2, what comes for us at `https://BASTION/<SHA-256 of our key>/`.
 *
 * A socket that is up says nothing: two Go witnesses were dead behind theirs for a day. So the node asks itself through
 * the bastion, as any log would, and counts the cosignatures that went out; a connection that does not carry what we ask is
 * made anew.
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
  /** `https://HOST[:PORT]`, where it is dialled and where logs ask. */
  readonly url: string
  /** Raw Ed25519 key by which the bastion knows us: 32 bytes of public key, 32 of seed. */
  readonly key: { readonly publicKey: Uint8Array; readonly seed: Uint8Array }
  /** What is served there, and nothing else: whoever asks comes from anywhere. */
  readonly routes: readonly Route[]
  /** As of the server (server.ts). */
  readonly gate?: Gate
  readonly onChange: (report: BastionReport) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Less than usual, for tests. */
  readonly limits?: Partial<BastionLimits>
}

/** `serving`: the self-check through it succeeds. `connected`: it has not succeeded yet, or no longer does. */
export type BastionState = 'connecting' | 'connected' | 'serving'

export interface BastionReport {
  /** The prefix to give to logs, with a slash at the end. */
  readonly url: string
  readonly state: BastionState
  /** RFC 3339, when this state began. */
  readonly since: string
  /** When the last cosignature went out through it; null before the first since the start. */
  readonly lastCosignature: string | null
  /** Why it does not serve, as far as that is known. */
  readonly error: string | null
}

/** How long things may take, in ms. */
export interface BastionLimits {
  /** The connection and its handshake. */
  readonly dialMs: number
  /** An answer to what we ask ourselves. */
  readonly checkMs: number
  /** A request, to its end: as long as one to the server. */
  readonly requestMs: number
  /** A request and its answer, to the end of both. A head may wait for a look at its log, deposits and an agent. */
  readonly streamMs: number
}

const BASTION_LIMITS: BastionLimits = { dialMs: 10_000, checkMs: 5_000, requestMs: 15_000, streamMs: 60_000 }
/** Milliseconds until we ask ourselves again, after a question that came in and after one that did not. */
const CHECK_MS = { fine: 60_000, failed: 2_000 }
/** Questions in a row that do not come in, after which the connection is made anew. */
const MAX_FAILED_CHECKS = 3
/** Milliseconds before the second try, doubled up to the longest. */
const BACKOFF_MS = { first: 1_000, longest: 60_000 }
/** Where an answer of 200 is a cosignature, of a head or of a subtree. */
const SIGNING: ReadonlySet<string> = new Set(['/add-checkpoint', '/sign-subtree'])
/** Streams at once, and bytes of headers of each. */
const LIMITS = { maxConcurrentStreams: 256, maxHeaderListSize: 16 * 1024 }
/** Where we ask ourselves. */
const CHECK_PATH = '/bastion-check'

/** What we ask ourselves: a word that nobody else knows. */
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
  /** The question that is under way. */
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
      // The interface of HTTP/2 is made to be that of HTTP/1 for whoever reads a request and answers it.
      const asked = [request as unknown as IncomingMessage, response as unknown as ServerResponse] as const
      void responder.respond(...asked, { client: undefined, closes: () => false })
    })
    this.#server.on('sessionError', () => undefined)
  }

  get report(): BastionReport {
    return this.#report
  }

  /** From now on it serves these. */
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
      // Not all witnesses at once when a bastion comes back.
      await delay(pause * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => undefined)
      pause = Math.min(2 * pause, BACKOFF_MS.longest)
    }
  }

  /** Serves one connection to its end; why it ended. */
  async #serve(signal: AbortSignal): Promise<string> {
    const socket = await this.#dial(signal)
    const session = await this.#attach(socket)
    // It ends when we stop, too: then its socket is destroyed.
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
    // From here on the session speaks of it.
    socket.on('error', () => undefined)
    // SPEC: c2sp.org/https-bastion, Backend: TLS 1.3 with ALPN bastion/0, then HTTP/2 with the backend as server.
    if (socket.alpnProtocol !== 'bastion/0') {
      socket.destroy()
      throw new Error(`${host} is no bastion: it does not speak bastion/0`)
    }
    return socket
  }

  /** A connection to the bastion, when both have said who they are. */
  async #secured(host: string, late: AbortSignal): Promise<TLSSocket> {
    const socket = connect({
      socket: await outgoing.dial(this.#options.url, late),
      // Whom its certificate is to name.
      host,
      // An address has no name to ask for.
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

  /** Hands the connection that we made to the server, which takes it for one that was made to it. */
  async #attach(socket: TLSSocket): Promise<ServerHttp2Session> {
    return timed(this.#limits.dialMs, [], async (signal) => {
      const session = once(this.#server, 'session', { signal })
      this.#server.emit('connection', socket)
      const [made] = (await session) as [ServerHttp2Session]
      made.on('error', () => undefined)
      return made
    })
  }

  /** Ends a stream that takes too long: whoever is behind the bastion could hold all of them for ever. */
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

  /** Asks ourselves through the bastion, as a log would; why the question did not come in, if it did not. */
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
