/**
 * Keeps the configured peers connected. libp2p dials a bootstrap peer once, or five times; a witness whose only peer
 * restarted overnight would be alone in the morning.
 */
import type { PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { errorText } from '../../errors.js'
import { lastingController, timed } from '../../lib/timed.js'
import { peerOf } from '../host/address.js'
import type { Host } from '../host/host.js'

/** Milliseconds between two checks for missing peers. */
const INTERVAL_MS = 2_000
/** The most milliseconds that one dial may take. */
const DIAL_TIMEOUT_MS = 5_000
/** Consecutive checks at which a peer may lack a gossip stream before a new connection is worth more. */
const MAX_LOOKS_WITHOUT_STREAM = 15

/** The state of dialling a configured peer: reported at the first failure, then less and less often, and on success. */
export interface DialReport {
  readonly address: string
  /** Undefined when the peer answered. */
  readonly error: string | undefined
}

interface Target {
  readonly address: Multiaddr
  /** Consecutive failed dials. */
  failures: number
  /** From the address, or learnt when an address without a peer id answered. */
  peer: PeerId | undefined
  dialling: boolean
}

export class BootstrapDialer {
  readonly #host: Host
  readonly #report: (report: DialReport) => void
  readonly #onPeers: () => void
  readonly #targets: Set<Target>
  /** Connected peers that speak our protocols. */
  readonly #syncPeers: ReadonlyMap<string, PeerId>
  /** Consecutive checks that found such a peer without an outbound gossip stream. */
  readonly #withoutStream = new Map<string, number>()
  readonly #stopped = lastingController()
  #timer: NodeJS.Timeout | undefined

  constructor(
    host: Host,
    bootstrap: readonly Multiaddr[],
    syncPeers: ReadonlyMap<string, PeerId>,
    report: (report: DialReport) => void,
    onPeers: () => void,
  ) {
    this.#host = host
    this.#report = report
    this.#onPeers = onPeers
    this.#syncPeers = syncPeers
    const targets = bootstrap.map((address) => ({ address, failures: 0, peer: peerOf(address), dialling: false }))
    // A list that all nodes share contains us, too.
    this.#targets = new Set(targets.filter(({ peer }) => peer?.equals(host.peerId) !== true))
  }

  /** The number of configured addresses. */
  get size(): number {
    return this.#targets.size
  }

  /** Ids of the configured peers, each once, as far as they are known. */
  get peers(): ReadonlySet<string> {
    return new Set([...this.#targets].flatMap(({ peer }) => peer?.toString() ?? []))
  }

  /** How many peers are configured: the known ones, and an unknown one for each address that never answered. */
  get count(): number {
    return this.peers.size + [...this.#targets].filter(({ peer }) => peer === undefined).length
  }

  start(): void {
    this.look()
    this.#timer = setInterval(() => this.look(), INTERVAL_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#stopped.abort()
  }

  /** Dials the peers that are not connected. */
  look(): void {
    for (const target of this.#targets) if (!target.dialling && !this.#isConnected(target)) void this.#dial(target)
    this.#dropMute()
  }

  #isConnected({ peer }: Target): boolean {
    return peer !== undefined && this.#host.getConnections(peer).some((connection) => connection.status === 'open')
  }

  /** Never throws: a peer that does not answer is tried again at the next check. */
  async #dial(target: Target): Promise<void> {
    target.dialling = true
    try {
      const { remotePeer } = await timed(DIAL_TIMEOUT_MS, [this.#stopped.signal], (signal) =>
        this.#host.dial(target.address, { signal }),
      )
      const isNews = target.peer?.equals(remotePeer) !== true
      target.peer = remotePeer
      if (isNews) this.#onPeers()
      if (target.failures > 0) this.#report({ address: target.address.toString(), error: undefined })
      target.failures = 0
    } catch (error) {
      // Not there yet; or an address without a peer id turned out to be our own.
      if (error instanceof Error && error.name === 'InvalidPeerIdError') {
        this.#targets.delete(target)
        this.#onPeers()
      } else if (!this.#stopped.signal.aborted) this.#failed(target, errorText(error))
    } finally {
      target.dialling = false
    }
  }

  #failed(target: Target, error: string): void {
    target.failures++
    const worthTelling = Number.isInteger(Math.log2(target.failures))
    if (worthTelling) this.#report({ address: target.address.toString(), error })
  }

  /**
   * Gossipsub opens one stream to a peer and opens no other when that one is reset: such a peer hears nothing from us
   * while it stays connected. Closing the connection gives both sides a fresh start.
   */
  #dropMute(): void {
    const streams = this.#host.services.pubsub.streamsOutbound
    for (const id of this.#withoutStream.keys()) if (!this.#syncPeers.has(id)) this.#withoutStream.delete(id)
    for (const [id, peer] of this.#syncPeers) {
      const looks = streams.has(id) ? 0 : (this.#withoutStream.get(id) ?? 0) + 1
      this.#withoutStream.set(id, looks)
      if (looks < MAX_LOOKS_WITHOUT_STREAM) continue
      this.#withoutStream.delete(id)
      this.#host.hangUp(peer, { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) }).catch(() => undefined)
    }
  }
}
