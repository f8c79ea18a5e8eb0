/**
 * Cancels the timers that libp2p and gossipsub leave running when a host stops: each would keep a process alive for up
 * to a second after its node has stopped. What is cancelled is not part of their declared interfaces: a version that
 * lacks it keeps its timers.
 */
import type { Libp2p } from '@libp2p/interface'

interface WithAddresses {
  readonly components?: { readonly addressManager?: { readonly _updatePeerStoreAddresses?: { stop?(): void } } }
}

interface WithHeartbeat {
  readonly status?: { readonly heartbeatTimeout?: NodeJS.Timeout }
  stop(): Promise<void>
}

/** Libp2p updates a host's own addresses a second after one of them changed, as they do when it stops listening. */
export function cancelLastUpdate(host: Libp2p): void {
  const { components } = host as Libp2p & WithAddresses
  host.addEventListener('stop', () => components?.addressManager?._updatePeerStoreAddresses?.stop?.())
}

/** Gossipsub forgets its next heartbeat when it stops, and does not cancel it. */
export function withoutLastHeartbeat<T extends object>(pubsub: T): T {
  const service = pubsub as T & WithHeartbeat
  const stop = service.stop.bind(service)
  service.stop = () => {
    clearTimeout(service.status?.heartbeatTimeout)
    return stop()
  }
  return service
}
