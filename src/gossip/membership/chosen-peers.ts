/**
 * The chosen peers: those with which this node deposits promises, and which it asks at start what it signed before.
 * They are the configured peers; if none is configured, those in the peer store that it dialled of its own accord in an
 * earlier run. No peer becomes chosen by connecting to us, or because a stranger named it; which side dialled this time
 * does not matter.
 */
import type { PeerId } from '@libp2p/interface'

/** The number of chosen peers, and the ids of those that are connected and speak the sync protocol. */
export interface Chosen {
  readonly all: number
  readonly connected: readonly string[]
}

export interface ChosenPeersParts {
  /** Ids of the configured peers that are known, and how many there are in total. */
  readonly configured: { readonly peers: ReadonlySet<string>; readonly count: number }
  /** Those of the peer store; fixed when the node starts. */
  readonly remembered: { readonly chosen: ReadonlySet<string> }
  /** Connected peers that speak the sync protocol. */
  readonly syncPeers: ReadonlyMap<string, PeerId>
}

export class ChosenPeers {
  readonly #parts: ChosenPeersParts

  constructor(parts: ChosenPeersParts) {
    this.#parts = parts
  }

  has(peer: string): boolean {
    return this.#ids().has(peer)
  }

  /** A configured address that was never reached counts as a peer: it is one, although its id is unknown. */
  get report(): Chosen {
    const { configured, syncPeers } = this.#parts
    const ids = this.#ids()
    return { all: configured.count || ids.size, connected: [...ids].filter((id) => syncPeers.has(id)) }
  }

  #ids(): ReadonlySet<string> {
    const { configured, remembered } = this.#parts
    return configured.count > 0 ? configured.peers : remembered.chosen
  }
}
