/**
 * Who may connect, and who gives way when there are too many. libp2p by itself bounds neither the connections of one
 * network nor those of one peer, and whoever came first would keep all places: two addresses are enough to take them.
 */
import type { Connection, ConnectionGater, Libp2p, PeerId } from '@libp2p/interface'
import { Slots } from '../../lib/slots.js'
import { networkOfAddress } from './address.js'
import { SYNC_PROTOCOL } from '../sync/messages.js'

/** Hostile peers use up each of these: it costs us the limit times what one connection costs. */
const LIMITS = {
  /** Inbound connections. A mesh of any size is reached through a few dozen; each costs about 0.3 MB. */
  inbound: 112,
  /** Inbound connections from one network (address.ts): a rack behind one address fits, a flood does not. */
  perNetwork: 64,
  /** Those of them whose handshake is not finished, so that it does not lock out others. */
  pendingPerNetwork: 32,
  /** Connections of one peer id: both sides may dial at once, and the remains of a broken one linger. */
  perPeer: 4,
} as const

/** Milliseconds after which a peer that does not speak our protocol gives way to whoever comes. */
const IDLE_AFTER_MS = 30_000
/** Milliseconds that a connection may take to end. */
const CLOSE_TIMEOUT_MS = 1_000

export class ConnectionGate implements ConnectionGater {
  #host: Libp2p | undefined
  /** Peers that are ignored are not let in. */
  readonly #isPaused: (peer: string) => boolean
  /** Peers that never give way: those that we chose, and whose witness we count. */
  readonly #isKept: (peer: string) => boolean
  /** Inbound sockets by network, those whose handshake is not finished included. */
  readonly #sockets = new Slots({ perKey: LIMITS.perNetwork })
  /** Since when there is an inbound connection, in milliseconds of the monotonic clock. */
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

  /** Whether there is a place for one more from this network; perhaps because another gave way. */
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
   * First an idle peer, then one from the network with the most connections, if that has more than the newcomer's would
   * have. Of several the one that came last: who is here for long stays.
   */
  #whoGivesWay(inbound: readonly Connection[], network: string, isKept: boolean): Connection | undefined {
    const crowds = new Map<string, number>()
    for (const { remoteAddr } of inbound) {
      const its = networkOfAddress(remoteAddr)
      crowds.set(its, (crowds.get(its) ?? 0) + 1)
    }
    const crowdOf = ({ remoteAddr }: Connection): number => crowds.get(networkOfAddress(remoteAddr))!
    // Else two networks would take one place from each other in turns.
    const most = isKept ? 0 : (crowds.get(network) ?? 0) + 1
    return inbound
      .filter(({ remotePeer }) => !this.#isKept(remotePeer.toString()))
      .map((connection) => ({ connection, isIdle: this.#isIdle(connection), crowd: crowdOf(connection) }))
      .filter(({ isIdle, crowd }) => isIdle || crowd > most)
      .sort((a, b) => Number(b.isIdle) - Number(a.isIdle) || b.crowd - a.crowd || this.#age(a) - this.#age(b))[0]
      ?.connection
  }

  /** Whether a peer has had the time to open a stream of ours, and has none. */
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
