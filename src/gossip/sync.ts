/**
 * The sync door: request and response with one peer over /gossum/sync/1. Gossip only reaches who is there; sync is
 * how late joiners catch up and how everybody repairs what gossip lost.
 *
 * The dialer asks when a peer connects and again when it is grafted, and everybody asks a random peer once a minute.
 * Both sides learn: a hello carries what its sender holds. Each side asks the other at once what its own witness key
 * has signed, whoever dialled.
 */
import type { Connection, PeerId } from '@libp2p/interface'
import { errorCode } from '../errors.js'
import { lastingController } from '../timed.js'
import { toHex } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { Answerer, STREAMS_PER_PEER, type SyncHandlers } from './answering.js'
import { Asker, type Ask } from './asking.js'
import type { FloodMeter } from './flood.js'
import type { DoorReports } from './gossip.js'
import type { Host } from './host.js'
import { claimWitness, type Identity } from './identity.js'
import type { Membership } from './membership.js'
import {
  MAX_COUNTS,
  MAX_EVIDENCE_IDS,
  MAX_EVIDENCE_REFS,
  SYNC_PROTOCOL,
  type Answer,
  type EvidenceRef,
  type Hello,
  type WitnessClaim,
} from './messages.js'
import type { Neighbours } from './neighbours.js'

export type { SyncHandlers } from './answering.js'

/**
 * Milliseconds after a connection until a second round. Gossip reaches a new peer only once it is grafted, a heartbeat
 * or two later, and does not tell it what was said before: what came in between would be missed.
 */
const SETTLED_AFTER_MS = 3_000
/** Ids of evidence that are remembered as judged. */
const MAX_JUDGED = 1024
/** Milliseconds between two rounds with a random peer. */
const ROUND_INTERVAL_MS = 60_000

export interface SyncOptions {
  readonly host: Host
  /** Log ids. */
  readonly logs: ReadonlySet<string>
  readonly handlers: SyncHandlers
  readonly reports: DoorReports
  readonly meter: FloodMeter
  /** Connected peers that speak the protocol; kept here, read elsewhere. */
  readonly speakers: Map<string, PeerId>
  readonly neighbours: Neighbours
  readonly membership: Membership
  /** Ids of the peers that are configured. */
  readonly configured: ReadonlySet<string>
  readonly identity: Identity | undefined
  /** Verifier keys that our hello says we count. */
  readonly counts: readonly string[]
  readonly roundMs?: number | undefined
  readonly settledMs?: number | undefined
}

export class SyncDoor {
  readonly asker: Asker
  readonly #options: SyncOptions
  readonly #answerer: Answerer
  #claim: WitnessClaim | undefined
  /** Ids of evidence that was fetched and judged, whether it is kept or not. */
  readonly #judged = new Set<string>()
  /** Peers whose hello we are working on. */
  readonly #learning = new Set<string>()
  readonly #stopped = lastingController()
  #topology: string | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #settling = new Set<NodeJS.Timeout>()
  #rounds = 0

  constructor(options: SyncOptions) {
    this.#options = options
    const { host, speakers } = options
    const stopped = this.#stopped.signal
    this.asker = new Asker(host, speakers, stopped)
    this.#answerer = new Answerer({
      ...options,
      hello: ({ remotePeer }) => this.#hello(remotePeer),
      onHello: (hello, { remotePeer }) => this.#learnFrom(hello, remotePeer),
      stopped,
    })
  }

  /** Call before the host starts: the first peer must find the protocol in the list that identify sends. */
  async open(): Promise<void> {
    const { host, speakers } = this.#options
    await this.#claimed()
    await host.handle(SYNC_PROTOCOL, (stream, connection) => this.#answerer.serve(stream, connection), {
      maxInboundStreams: STREAMS_PER_PEER,
      maxOutboundStreams: STREAMS_PER_PEER,
    })
    host.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#topology = await host.register(SYNC_PROTOCOL, { onConnect: (...args) => this.#onConnect(...args) })
    this.#timer = setInterval(() => {
      const peers = [...speakers.values()]
      const peer = peers[Math.floor(Math.random() * peers.length)]
      if (peer !== undefined) void this.syncWith(peer)
    }, this.#options.roundMs ?? ROUND_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Ends every request at once. Call before the host stops. */
  async close(): Promise<void> {
    const { host } = this.#options
    clearInterval(this.#timer)
    this.#settling.forEach(clearTimeout)
    this.#stopped.abort()
    host.removeEventListener('peer:disconnect', this.#onDisconnect)
    if (this.#topology !== undefined) host.unregister(this.#topology)
    await host.unhandle(SYNC_PROTOCOL)
  }

  /** One round with a connected peer. Never throws: a peer that fails is a peer that did not help. */
  async syncWith(peer: PeerId): Promise<void> {
    await this.asker.round(peer, async (ask) => {
      const guarded = await this.#askSigned(peer, ask)
      const answer = await ask(await this.#hello(peer))
      if (answer?.type === 'hello') {
        this.#heard(answer, peer)
        // Evidence first: it is verified without the log, and proofs of heads may take longer than the peer waits.
        await this.#fetchEvidence(await this.#missing(answer), peer.toString(), ask)
        await this.#learnHeads(answer, peer.toString())
      }
      await guarded()
    })
  }

  #onConnect(peer: PeerId, connection: Connection): void {
    const { speakers, membership } = this.#options
    // It may be gone again by the time that identify has told us what it speaks.
    if (connection.status !== 'open') return
    speakers.set(peer.toString(), peer)
    void membership.met(peer, connection)
    if (connection.direction === 'outbound') {
      void this.syncWith(peer)
      this.#syncWhenSettled(peer)
    } else {
      const { signal } = this.#stopped
      void this.#askSigned(peer, (request) => this.asker.ask(peer, request, signal)).then((guarded) => guarded())
    }
  }

  readonly #onDisconnect = ({ detail: peer }: CustomEvent<PeerId>): void => {
    this.#options.speakers.delete(peer.toString())
    this.#options.neighbours.gone(peer.toString())
    this.#options.membership.gone(peer)
  }

  #syncWhenSettled(peer: PeerId): void {
    const timer = setTimeout(() => {
      this.#settling.delete(timer)
      void this.syncWith(peer)
    }, this.#options.settledMs ?? SETTLED_AFTER_MS)
    timer.unref()
    this.#settling.add(timer)
  }

  /** Asks what our own key has signed, and hands the answer over. What is returned waits until it was worked on. */
  async #askSigned(peer: PeerId, ask: Ask): Promise<() => Promise<void>> {
    const { identity, handlers } = this.#options
    const answer = identity && (await ask({ type: 'signed', witness: identity.witness }))
    if (answer?.type !== 'signed') return () => Promise.resolve()
    const working = this.#guarded(() => handlers.signedHeads(answer.heads, peer.toString(), this.#isChosen(peer)))
    return () => working
  }

  /**
   * Whether it is we who want to speak with this peer, and not only it with us. A node that comes back is often dialled by
   * the peers that it knows before it has dialled them.
   */
  #isChosen(peer: PeerId): boolean {
    const { host, membership, configured } = this.#options
    return (
      host.getConnections(peer).some(({ direction }) => direction === 'outbound') ||
      configured.has(peer.toString()) ||
      membership.isChosen(peer)
    )
  }

  async #hello(to: PeerId): Promise<Hello> {
    const { handlers, counts, membership } = this.#options
    const heads = await handlers.heads()
    // Where not all heads fit into a frame, other ones are left out each time.
    const from = heads.length === 0 ? 0 : this.#rounds++ % heads.length
    return {
      type: 'hello',
      heads: [...heads.slice(from), ...heads.slice(0, from)],
      evidence: (await handlers.evidenceIds()).slice(-MAX_EVIDENCE_REFS),
      counts: counts.slice(0, MAX_COUNTS),
      witness: await this.#claimed(),
      peers: membership.introduce(to),
    }
  }

  /** Whose witness we are, as our key says it, once it could sign that: until then we are a witness without a name. */
  async #claimed(): Promise<WitnessClaim | undefined> {
    const { host, identity } = this.#options
    if (identity === undefined || this.#claim !== undefined) return this.#claim
    try {
      return (this.#claim = await claimWitness(identity, host.peerId.toString()))
    } catch (error) {
      // Who signs has said so; an agent that is back is asked with the next hello.
      if (errorCode(error) !== 'AGENT_UNAVAILABLE') throw error
      return undefined
    }
  }

  // ---- learning ------------------------------------------------------------------------------------------------

  /** What a hello says of its sender. It counts for the connection only. */
  #heard(hello: Hello, peer: PeerId): void {
    const { host, neighbours, membership } = this.#options
    if (host.getConnections(peer).length === 0) return
    neighbours.heard(peer.toString(), hello)
    membership.told(hello.peers, peer)
  }

  async #learnHeads(hello: Hello, peer: string): Promise<void> {
    for (const note of hello.heads) {
      if (this.#stopped.signal.aborted) return
      await this.#guarded(() => this.#options.handlers.submit({ source: 'sync', note, peer, receivedAt: Date.now() }))
    }
  }

  /** The evidence that a peer lists, is about our logs, is not here, and was not judged before. */
  async #missing(hello: Hello): Promise<EvidenceRef[]> {
    const { handlers, logs } = this.#options
    const ours = new Set((await handlers.evidenceIds()).map(({ id }) => id))
    return hello.evidence.filter(({ log, id }) => logs.has(log) && !ours.has(id) && !this.#judged.has(id))
  }

  /** Remembers a file that was judged: one that we do not keep would be fetched again in every round. */
  #judge(id: string): void {
    if (this.#judged.size >= MAX_JUDGED) this.#judged.delete(this.#judged.values().next().value!)
    this.#judged.add(id)
  }

  /** Asks for files until all are here or the peer sends no more. A file that was not asked for is dropped. */
  async #fetchEvidence(refs: readonly EvidenceRef[], peer: string, ask: Ask): Promise<void> {
    const wanted = new Map(refs.map(({ log, id }) => [id, log]))
    while (wanted.size > 0) {
      const ids = [...wanted.keys()].slice(0, MAX_EVIDENCE_IDS)
      const answer: Answer | undefined = await ask({ type: 'evidence', ids })
      if (answer?.type !== 'evidence') return
      const before = wanted.size
      for (const file of answer.files) {
        const id = evidenceIdOf(file)
        const log = wanted.get(id)
        if (log === undefined || !wanted.delete(id)) continue
        await this.#guarded(async () => {
          await this.#options.handlers.submitEvidence(log, file, peer)
          this.#judge(id)
        })
      }
      if (wanted.size === before) {
        // None of these: the peer lists what it does not have. The others may still come.
        for (const id of ids) wanted.delete(id)
      }
    }
  }

  /** Works on a hello in the background: its sender has its answer and need not wait for our proofs. */
  #learnFrom(hello: Hello, peer: PeerId): void {
    const id = peer.toString()
    this.#heard(hello, peer)
    if (this.#learning.has(id)) {
      this.#options.reports.onDropped('sync-busy')
      return
    }
    this.#learning.add(id)
    const learn = async (): Promise<void> => {
      const missing = await this.#missing(hello)
      if (missing.length > 0) await this.asker.round(peer, (ask) => this.#fetchEvidence(missing, id, ask))
      await this.#learnHeads(hello, id)
    }
    void this.#guarded(learn).finally(() => this.#learning.delete(id))
  }

  /** What our own handlers throw is our bug; the round goes on. */
  async #guarded(work: () => Promise<unknown>): Promise<void> {
    try {
      await work()
    } catch (error) {
      this.#options.reports.onError(error)
    }
  }
}

/** The id that the bytes of an evidence file give it: the first 16 hex digits of their SHA-256. */
function evidenceIdOf(file: Uint8Array): string {
  return toHex(sha256(file).subarray(0, 8))
}
