/**
 * The chosen peers: those to whom this node promises what it is about to sign, and whom it asks at start what it signed
 * before. They are the configured ones; where none is configured, those of the peer store that it looked for in an earlier
 * run. Nobody becomes one by coming to us, or because a stranger told of it; who dialled this time does not matter.
 */
import type { PeerId } from '@libp2p/interface'

/** How many peers are chosen, and the ids of those that are connected and speak the sync protocol. */
export interface Chosen {
  readonly all: number
  readonly connected: readonly string[]
}

export interface ChosenPeersParts {
  /** Ids of the configured peers that are known, and how many there are in all. */
  readonly configured: { readonly peers: ReadonlySet<string>; readonly count: number }
  /** Those of the book; fixed when the node starts. */
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

  /** A configured address that was never reached counts as a peer: it is one, though we do not know which. */
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
