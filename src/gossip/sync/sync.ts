/**
 * The sync door: request and response with one peer over /gossum/sync/1. Gossip only reaches connected peers; sync is
 * how late joiners catch up and how all nodes recover what gossip lost.
 *
 * Both sides ask when they connect, the dialer again when it is grafted, and every node asks a random peer once a
 * minute. They first ask what the other holds of their own witness keys. A chosen peer is asked until it has answered:
 * at start, nothing is signed before enough of them have.
 */
import type { Connection, PeerId } from '@libp2p/interface'
import { Serial } from '../../lib/serial.js'
import { Slots } from '../../lib/slots.js'
import { errorCode } from '../../errors.js'
import { setTimeout as delay } from 'node:timers/promises'
import { lastingController, within } from '../../lib/timed.js'
import { isDelivery } from '../../witness/outcome.js'
import { headsTopic } from '../topics.js'
import { SyncServer, STREAMS_PER_PEER, type Advertised } from './server/sync-server.js'
import { SyncClient, type Ask } from './client/sync-client.js'
import { EvidenceFetcher } from './client/fetching-evidence.js'
import { claimWitness } from './identity.js'
import { MAX_COUNTS, MAX_EVIDENCE_REFS, SYNC_PROTOCOL, type Hello, type WitnessClaim } from './messages.js'
import { Promiser } from './client/promising.js'
import type { SyncOptions } from './sync-options.js'
import { askSigned } from './client/asking-signed.js'
import { evidenceToTell } from './server/listing-evidence.js'

export type { SyncHandlers } from './server/sync-server.js'

/**
 * Milliseconds from a connection until a second round. Gossip reaches a new peer only once it is grafted, a heartbeat
 * or two later, and does not send it earlier messages: what came in between would be missed.
 */
const SETTLED_AFTER_MS = 3_000
/** Milliseconds after which a chosen peer that has not answered is asked again: at first, and at most. */
const AGAIN_AFTER_MS = 500
const AGAIN_AT_MOST_MS = 30_000
/**
 * The most milliseconds that the heads of a hello may take until its sender's answer counts: a log that does not answer
 * must not hold up the others, and what the peer holds of our keys is taken up already.
 */
const JUDGED_AFTER_MS = 5_000
/** Pages of `signed` that are requested: from a chosen peer, and from any other. */
const MAX_PAGES = 1024
const MAX_PAGES_OF_STRANGERS = 64
/** Hellos of one peer whose heads are being processed or waiting to be. */
const MAX_LEARNING = 2
/** Milliseconds between two rounds with a random peer. */
const ROUND_INTERVAL_MS = 60_000

export class SyncDoor {
  readonly syncClient: SyncClient
  readonly promiser: Promiser
  readonly #options: SyncOptions
  readonly #answerer: SyncServer
  #claim: WitnessClaim | undefined
  readonly #evidence: EvidenceFetcher
  /** Peers whose own hello is being processed. */
  readonly #listening = new Set<string>()
  /** Hellos of a peer whose heads are processed, one after the other. */
  readonly #learning = new Slots({ perKey: MAX_LEARNING })
  readonly #turns = new Serial()
  /** Connected peers that were asked what they hold of our keys, whatever the result. */
  readonly #asked = new Set<string>()
  /** Connected peers whose answer was complete. */
  readonly #whole = new Set<string>()
  /** Peers that are asked until they have answered, while they are connected and chosen. */
  readonly #pressed = new Set<string>()
  /** Connected peers that were reported as chosen. */
  readonly #announced = new Set<string>()
  readonly #stopped = lastingController()
  #topology: string | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #settling = new Set<NodeJS.Timeout>()
  #rounds = 0

  constructor(options: SyncOptions) {
    this.#options = options
    const { host, interests, handlers, meter, told, times } = options
    const stopped = this.#stopped.signal
    const { syncPeers, neighbours, chosen } = options.peers
    const { logs, counts } = interests
    this.syncClient = new SyncClient(host, syncPeers, stopped)
    this.#evidence = new EvidenceFetcher(logs, handlers, told)
    this.promiser = new Promiser(this.syncClient, syncPeers)
    this.#answerer = new SyncServer(
      {
        ...{ logs, handlers, meter, reports: told, stopped },
        hellos: {
          ours: ({ remotePeer }) => this.#hello(remotePeer),
          heard: (hello, { remotePeer }) => this.#learnFrom(hello, remotePeer),
        },
        promises: {
          bringer: (peer) => ({
            peer,
            witness: neighbours.about(peer).witness ?? undefined,
            chosen: chosen.has(peer),
          }),
          isTrusted: ({ witness, ...from }) => from.chosen || (witness !== undefined && counts.has(witness)),
        },
      },
      times.servedMs,
    )
  }

  /** Call before the host starts: the first peer must find the protocol in the list that identify sends. */
  async start(): Promise<void> {
    const { host, peers } = this.#options
    await this.#claimed()
    await host.handle(SYNC_PROTOCOL, (stream, connection) => this.#answerer.serve(stream, connection), {
      maxInboundStreams: STREAMS_PER_PEER,
      maxOutboundStreams: STREAMS_PER_PEER,
    })
    host.addEventListener('peer:disconnect', this.#onDisconnect)
    this.#topology = await host.register(SYNC_PROTOCOL, { onConnect: (...args) => this.#onConnect(...args) })
    this.#timer = setInterval(() => {
      const syncPeers = [...peers.syncPeers.values()]
      const peer = syncPeers[Math.floor(Math.random() * syncPeers.length)]
      if (peer !== undefined) void this.syncWith(peer)
    }, this.#options.times.roundMs ?? ROUND_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Aborts every request. Call before the host stops. */
  async stop(): Promise<void> {
    const { host } = this.#options
    clearInterval(this.#timer)
    this.#settling.forEach(clearTimeout)
    this.#stopped.abort()
    host.removeEventListener('peer:disconnect', this.#onDisconnect)
    if (this.#topology !== undefined) host.unregister(this.#topology)
    await host.unhandle(SYNC_PROTOCOL)
  }

  /**
   * One round with a connected peer, and everything that results from it. Never throws: a failure means that the peer
   * did not help.
   */
  async syncWith(peer: PeerId): Promise<void> {
    const { learnt } = await this.#round(peer)
    await learnt
  }

  /** One round. `learnt` resolves when its heads have been processed: they may wait for a log that does not answer. */
  async #round(peer: PeerId): Promise<{ learnt: Promise<void> }> {
    const id = peer.toString()
    let learnt = Promise.resolve()
    await this.syncClient.round(peer, async (ask) => {
      const isTold = await this.#askSigned(id, ask)
      const answer = await ask(await this.#hello(peer))
      if (answer?.type !== 'hello') return
      this.#heard(answer, peer)
      // Evidence first: it is verified without the log, and proofs of heads may take longer than the peer waits.
      const isJudged = await this.#evidence.fetch(await this.#evidence.missing(answer), id, ask)
      learnt = this.#learnHeads(answer, id)
      await within(this.#options.times.judgedMs ?? JUDGED_AFTER_MS, learnt)
      if (isTold && isJudged) this.#hasAnswered(id)
    })
    return { learnt }
  }

  /** The chosen peers may have changed: an address without a peer id was reached. */
  chosenChanged(): void {
    const { peers, told } = this.#options
    const { syncPeers, chosen } = peers
    for (const [id, peer] of syncPeers) {
      if (!chosen.has(id) || this.#announced.has(id)) continue
      this.#announced.add(id)
      told.onChosen(id)
      if (this.#whole.has(id)) this.#options.handlers.answered(id)
      else void this.#press(peer)
    }
  }

  #onConnect(peer: PeerId, connection: Connection): void {
    const { syncPeers, membership, chosen } = this.#options.peers
    // It may have disconnected before identify reported what it speaks.
    if (connection.status !== 'open') return
    const id = peer.toString()
    syncPeers.set(id, peer)
    void membership.met(peer, connection, chosen.has(id))
    if (connection.direction === 'outbound') this.#syncWhenSettled(peer)
    void this.#press(peer)
    this.chosenChanged()
  }

  readonly #onDisconnect = ({ detail: peer }: CustomEvent<PeerId>): void => {
    const id = peer.toString()
    const { syncPeers, neighbours, membership } = this.#options.peers
    syncPeers.delete(id)
    for (const set of [this.#asked, this.#whole, this.#announced]) set.delete(id)
    this.syncClient.gone(id)
    this.promiser.gone(id)
    neighbours.gone(id)
    membership.gone(peer)
  }

  #syncWhenSettled(peer: PeerId): void {
    const timer = setTimeout(() => {
      this.#settling.delete(timer)
      void this.syncWith(peer)
    }, this.#options.times.settledMs ?? SETTLED_AFTER_MS)
    timer.unref()
    this.#settling.add(timer)
  }

  /** A round with a peer that has connected or has become chosen; a chosen one is asked again until it has answered. */
  async #press(peer: PeerId): Promise<void> {
    const id = peer.toString()
    const { syncPeers, chosen } = this.#options.peers
    const { signal } = this.#stopped
    if (this.#pressed.has(id)) return
    this.#pressed.add(id)
    try {
      for (let pause = AGAIN_AFTER_MS; ; pause = Math.min(2 * pause, AGAIN_AT_MOST_MS)) {
        await this.#round(peer)
        if (!chosen.has(id) || !syncPeers.has(id) || this.#whole.has(id) || signal.aborted) return
        await delay(pause, undefined, { signal, ref: false })
      }
    } catch {
      // The node is stopping.
    } finally {
      this.#pressed.delete(id)
    }
  }

  /**
   * Asks what the peer holds of our own keys, and hands it over. Returns whether it told everything and all of it was
   * taken up.
   */
  async #askSigned(peer: string, ask: Ask): Promise<boolean> {
    const { own, handlers, peers } = this.#options
    const { keys } = own
    if (keys.length === 0) return true
    const maxPages = peers.chosen.has(peer) ? MAX_PAGES : MAX_PAGES_OF_STRANGERS
    const take = (told: Advertised): Promise<boolean> => this.#guarded(() => handlers.told(peer, told))
    try {
      return await askSigned(ask, { keys, maxPages, take })
    } finally {
      if (this.#options.peers.syncPeers.has(peer)) this.#asked.add(peer)
    }
  }

  #hasAnswered(peer: string): void {
    if (this.#stopped.signal.aborted) return
    if (this.#options.peers.syncPeers.has(peer)) this.#whole.add(peer)
    if (this.#options.peers.chosen.has(peer)) this.#options.handlers.answered(peer)
  }

  async #hello(to: PeerId): Promise<Hello> {
    const { handlers, interests, peers } = this.#options
    const heads = await handlers.heads()
    // If not all heads fit into a frame, other ones are left out each time.
    const round = this.#rounds++
    const from = heads.length === 0 ? 0 : round % heads.length
    return {
      type: 'hello',
      heads: [...heads.slice(from), ...heads.slice(0, from)],
      evidence: evidenceToTell(await handlers.evidenceIds(), MAX_EVIDENCE_REFS, round),
      counts: [...interests.counts].slice(0, MAX_COUNTS),
      witness: await this.#claimed(),
      peers: peers.membership.introduce(to),
      time: Date.now(),
    }
  }

  /** Our claim, signed by our witness key; undefined until the key could sign it. */
  async #claimed(): Promise<WitnessClaim | undefined> {
    const { host, own } = this.#options
    const { identity } = own
    if (identity === undefined || this.#claim !== undefined) return this.#claim
    try {
      return (this.#claim = await claimWitness(identity, host.peerId.toString()))
    } catch (error) {
      // The signer has reported this already; an agent that is back is asked for the next hello.
      if (errorCode(error) !== 'AGENT_UNAVAILABLE') throw error
      return undefined
    }
  }

  // ---- learning ------------------------------------------------------------------------------------------------

  /** Handles what a hello says about its sender. It holds for this connection only. */
  #heard(hello: Hello, peer: PeerId): void {
    const { host, peers, handlers } = this.#options
    const { neighbours, membership, chosen } = peers
    if (host.getConnections(peer).length === 0) return
    neighbours.heard(peer.toString(), hello)
    membership.told(hello.peers, peer)
    if (hello.time !== undefined && chosen.has(peer.toString())) handlers.saidTime?.(peer.toString(), hello.time)
  }

  /** Processes the heads of a hello after those of the previous one. A third hello at once is dropped. */
  #learnHeads(hello: Hello, peer: string): Promise<void> {
    const leave = this.#learning.take(peer)
    if (leave === undefined) {
      this.#options.told.onDropped('sync-busy')
      // Waiting for this one means waiting for those before it.
      return this.#turns.run(peer, () => Promise.resolve())
    }
    const learn = async (): Promise<void> => {
      for (const note of hello.heads) {
        if (this.#stopped.signal.aborted) return
        await this.#guarded(() => this.#learnHead(note, peer))
      }
    }
    return this.#turns.run(peer, learn).finally(leave)
  }

  async #learnHead(note: Uint8Array, peer: string): Promise<void> {
    const { handlers, news } = this.#options
    const outcome = await handlers.submit({ source: 'sync', note, peer, receivedAt: Date.now() })
    if (outcome.log === undefined || !isDelivery(outcome)) return
    news.delivered({ topic: headsTopic(outcome.log), by: [peer], viaMesh: true })
  }

  /** Processes a hello in the background: its sender has its answer and need not wait for our proofs. */
  #learnFrom(hello: Hello, peer: PeerId): void {
    const id = peer.toString()
    this.#heard(hello, peer)
    // First what it holds of our keys: we are asking it for that, and then for a hello.
    if (this.#options.peers.chosen.has(id) && !this.#asked.has(id)) return
    if (this.#listening.has(id)) {
      this.#options.told.onDropped('sync-busy')
      return
    }
    this.#listening.add(id)
    const learn = async (): Promise<void> => {
      const missing = await this.#evidence.missing(hello)
      if (missing.length > 0)
        await this.syncClient.round(peer, async (ask) => {
          await this.#evidence.fetch(missing, id, ask)
        })
      await this.#learnHeads(hello, id)
    }
    void this.#guarded(learn).finally(() => this.#listening.delete(id))
  }

  /** What our own handlers throw is our bug, and the round continues. Returns whether nothing was thrown. */
  async #guarded(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work()
      return true
    } catch (error) {
      this.#options.told.onError(error)
      return false
    }
  }
}
