/**
 * Which peers may connect, and which connection is closed when there are too many. libp2p limits neither the
 * connections from one network nor those of one peer, and never closes one for a newcomer: an attacker with two
 * addresses could occupy all of them.
 */
import type { Connection, ConnectionGater, Libp2p, PeerId } from '@libp2p/interface'
import { Slots } from '../../lib/slots.js'
import { networkOfAddress } from './address.js'
import { SYNC_PROTOCOL } from '../sync/messages.js'

/** Hostile peers use up each of these: the cost to us is the limit times the cost of one connection. */
const LIMITS = {
  /** Inbound connections. A mesh of any size is reached through a few dozen; each costs about 0.3 MB. */
  inbound: 112,
  /** Inbound connections from one network (address.ts): enough for a rack behind one address, not for a flood. */
  perNetwork: 64,
  /** How many of them may have an unfinished handshake, so that these do not lock out others. */
  pendingPerNetwork: 32,
  /** Connections of one peer id: both sides may dial at once, and a broken connection may linger. */
  perPeer: 4,
} as const

/** Milliseconds after which a peer that does not speak our protocol may be closed for a newcomer. */
const IDLE_AFTER_MS = 30_000
/** The most milliseconds that closing a connection may take. */
const CLOSE_TIMEOUT_MS = 1_000

export class ConnectionGate implements ConnectionGater {
  #host: Libp2p | undefined
  /** Whether a peer is ignored at present: then it is not let in. */
  readonly #isPaused: (peer: string) => boolean
  /** Whether a peer is never closed for a newcomer: one that we chose, or whose witness we count. */
  readonly #isKept: (peer: string) => boolean
  /** Inbound sockets by network, including those with an unfinished handshake. */
  readonly #sockets = new Slots({ perKey: LIMITS.perNetwork })
  /** When each inbound connection was opened, in milliseconds of the monotonic clock. */
  readonly #since = new WeakMap<Connection, number>()

  constructor(isPaused: (peer: string) => boolean, isKept: (peer: string) => boolean) {
    this.#isPaused = isPaused
    this.#isKept = isKept
  }

  watch(host: Libp2p): void {
    this.#host = host
    host.addEventListener('connection:open', ({ detail }) => this.#since.set(detail, performance.now()))
  }

  readonly denyInboundConnection: NonNullable<ConnectionGater['denyInboundConnection']> = (incoming) => {
    const network = networkOfAddress(incoming.remoteAddr)
    const pending =
      this.#sockets.of(network) - this.#inbound().filter((open) => networkOfAddress(open.remoteAddr) === network).length
    const leave = pending >= LIMITS.pendingPerNetwork ? undefined : this.#sockets.take(network)
    if (leave === undefined) return true
    incoming.addEventListener('close', leave, { once: true })
    return false
  }

  readonly denyInboundEncryptedConnection: NonNullable<ConnectionGater['denyInboundEncryptedConnection']> = (
    peer,
    { remoteAddr },
  ) => {
    if (this.#isPaused(peer.toString())) return true
    if ((this.#host?.getConnections(peer).length ?? 0) >= LIMITS.perPeer) return true
    return !this.#makeRoom(networkOfAddress(remoteAddr), peer)
  }

  /** Whether one more from this network may connect, perhaps because another connection is closed for it. */
  #makeRoom(network: string, peer: PeerId): boolean {
    const inbound = this.#inbound()
    if (inbound.length < LIMITS.inbound) return true
    const leaving = this.#whoGivesWay(inbound, network, this.#isKept(peer.toString()))
    leaving
      ?.close({ signal: AbortSignal.timeout(CLOSE_TIMEOUT_MS) })
      .catch((error: unknown) => leaving.abort(error instanceof Error ? error : new Error(String(error))))
    return leaving !== undefined
  }

  /**
   * The connection to close: an idle peer's, otherwise one from the network with the most connections, if it has more
   * than the newcomer's would have. Among several, the newest: long-standing peers stay.
   */
  #whoGivesWay(inbound: readonly Connection[], network: string, isKept: boolean): Connection | undefined {
    const crowds = new Map<string, number>()
    for (const { remoteAddr } of inbound) {
      const its = networkOfAddress(remoteAddr)
      crowds.set(its, (crowds.get(its) ?? 0) + 1)
    }
    const crowdOf = ({ remoteAddr }: Connection): number => crowds.get(networkOfAddress(remoteAddr))!
    // Otherwise two networks would keep taking one slot from each other.
    const most = isKept ? 0 : (crowds.get(network) ?? 0) + 1
    return inbound
      .filter(({ remotePeer }) => !this.#isKept(remotePeer.toString()))
      .map((connection) => ({ connection, isIdle: this.#isIdle(connection), crowd: crowdOf(connection) }))
      .filter(({ isIdle, crowd }) => isIdle || crowd > most)
      .sort((a, b) => Number(b.isIdle) - Number(a.isIdle) || b.crowd - a.crowd || this.#age(a) - this.#age(b))[0]
      ?.connection
  }

  /** Whether a peer has had time to open a stream of ours, and has none. */
  #isIdle(connection: Connection): boolean {
    const isUsed = connection.streams.some(
      ({ protocol }) => protocol === SYNC_PROTOCOL || protocol.startsWith('/meshsub/'),
    )
    return !isUsed && this.#age({ connection }) >= IDLE_AFTER_MS
  }

  #age({ connection }: { readonly connection: Connection }): number {
    return performance.now() - (this.#since.get(connection) ?? 0)
  }

  #inbound(): Connection[] {
    const all = this.#host?.getConnections() ?? []
    return all.filter(({ direction, status }) => direction === 'inbound' && status === 'open')
  }
}
