/**
 * Answers peers over /gossum/sync/1. Everything that a stranger may ask for is limited in bytes, in time, in number and
 * per peer. A peer that misbehaves loses its stream; if it goes on, its score drops.
 */
import type { Connection, Stream } from '@libp2p/interface'
import { Slots } from '../../../lib/slots.js'
import { TokenBuckets } from '../../../lib/token-buckets.js'
import { GossumError } from '../../../errors.js'
import { timed } from '../../../lib/timed.js'
import type { Tree } from '../../../tlog/merkle.js'
import type { Prefix } from '../../../witness/decide.js'
import type { WitnessPromise } from '../../../witness/promise.js'
import { asError, framesOf, REQUEST_TIMEOUT_MS } from '../client/sync-client.js'
import type { FloodMeter } from '../../host/flood.js'
import type { DoorHandlers, DoorReports, Drop } from '../../gossip.js'
import { PromiseKeeper, type Sender, type KeepHandlers } from './keeping.js'
import {
  decodeRequest,
  encodeAnswer,
  MAX_PROOF,
  ROOM_BYTES,
  TILE_BYTES,
  type SyncAnswer,
  type ErrorAnswer,
  type EvidenceName,
  type Hello,
  type ProofRequest,
  type SyncRequest,
} from '../messages.js'
import type { SignedPageMessage } from '../pages.js'
import { HARMLESS, REQUESTS_PER_STREAM } from '../talks.js'
import { writeWhole } from './write-whole.js'
import { MAX_MESSAGE_BYTES } from '../../topics.js'

export type { Sender as Bringer } from './keeping.js'
export type { SignedPageMessage as SignedPage } from '../pages.js'

/** What a peer holds of our witness keys. None of it is verified. */
export interface Advertised {
  readonly heads: readonly Uint8Array[]
  readonly promises: readonly WitnessPromise[]
}

/** What a node shows of itself to a peer that asks. */
export interface SyncHandlers extends DoorHandlers, KeepHandlers {
  /** The newest cosigned head of each log. */
  heads(): Promise<readonly Uint8Array[]>
  evidenceIds(): Promise<readonly EvidenceName[]>
  evidence(id: string): Promise<Uint8Array | undefined>
  /** The root of the first `size` records of a tree, 1 <= size <= of.size, with its proof. Throws GossumError. */
  prefix(log: string, of: Tree, size: number, options: { signal: AbortSignal }): Promise<Prefix>
  /** A proven full tile of hashes that is kept here. */
  tile(log: string, path: string): Promise<Uint8Array | undefined>
  /**
   * What is held of this verifier key for logs whose ids come after `after`, in ascending order: at most 64 logs. What
   * does not fit into a message is requested again.
   */
  signedBy(witness: string, after: string | undefined): Promise<SignedPageMessage>
  /**
   * What a peer holds of our own witness keys, perhaps nothing: all of it, or a part if it is more than a megabyte or
   * the peer did not finish. Resolves when it is taken up; only then are the peer's other heads processed.
   */
  told(peer: string, told: Advertised): Promise<void>
  /**
   * A chosen peer's answer is complete: it told all that it holds of each of our keys, and its hello was judged. Called
   * once for each round in which that was so.
   */
  answered(peer: string): void
  /** The clock of a chosen peer, in milliseconds since 1970. */
  saidTime?(peer: string, time: number): void
}

/** Requests of one peer: at once, and per second in the long run. */
const REQUEST_BURST = 60
const REQUESTS_PER_SECOND = 1
/** Pages of `signed` for one peer: 4,096 logs are 64 pages, for each of a few keys, at a start and soon again. */
const PAGE_BURST = 512
const PAGES_PER_SECOND = 8
/** Messages with promises from a peer that we chose or whose witness we count, and from a stranger. */
const PROMISE_BURST = 1000
const PROMISES_PER_SECOND = 500
const STRANGER_PROMISE_BURST = 60
const STRANGER_PROMISES_PER_SECOND = 8
/** Proofs that one peer may ask for, each of which may make us fetch tiles from the log: at once, and per second. */
const PROOF_BURST = 16
const PROOFS_PER_SECOND = 0.5
/** Proofs that all peers together may ask for: a new peer id costs nothing, and the load must not reach the log. */
const ALL_PROOFS_BURST = 128
const ALL_PROOFS_PER_SECOND = 8
/** Proofs made in parallel. */
const PROOFS_AT_ONCE = 8
/** The most milliseconds for one proof; less than the client waits. */
const PROOF_TIMEOUT_MS = 8_000
/** Evidence answers made in parallel: each may read five megabytes from the disk. */
const EVIDENCE_AT_ONCE = 8
/** Bytes of answers not yet read by their recipients: per peer, and for all untrusted peers together. */
const UNREAD_BYTES_PER_PEER = 1024 * 1024
const UNREAD_BYTES = 16 * 1024 * 1024
/**
 * Streams that one peer may have open with us, over all its connections: one each for a round, a question and promises,
 * each of which may still be closing while the next is opened.
 */
export const STREAMS_PER_PEER = 6

const UNKNOWN: ErrorAnswer = { type: 'error', code: 'unknown' }
const BUSY: ErrorAnswer = { type: 'error', code: 'busy' }

export interface AnswererOptions {
  /** Log ids. */
  readonly logs: ReadonlySet<string>
  readonly handlers: SyncHandlers
  readonly meter: FloodMeter
  readonly reports: DoorReports
  readonly hellos: {
    /** Our own hello to a peer. */
    readonly ours: (connection: Connection) => Promise<Hello>
    /** A peer has sent its hello and has its answer. */
    readonly heard: (hello: Hello, connection: Connection) => void
  }
  readonly promises: {
    /**
     * What we know of a peer that brings promises, and whether it may bring many: we chose it, or count its witness.
     */
    readonly bringer: (peer: string) => Sender
    readonly isTrusted: (bringer: Sender) => boolean
  }
  readonly stopped: AbortSignal
}

export class SyncServer {
  readonly #options: AnswererOptions
  readonly #servedMs: number
  readonly #requests = new TokenBuckets(REQUEST_BURST, REQUESTS_PER_SECOND)
  readonly #pages = new TokenBuckets(PAGE_BURST, PAGES_PER_SECOND)
  readonly #promises = new TokenBuckets(PROMISE_BURST, PROMISES_PER_SECOND)
  readonly #strangersPromises = new TokenBuckets(STRANGER_PROMISE_BURST, STRANGER_PROMISES_PER_SECOND)
  readonly #keeper: PromiseKeeper
  readonly #proofs = new TokenBuckets(PROOF_BURST, PROOFS_PER_SECOND)
  readonly #allProofs = new TokenBuckets(ALL_PROOFS_BURST, ALL_PROOFS_PER_SECOND)
  readonly #proving = new Slots({ total: PROOFS_AT_ONCE })
  readonly #showing = new Slots({ total: EVIDENCE_AT_ONCE })
  /** Bytes of unread answers, by peer. */
  readonly #unread = new Slots()
  /** Inbound streams by peer. */
  readonly #streams = new Slots({ perKey: STREAMS_PER_PEER })

  /** `servedMs`: the most milliseconds that a peer may take to write a request, and to read its answer. */
  constructor(options: AnswererOptions, servedMs = REQUEST_TIMEOUT_MS) {
    this.#options = options
    this.#servedMs = servedMs
    this.#keeper = new PromiseKeeper(options.handlers, options.reports)
  }

  /** Serves a stream that a peer opened, until it ends. Never throws. */
  async serve(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const isPaused = this.#options.meter.isPaused(peer, performance.now())
    const leave = isPaused ? undefined : this.#streams.take(peer)
    if (leave === undefined) {
      this.#refuse(peer, 'sync-streams')
      stream.abort(new Error('too many sync streams'))
      // A peer that continues while it is ignored is disconnected; the gater lets it in again later.
      if (this.#options.meter.isPaused(peer, performance.now()))
        connection.abort(new Error('too many refused requests'))
      return
    }
    try {
      await this.#answerAll(stream, connection)
    } catch (error) {
      // A peer ends the stream when it has no more questions.
      if (asError(error).name === 'UnexpectedEOFError')
        await this.#timed((signal) => stream.close({ signal })).catch(() => undefined)
      else {
        // An impossible frame length; a peer that is slow, or has disconnected, is a different case.
        const isLie = asError(error).name.startsWith('InvalidDataLength')
        // This counts as four refused requests: each may have brought a megabyte.
        for (let i = 0; isLie && i < 4; i++) this.#options.meter.offence(peer, performance.now())
        stream.abort(asError(error))
        if (isLie && this.#options.meter.isPaused(peer, performance.now())) connection.abort(asError(error))
      }
    } finally {
      leave()
    }
  }

  async #answerAll(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const frames = framesOf(stream)
    for (let requests = 0; requests < REQUESTS_PER_STREAM; requests++) {
      const frame = await this.#timed((signal) => frames.read({ signal }))
      const request = decodeRequest(frame.subarray())
      const allowed = this.#budgetFor(request, peer).take(peer, performance.now())
      let answer = allowed ? await this.#answer(request, connection) : this.#refuse(peer, 'sync-budget')
      let bytes = encodeAnswer(answer)
      if (!this.#hasRoom(peer, bytes.length)) {
        answer = this.#busy()
        bytes = encodeAnswer(answer)
      }
      await this.#unreadBy(
        peer,
        bytes.length,
        this.#timed((signal) => writeWhole(frames, stream, bytes, signal)),
      )
      if (answer.type === 'error' && !HARMLESS.has(answer.code)) break
      if (request.type === 'hello') this.#options.hellos.heard(request, connection)
    }
    await this.#timed((signal) => stream.close({ signal }))
  }

  async #answer(request: SyncRequest | ErrorAnswer, connection: Connection): Promise<SyncAnswer> {
    const { logs, handlers, reports } = this.#options
    const peer = connection.remotePeer.toString()
    try {
      switch (request.type) {
        case 'hello':
          return await this.#options.hellos.ours(connection)
        case 'evidence':
          return await this.#show(request.ids)
        case 'proof':
          return logs.has(request.log) ? await this.#prove(request, peer) : UNKNOWN
        case 'tile': {
          const data = logs.has(request.log) ? await handlers.tile(request.log, request.path) : undefined
          return data?.length === TILE_BYTES ? { type: 'tile', data } : UNKNOWN
        }
        case 'signed':
          return { type: 'signed', ...(await handlers.signedBy(request.witness, request.after)) }
        case 'promise': {
          const from = this.#options.promises.bringer(peer)
          return {
            type: 'promise',
            kept: await this.#keeper.keep(request, from, this.#options.promises.isTrusted(from)),
          }
        }
        case 'error':
          if (request.code === 'malformed') this.#options.meter.offence(peer, performance.now())
          return request
      }
    } catch (error) {
      // That we cannot get the proof is not our bug.
      if (request.type === 'proof' && error instanceof GossumError) return UNKNOWN
      reports.onError(error)
      return { type: 'error', code: 'internal' }
    }
  }

  #budgetFor({ type }: SyncRequest | ErrorAnswer, peer: string): TokenBuckets {
    if (type === 'signed') return this.#pages
    if (type !== 'promise') return this.#requests
    const { bringer, isTrusted } = this.#options.promises
    return isTrusted(bringer(peer)) ? this.#promises : this.#strangersPromises
  }

  /** One file after the other, as many as fit into a frame: a few padded ones fill it. */
  async #show(ids: readonly string[]): Promise<SyncAnswer> {
    const leave = this.#showing.take('')
    if (leave === undefined) return this.#busy()
    const files: Uint8Array[] = []
    let room = ROOM_BYTES
    try {
      for (const id of new Set(ids)) {
        const file = await this.#options.handlers.evidence(id)
        if (file === undefined || file.length > MAX_MESSAGE_BYTES) continue
        room -= file.length
        if (room < 0) break
        files.push(file)
      }
    } finally {
      leave()
    }
    return { type: 'evidence', files }
  }

  /** Whether an answer of so many bytes may wait until this peer reads it. */
  #hasRoom(peer: string, bytes: number): boolean {
    if (this.#unread.of(peer) + bytes > UNREAD_BYTES_PER_PEER) return false
    const { bringer, isTrusted } = this.#options.promises
    return this.#unread.total + bytes <= UNREAD_BYTES || isTrusted(bringer(peer))
  }

  async #unreadBy(peer: string, bytes: number, written: Promise<void>): Promise<void> {
    await written.finally(this.#unread.hold(peer, bytes))
  }

  #busy(): ErrorAnswer {
    this.#options.reports.onDropped('sync-busy')
    return BUSY
  }

  async #prove({ log, of, size }: ProofRequest, peer: string): Promise<SyncAnswer> {
    const now = performance.now()
    if (!this.#proofs.take(peer, now)) return this.#refuse(peer, 'sync-proofs')
    const leave = this.#proving.take('')
    if (leave === undefined || !this.#allProofs.take('', now)) {
      leave?.()
      this.#options.reports.onDropped('sync-proofs')
      return BUSY
    }
    try {
      const { stopped, handlers } = this.#options
      const { root, proof } = await timed(PROOF_TIMEOUT_MS, [stopped], (signal) =>
        handlers.prefix(log, of, size, { signal }),
      )
      return proof.length > MAX_PROOF ? UNKNOWN : { type: 'proof', root, proof }
    } finally {
      leave()
    }
  }

  #refuse(peer: string, drop: Drop): ErrorAnswer {
    this.#options.reports.onDropped(drop)
    this.#options.meter.offence(peer, performance.now())
    return BUSY
  }

  /** Aborts what a peer does not read or write in time. */
  #timed<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return timed(this.#servedMs, [this.#options.stopped], act)
  }
}
