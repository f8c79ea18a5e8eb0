/**
 * The mesh as the rest of the node sees it: start, publish, peers, stop. libp2p does not show through.
 */
import type { Connection, PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { errorText, GossumError } from '../errors.js'
import { FloodMeter, GossipDoor, type DoorReports } from './gossip.js'
import { createHost, type Host } from './host.js'
import { peerOf, Redial, type DialReport } from './redial.js'
import { SyncDoor, type SyncHandlers } from './sync.js'
import { evidenceTopic, headsTopic } from './topics.js'

/** Milliseconds for the ping that measures a new peer. */
const PING_TIMEOUT_MS = 5_000

export interface PeerEvent {
  readonly peerId: string
  /** Where it is, or was. */
  readonly multiaddr: string
  readonly connected: boolean
}

/** One connected peer, as GET /api/v1/peers shows it. */
export interface PeerInfo {
  readonly peerId: string
  readonly multiaddr: string
  /** The verifier key of its witness. A connection does not prove one, hence null. */
  readonly witness: null
  /** RFC 3339, in UTC. */
  readonly since: string
  /** Round trip in milliseconds, when it was measured. */
  readonly rttMs: number | null
  /** Gossipsub's opinion of the peer; below 0 is bad, below -100 it is not listened to. */
  readonly score: number | null
}

export interface MeshOptions extends Partial<DoorReports> {
  readonly peerKey: PrivateKey
  /** Multiaddrs; port 0 takes a free one, none at all makes a node that only dials. */
  readonly listen: readonly string[]
  /** Multiaddrs of peers to stay connected to, with or without /p2p/ID. */
  readonly bootstrap: readonly string[]
  /** Log ids. */
  readonly logs: readonly string[]
  readonly handlers: SyncHandlers
  readonly onPeer?: (event: PeerEvent) => void
  readonly onDial?: (report: DialReport) => void
}

export class Mesh {
  readonly #host: Host
  readonly #gossip: GossipDoor
  readonly #sync: SyncDoor
  readonly #redial: Redial
  readonly #rtt = new Map<string, number>()
  readonly #lastSeenAt = new Map<string, string>()

  /**
   * Starts listening, dialling and gossiping. Throws CONFIG_INVALID for an address that cannot be used, and
   * ADDRESS_IN_USE.
   */
  static async start(options: MeshOptions): Promise<Mesh> {
    const { listen, bootstrap } = parseAddresses(options)
    const reports: DoorReports = {
      onError: options.onError ?? (() => undefined),
      onDropped: options.onDropped ?? (() => undefined),
    }
    const logs = new Set(options.logs)
    const meter = new FloodMeter()
    const host = await createHost({
      peerKey: options.peerKey,
      listen,
      topics: [...logs].flatMap((log) => [headsTopic(log), evidenceTopic(log)]),
      overBudget: (peer) => meter.isPaused(peer, Date.now()),
    })
    const sync = new SyncDoor(host, logs, options.handlers, reports)
    const gossip = new GossipDoor(host.services.pubsub, logs, meter, options.handlers, reports)
    const mesh = new Mesh(
      host,
      gossip,
      sync,
      new Redial(host, bootstrap, sync.speakers, options.onDial ?? (() => undefined)),
    )
    mesh.#watchPeers(options.onPeer ?? (() => undefined))
    try {
      await sync.open()
      await host.start()
      gossip.open()
    } catch (error) {
      await mesh.stop()
      throw listenError(error, options.listen)
    }
    mesh.#redial.start()
    return mesh
  }

  private constructor(host: Host, gossip: GossipDoor, sync: SyncDoor, redial: Redial) {
    this.#host = host
    this.#gossip = gossip
    this.#sync = sync
    this.#redial = redial
  }

  get peerId(): string {
    return this.#host.peerId.toString()
  }

  /** Where others can dial us, /p2p/ID included. */
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
          witness: null,
          since: new Date(connection.timeline.open).toISOString(),
          rttMs: connection.rtt ?? this.#rtt.get(peerId) ?? null,
          score: this.#host.services.pubsub.getScore(peerId),
        }
      })
  }

  /** Sends a cosigned head to the mesh; the number of peers that it was sent to, 0 when we are alone. */
  publishHead(log: string, note: Uint8Array): Promise<number> {
    return this.#gossip.publishHead(log, note)
  }

  /** Sends an evidence file to the mesh; the number of peers that it was sent to, 0 when we are alone. */
  publishEvidence(log: string, bytes: Uint8Array): Promise<number> {
    return this.#gossip.publishEvidence(log, bytes)
  }

  /** Asks a connected peer what it holds, now. Resolves when what it said has been worked on; never throws. */
  syncWith(peerId: string): Promise<void> {
    return this.#sync.syncWith(peerIdFromString(peerId))
  }

  /** Closes every connection and leaves nothing behind. */
  async stop(): Promise<void> {
    this.#redial.stop()
    await this.#sync.close()
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
      onPeer({ peerId, multiaddr: address, connected: false })
    })
  }

  /** The first round trip; libp2p measures by itself only from the tenth second on. */
  async #measure(peer: PeerId): Promise<void> {
    try {
      const rtt = await this.#host.services.ping.ping(peer, { signal: AbortSignal.timeout(PING_TIMEOUT_MS) })
      if (this.#host.getConnections(peer).length > 0) this.#rtt.set(peer.toString(), rtt)
    } catch {
      // It has no ping, or is gone again.
    }
  }
}

/** Reads the addresses of a node. Throws CONFIG_INVALID naming the first that cannot be used. */
export function parseAddresses(
  texts: Pick<MeshOptions, 'listen' | 'bootstrap'>,
): Record<'listen' | 'bootstrap', Multiaddr[]> {
  return {
    listen: texts.listen.map((text) => parseAddress(text, 'listen')),
    bootstrap: texts.bootstrap.map((text) => parseAddress(text, 'bootstrap')),
  }
}

function parseAddress(text: string, what: 'listen' | 'bootstrap'): Multiaddr {
  let address: Multiaddr
  try {
    address = multiaddr(text)
    peerOf(address)
  } catch (error) {
    throw new GossumError('CONFIG_INVALID', `${what} address ${JSON.stringify(text)}: ${errorText(error)}`, error)
  }
  const names = address.getComponents().map((component) => component.name)
  if (!names.includes('tcp'))
    throw new GossumError('CONFIG_INVALID', `${what} address ${JSON.stringify(text)} is not TCP`)
  return address
}

/** libp2p puts the reasons of all listeners into one text. */
function listenError(error: unknown, listen: readonly string[]): unknown {
  if (!(error instanceof Error) || error.name !== 'UnsupportedListenAddressesError') return error
  const detail = listen.join(', ')
  if (error.message.includes('EADDRINUSE')) return new GossumError('ADDRESS_IN_USE', detail, error)
  return new GossumError('CONFIG_INVALID', `cannot listen on ${detail}`, error)
}
