/**
 * The mesh as the rest of the node sees it: start, publish, peers, stop. No libp2p types appear in its interface.
 *
 * Trusted: noise, for the identity of the peer at the other end of a connection. Not trusted: peers. What they send is
 * verified, and what they may cost is limited. Chosen peers are trusted in one respect, to remember what our keys
 * signed, and only as many of them together as docs/protocol.md says.
 */
import type { Connection, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { GossumError } from '../errors.js'
import type { VerifierKey } from '../tlog/note.js'
import type { Tree } from '../tlog/merkle.js'
import type { Prefix } from '../witness/decide.js'
import type { WitnessPromise } from '../witness/promise.js'
import { parseAddresses } from './host/address.js'
import { ChosenPeers, type Chosen } from './membership/chosen-peers.js'
import { DeliveredNews } from './host/delivered-news.js'
import { FloodMeter } from './host/flood.js'
import { GossipDoor } from './gossip.js'
import { allowTopics, createHost, type Host } from './host/host.js'
import { Membership } from './membership/membership.js'
import { Neighbours, type NeighbourHead } from './membership/neighbours.js'
import type { PromiseAnswerOf } from './sync/client/promising.js'
import { BootstrapDialer } from './membership/bootstrap-dialer.js'
import { SyncDoor } from './sync/sync.js'
import type { MeshInterests, MeshOptions, PeerEvent } from './mesh-options.js'
import { evidenceTopic, headsTopic } from './topics.js'

export type { MeshInterests, MeshOptions, PeerEvent } from './mesh-options.js'
export { parseAddresses } from './host/address.js'
export { chosenFrom, type KnownPeer, type PeerStore } from './membership/peer-store.js'
export type { Chosen } from './membership/chosen-peers.js'
export type { PromiseAnswerOf as Kept } from './sync/client/promising.js'
export type { NeighbourHead } from './membership/neighbours.js'

/** Milliseconds for the ping that measures a new peer. */
const PING_TIMEOUT_MS = 5_000

/** One connected peer, as GET /api/v1/peers shows it. */
export interface PeerInfo {
  readonly peerId: string
  readonly multiaddr: string
  /** The verifier key of the witness that it has proven to be on this connection. */
  readonly witness: string | null
  /** Its newest head by its own account: for display, not proven. */
  readonly head: NeighbourHead | null
  /** RFC 3339, in UTC. */
  readonly since: string
  /** Round trip in milliseconds; null until it was measured. */
  readonly rttMs: number | null
  /** Gossipsub's score of the peer; below 0 is bad, below -100 the peer is ignored. */
  readonly score: number | null
  /** Whether it is one of the chosen peers that keep our promises. */
  readonly chosen: boolean
  /** Whether it supports promises; null until it was asked. */
  readonly depositary: boolean | null
}

interface Parts {
  readonly host: Host
  readonly interests: Readonly<Record<keyof MeshInterests, Set<string>>>
  readonly gossip: GossipDoor
  readonly news: DeliveredNews
  readonly sync: SyncDoor
  readonly redial: BootstrapDialer
  readonly chosen: ChosenPeers
  readonly neighbours: Neighbours
  readonly membership: Membership
  readonly syncPeers: ReadonlyMap<string, PeerId>
}

export class Mesh {
  /** Publishes heads and evidence. */
  readonly gossip: Pick<GossipDoor, 'publish'>
  readonly #parts: Parts
  readonly #host: Host
  readonly #rtt = new Map<string, number>()
  readonly #lastSeenAt = new Map<string, string>()

  /** Starts listening, dialling and gossiping. Throws CONFIG_INVALID for an unusable address, and ADDRESS_IN_USE. */
  static async start(options: MeshOptions): Promise<Mesh> {
    const parts = await build(options)
    const mesh = new Mesh(parts)
    mesh.#watchPeers(options.told?.onPeer ?? (() => undefined))
    try {
      await parts.membership.load()
      await parts.sync.start()
      await parts.host.start()
      parts.gossip.start()
    } catch (error) {
      await mesh.stop()
      throw listenError(error, options.reach.listen)
    }
    parts.redial.start()
    await parts.membership.start()
    return mesh
  }

  private constructor(parts: Parts) {
    this.gossip = parts.gossip
    this.#parts = parts
    this.#host = parts.host
  }

  get peerId(): string {
    return this.#host.peerId.toString()
  }

  /** The addresses at which others can dial us, /p2p/ID included. */
  multiaddrs(): string[] {
    return this.#host.getMultiaddrs().map((address) => address.toString())
  }

  /** The connected peers, each once, the longest known first. */
  peers(): PeerInfo[] {
    const oldest = new Map<string, Connection>()
    for (const connection of this.#host.getConnections()) {
      const id = connection.remotePeer.toString()
      const known = oldest.get(id)
      if (known === undefined || connection.timeline.open < known.timeline.open) oldest.set(id, connection)
    }
    return [...oldest.values()]
      .sort((a, b) => a.timeline.open - b.timeline.open)
      .map((connection) => {
        const peerId = connection.remotePeer.toString()
        return {
          peerId,
          multiaddr: connection.remoteAddr.toString(),
          ...this.#parts.neighbours.about(peerId),
          since: new Date(connection.timeline.open).toISOString(),
          rttMs: connection.rtt ?? this.#rtt.get(peerId) ?? null,
          score: this.#host.services.pubsub.getScore(peerId),
          chosen: this.#parts.chosen.has(peerId),
          depositary: this.#parts.sync.promiser.depositary(peerId),
        }
      })
  }

  /** Asks a connected peer what it holds. Resolves when all of its answer has been judged; never throws. */
  syncWith(peerId: string): Promise<void> {
    return this.#parts.sync.syncWith(peerIdFromString(peerId))
  }

  /**
   * The root of the first `size` records of a tree, with a verified proof, from peers: the named one first, then up to
   * three others. Throws PEER_UNHELPFUL when none has it.
   */
  prefixFrom(
    peer: string | undefined,
    log: string,
    of: Tree,
    size: number,
    options: { signal: AbortSignal },
  ): Promise<Prefix> {
    return this.#parts.sync.syncClient.prefixFrom(peer, log, of, size, options)
  }

  /** A full tile of hashes, of this many bytes, from one of up to three peers; NOT verified. Throws PEER_UNHELPFUL. */
  tileFrom(log: string, path: string, bytes: number, options: { signal: AbortSignal }): Promise<Uint8Array> {
    return this.#parts.sync.syncClient.tileFrom(log, path, bytes, options)
  }

  /**
   * Sends promises and cosigned heads to a connected peer. Returns for each promise whether the peer keeps it durably;
   * 'unsupported' if its version keeps none; undefined if there was no answer. Never throws.
   */
  promise(
    peer: string,
    promises: readonly WitnessPromise[],
    lines: readonly Uint8Array[],
    options: { signal: AbortSignal },
  ): Promise<PromiseAnswerOf> {
    return this.#parts.sync.promiser.promise(peer, promises, lines, options)
  }

  /** Whether a peer is chosen, connected or not. */
  isChosen(peerId: string): boolean {
    return this.#parts.chosen.has(peerId)
  }

  /** The number of chosen peers that keep our promises, and which of them are connected. */
  chosen(): Chosen {
    return this.#parts.chosen.report
  }

  /** Whether a connected neighbour counts this verifier key, which may be our own. */
  counts(vkey: string): boolean {
    return this.#parts.neighbours.counts(vkey)
  }

  /** Keys that connected neighbours count and we do not, alternating between neighbours; at most 256. */
  relayed(): readonly VerifierKey[] {
    return this.#parts.neighbours.relayed()
  }

  /** The witness keys that connected peers have proven. */
  neighbours(): readonly VerifierKey[] {
    return this.#parts.neighbours.witnesses()
  }

  /** The number of connected peers that speak the sync protocol. */
  syncPeers(): number {
    return this.#parts.syncPeers.size
  }

  /** The number of peers that are configured or remembered: 0 if there is no peer to wait for. */
  knownPeers(): number {
    return this.#parts.redial.size + this.#parts.membership.known
  }

  /**
   * Follows other logs and counts other keys from now on. Peers announce their topics when they connect, and
   * announcements about logs that we did not follow were dropped; so if logs are added, every connection is closed and
   * opened again. Resolves when all are closed.
   */
  async attend({ logs, counts = [], reserved = [] }: MeshInterests): Promise<void> {
    const { interests, gossip, news, neighbours } = this.#parts
    const gone = [...interests.logs].filter((log) => !logs.includes(log))
    const come = logs.filter((log) => !interests.logs.has(log))
    replace(interests.logs, logs)
    replace(interests.counts, counts)
    replace(interests.reserved, reserved)
    gossip.leave(gone)
    news.left(topicsOf(gone))
    allowTopics(this.#host, topicsOf(logs))
    gossip.join(come)
    neighbours.changed()
    if (come.length === 0) return
    await Promise.all(this.#host.getPeers().map((peer) => this.#host.hangUp(peer).catch(() => undefined)))
    this.#parts.redial.look()
  }

  /** Closes every connection, and stops every timer. */
  async stop(): Promise<void> {
    this.#parts.redial.stop()
    this.#parts.neighbours.stop()
    await this.#parts.membership.stop()
    await this.#parts.sync.stop()
    await this.#host.stop()
  }

  #watchPeers(onPeer: (event: PeerEvent) => void): void {
    this.#host.addEventListener('peer:connect', ({ detail: peer }) => {
      const peerId = peer.toString()
      const address = this.#host.getConnections(peer)[0]?.remoteAddr.toString() ?? `/p2p/${peerId}`
      this.#lastSeenAt.set(peerId, address)
      onPeer({ peerId, multiaddr: address, connected: true })
      void this.#measure(peer)
    })
    this.#host.addEventListener('peer:disconnect', ({ detail: peer }) => {
      const peerId = peer.toString()
      const address = this.#lastSeenAt.get(peerId) ?? `/p2p/${peerId}`
      this.#lastSeenAt.delete(peerId)
      this.#rtt.delete(peerId)
      this.#parts.news.gone(peerId)
      onPeer({ peerId, multiaddr: address, connected: false })
    })
  }

  /** Measures the first round trip; libp2p itself measures only from the tenth second on. */
  async #measure(peer: PeerId): Promise<void> {
    try {
      const rtt = await this.#host.services.ping.ping(peer, { signal: AbortSignal.timeout(PING_TIMEOUT_MS) })
      if (this.#host.getConnections(peer).length > 0) this.#rtt.set(peer.toString(), rtt)
    } catch {
      // It has no ping, or has disconnected.
    }
  }
}

/** Builds the parts of a mesh without starting anything. Throws CONFIG_INVALID. */
async function build({ reach, own, handlers, times = {}, told = {} }: MeshOptions): Promise<Parts> {
  const { listen, bootstrap, announce } = parseAddresses(reach)
  const nothing = (): void => undefined
  const reports = { onError: told.onError ?? nothing, onDropped: told.onDropped ?? nothing }
  const interests = { logs: new Set(own.logs), counts: new Set(own.counts), reserved: new Set(own.reserved) }
  const { logs, counts } = interests
  const meter = new FloodMeter()
  const news = new DeliveredNews((topic) => host.services.pubsub.getMeshPeers(topic))
  const host = await createHost({
    peerKey: reach.peerKey,
    listen,
    announce,
    topics: topicsOf(own.logs),
    peers: {
      worth: (peer) => news.worth(peer),
      overBudget: (peer) => meter.isPaused(peer, performance.now()),
      onOffence: (peer) => meter.cut(peer, performance.now()),
      isKept: (peer) => chosen.has(peer) || counts.has(neighbours.about(peer).witness ?? ''),
    },
    onDiscovered: reach.mdns === true ? (addresses) => membership.discovered(addresses) : undefined,
  })
  const syncPeers = new Map<string, PeerId>()
  const membership = new Membership(host, syncPeers, reach.peerStore, (error) => reports.onError(error))
  const neighbours = new Neighbours({
    logs,
    counts,
    reserved: interests.reserved,
    witness: own.identity?.witness,
    onChange: told.onNeighbours ?? nothing,
    onTwin: told.onTwin ?? nothing,
  })
  const redial = new BootstrapDialer(host, bootstrap, syncPeers, told.onDial ?? nothing, () => sync.chosenChanged())
  const chosen = new ChosenPeers({ configured: redial, remembered: membership, syncPeers })
  const sync = new SyncDoor({
    ...{ host, own, interests, handlers, meter, news, times },
    peers: { syncPeers, neighbours, membership, chosen },
    told: { ...reports, onChosen: told.onChosen ?? nothing },
  })
  const gossip = new GossipDoor(host.services.pubsub, logs, { meter, news }, handlers, reports)
  return { host, interests, gossip, news, sync, redial, chosen, neighbours, membership, syncPeers }
}

function topicsOf(logs: readonly string[]): string[] {
  return logs.flatMap((log) => [headsTopic(log), evidenceTopic(log)])
}

function replace(set: Set<string>, items: readonly string[]): void {
  set.clear()
  for (const item of items) set.add(item)
}

/** libp2p joins the reasons of all listeners into one text. */
function listenError(error: unknown, listen: readonly string[]): unknown {
  if (!(error instanceof Error) || error.name !== 'UnsupportedListenAddressesError') return error
  const detail = listen.join(', ')
  if (error.message.includes('EADDRINUSE')) return new GossumError('ADDRESS_IN_USE', detail, error)
  return new GossumError('CONFIG_INVALID', `cannot listen on ${detail}`, error)
}
