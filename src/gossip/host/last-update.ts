/**
 * Cancels libp2p's last update of a host's own addresses. libp2p makes one a second after an address has changed, even
 * after the host has stopped listening, and that timer would keep a process alive for a second after its node stopped.
 */
import type { Libp2p } from '@libp2p/interface'

/** The part of libp2p's class that its interface does not declare. */
interface WithAddresses {
  readonly components: { readonly addressManager: { readonly _updatePeerStoreAddresses?: { stop?(): void } } }
}

/** Cancels the update when the host stops. */
export function cancelLastUpdate(host: Libp2p): void {
  const { addressManager } = (host as unknown as WithAddresses).components
  host.addEventListener('stop', () => addressManager._updatePeerStoreAddresses?.stop?.())
}
