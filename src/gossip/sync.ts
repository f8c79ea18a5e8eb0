/**
 * The sync door: request and response with one peer over /gossum/sync/1. Gossip only reaches who is there; sync is
 * how late joiners catch up and how everybody repairs what gossip lost.
 *
 * The dialer asks when a peer connects and again when it is grafted, and everybody asks a random peer once a minute.
 * Both sides learn: a hello carries what its sender holds. A peer that misbehaves loses its stream, nothing else.
 */
import type { Connection, PeerId, Stream } from '@libp2p/interface'
import { lpStream, type LengthPrefixedStream } from '@libp2p/utils'
import { toHex } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { Budget } from '../budget.js'
import type { DoorHandlers, DoorReports } from './gossip.js'
import type { Host } from './host.js'
import {
  decodeAnswer,
  decodeRequest,
  encodeAnswer,
  encodeRequest,
  MAX_EVIDENCE_IDS,
  MAX_EVIDENCE_REFS,
  MAX_FRAME_BYTES,
  SYNC_PROTOCOL,
  type Answer,
  type EvidenceRef,
  type Hello,
  type Request,
} from './messages.js'

/** What a node shows of itself to a peer that asks. */
export interface SyncHandlers extends DoorHandlers {
  /** The newest cosigned head of each log. */
  heads(): Promise<readonly Uint8Array[]>
  evidenceIds(): Promise<readonly EvidenceRef[]>
  evidence(id: string): Promise<Uint8Array | undefined>
}

/** Milliseconds until a request is answered, and until a request or an answer is read by the other side. */
const REQUEST_TIMEOUT_MS = 10_000
/**
 * Milliseconds after a connection until a second round. Gossip reaches a new peer only once it is grafted, a heartbeat
 * or two later, and does not tell it what was said before: what came in between would be missed.
 */
const SETTLED_AFTER_MS = 3_000
/** Milliseconds between two rounds with a random peer. */
const ROUND_INTERVAL_MS = 60_000
/** Requests of one peer: at once, and per second in the long run. */
const REQUEST_BURST = 30
const REQUESTS_PER_SECOND = 0.5
/** Requests on one stream; a stream is for one round, not for life. */
const REQUESTS_PER_STREAM = 24
/** Streams that one peer may have open with us at once, whatever the number of its connections. */
const STREAMS_PER_PEER = 2

export class SyncDoor {
  readonly #host: Host
  readonly #logs: ReadonlySet<string>
  readonly #handlers: SyncHandlers
  readonly #reports: DoorReports
  readonly #budget = new Budget(REQUEST_BURST, REQUESTS_PER_SECOND)
  /** Connected peers that speak the protocol. */
  readonly #speakers = new Map<string, PeerId>()
  /** Peers that we are asking. */
  readonly #asking = new Set<string>()
  /** Peers whose hello we are working on. */
  readonly #learning = new Set<string>()
  /** Inbound streams by peer. */
  readonly #streams = new Map<string, number>()
  readonly #stopped = new AbortController()
  #topology: string | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #settling = new Set<NodeJS.Timeout>()
  #rounds = 0

  constructor(host: Host, logs: ReadonlySet<string>, handlers: SyncHandlers, reports: DoorReports) {
    this.#host = host
    this.#logs = logs
    this.#handlers = handlers
    this.#reports = reports
  }

  /** Call before the host starts: the first peer must find the protocol in the list that identify sends. */
  async open(): Promise<void> {
    await this.#host.handle(SYNC_PROTOCOL, (stream, connection) => this.#serve(stream, connection), {
      maxInboundStreams: STREAMS_PER_PEER,
      maxOutboundStreams: STREAMS_PER_PEER,
    })
    this.#topology = await this.#host.register(SYNC_PROTOCOL, {
      onConnect: (peer, connection) => {
        this.#speakers.set(peer.toString(), peer)
        if (connection.direction === 'outbound') {
          void this.syncWith(peer)
          this.#syncWhenSettled(peer)
        }
      },
      onDisconnect: (peer) => void this.#speakers.delete(peer.toString()),
    })
    this.#timer = setInterval(() => {
      const peers = [...this.#speakers.values()]
      const peer = peers[Math.floor(Math.random() * peers.length)]
      if (peer !== undefined) void this.syncWith(peer)
    }, ROUND_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Ends every request at once. Call before the host stops. */
  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#settling.forEach(clearTimeout)
    this.#stopped.abort()
    if (this.#topology !== undefined) this.#host.unregister(this.#topology)
    await this.#host.unhandle(SYNC_PROTOCOL)
  }

  /** Peers that speak the protocol and are connected. */
  get speakers(): ReadonlyMap<string, PeerId> {
    return this.#speakers
  }

  /** One round with a connected peer. Never throws: a peer that fails is a peer that did not help. */
  async syncWith(peer: PeerId): Promise<void> {
    await this.#ask(peer, async (ask) => {
      const answer = await ask(await this.#hello())
      if (answer?.type !== 'hello') return
      // Evidence first: it is verified without the log, and proofs of heads may take longer than the peer waits for us.
      await this.#fetchEvidence(await this.#missing(answer), peer.toString(), ask)
      await this.#learnHeads(answer, peer.toString())
    })
  }

  #syncWhenSettled(peer: PeerId): void {
    const timer = setTimeout(() => {
      this.#settling.delete(timer)
      void this.syncWith(peer)
    }, SETTLED_AFTER_MS)
    timer.unref()
    this.#settling.add(timer)
  }

  // ---- asking --------------------------------------------------------------------------------------------------

  /** Opens a stream to a peer for a few requests, unless there is one already. */
  async #ask(
    peer: PeerId,
    talk: (ask: (request: Request) => Promise<Answer | undefined>) => Promise<void>,
  ): Promise<void> {
    const id = peer.toString()
    const connection = this.#host.getConnections(peer).find((candidate) => candidate.status === 'open')
    if (connection === undefined || this.#asking.has(id) || this.#stopped.signal.aborted) return
    this.#asking.add(id)
    let stream: Stream | undefined
    try {
      stream = await connection.newStream(SYNC_PROTOCOL, { signal: this.#deadline() })
      const frames = framesOf(stream)
      let requests = 0
      await talk(async (request) => {
        if (++requests > REQUESTS_PER_STREAM) return undefined
        const signal = this.#deadline()
        await frames.write(encodeRequest(request), { signal })
        return decodeAnswer((await frames.read({ signal })).subarray())
      })
      await stream.close({ signal: this.#deadline() })
    } catch (error) {
      stream?.abort(asError(error))
    } finally {
      this.#asking.delete(id)
    }
  }

  async #hello(): Promise<Hello> {
    const heads = await this.#handlers.heads()
    // Where not all heads fit into a frame, other ones are left out each time.
    const from = heads.length === 0 ? 0 : this.#rounds++ % heads.length
    const evidence = (await this.#handlers.evidenceIds()).slice(-MAX_EVIDENCE_REFS)
    return { type: 'hello', heads: [...heads.slice(from), ...heads.slice(0, from)], evidence }
  }

  // ---- learning ------------------------------------------------------------------------------------------------

  async #learnHeads(hello: Hello, peer: string): Promise<void> {
    for (const note of hello.heads) {
      if (this.#stopped.signal.aborted) return
      await this.#guarded(() => this.#handlers.submit({ door: 'sync', note, peer, receivedAt: Date.now() }))
    }
  }

  /** The evidence that a peer lists, is about our logs, and is not here. */
  async #missing(hello: Hello): Promise<EvidenceRef[]> {
    const ours = new Set((await this.#handlers.evidenceIds()).map(({ id }) => id))
    return hello.evidence.filter(({ log, id }) => this.#logs.has(log) && !ours.has(id))
  }

  /** Asks for files until all are here or the peer sends no more. A file that was not asked for is dropped. */
  async #fetchEvidence(
    refs: readonly EvidenceRef[],
    peer: string,
    ask: (request: Request) => Promise<Answer | undefined>,
  ): Promise<void> {
    const wanted = new Map(refs.map(({ log, id }) => [id, log]))
    while (wanted.size > 0) {
      const ids = [...wanted.keys()].slice(0, MAX_EVIDENCE_IDS)
      const answer = await ask({ type: 'evidence', ids })
      if (answer?.type !== 'evidence') return
      const before = wanted.size
      for (const file of answer.files) {
        const id = evidenceIdOf(file)
        const log = wanted.get(id)
        if (log === undefined || !wanted.delete(id)) continue
        await this.#guarded(() => this.#handlers.submitEvidence(log, file, peer))
      }
      if (wanted.size === before) {
        // None of these: the peer lists what it does not have. The others may still come.
        for (const id of ids) wanted.delete(id)
      }
    }
  }

  /** What our own handlers throw is our bug; the round goes on. */
  async #guarded(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#reports.onError(error)
    }
  }

  // ---- answering -----------------------------------------------------------------------------------------------

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const peer = connection.remotePeer.toString()
    const open = this.#streams.get(peer) ?? 0
    if (open >= STREAMS_PER_PEER) {
      this.#reports.onDropped('sync-streams')
      stream.abort(new Error('too many sync streams'))
      return
    }
    this.#streams.set(peer, open + 1)
    try {
      await this.#answerAll(stream, connection.remotePeer)
    } catch (error) {
      // The end of the stream is how a peer says that it has asked enough.
      if (asError(error).name === 'UnexpectedEOFError')
        await stream.close({ signal: this.#deadline() }).catch(() => undefined)
      else stream.abort(asError(error))
    } finally {
      const left = this.#streams.get(peer)! - 1
      if (left === 0) this.#streams.delete(peer)
      else this.#streams.set(peer, left)
    }
  }

  async #answerAll(stream: Stream, peer: PeerId): Promise<void> {
    const frames = framesOf(stream)
    for (let requests = 0; requests < REQUESTS_PER_STREAM; requests++) {
      const frame = await frames.read({ signal: this.#deadline() })
      const request = decodeRequest(frame.subarray())
      const allowed = this.#budget.take(peer.toString(), Date.now())
      if (!allowed) this.#reports.onDropped('sync-budget')
      const answer: Answer = allowed ? await this.#answer(request) : { type: 'error', code: 'busy' }
      await frames.write(encodeAnswer(answer), { signal: this.#deadline() })
      if (answer.type === 'error' && answer.code !== 'unknown-request') break
      if (request.type === 'hello') this.#learnFrom(request, peer)
    }
    await stream.close({ signal: this.#deadline() })
  }

  async #answer(request: Request | Answer): Promise<Answer> {
    try {
      if (request.type === 'hello') return await this.#hello()
      if (request.type === 'error') return request
      const files = 'ids' in request ? await Promise.all(request.ids.map((id) => this.#handlers.evidence(id))) : []
      return { type: 'evidence', files: files.filter((file) => file !== undefined) }
    } catch (error) {
      this.#reports.onError(error)
      return { type: 'error', code: 'internal' }
    }
  }

  /** Works on a hello in the background: its sender has its answer and need not wait for our proofs. */
  #learnFrom(hello: Hello, peer: PeerId): void {
    const id = peer.toString()
    if (this.#learning.has(id)) {
      this.#reports.onDropped('sync-busy')
      return
    }
    this.#learning.add(id)
    const learn = async (): Promise<void> => {
      const missing = await this.#missing(hello)
      if (missing.length > 0) await this.#ask(peer, (ask) => this.#fetchEvidence(missing, id, ask))
      await this.#learnHeads(hello, id)
    }
    void this.#guarded(learn).finally(() => this.#learning.delete(id))
  }

  #deadline(): AbortSignal {
    return AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)])
  }
}

function framesOf(stream: Stream): LengthPrefixedStream<Stream> {
  return lpStream(stream, { maxDataLength: MAX_FRAME_BYTES, maxBufferSize: 2 * MAX_FRAME_BYTES })
}

/** The id that the bytes of an evidence file give it: the first 16 hex digits of their SHA-256. */
function evidenceIdOf(file: Uint8Array): string {
  return toHex(sha256(file).subarray(0, 8))
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
