/**
 * The places of one topic: how many of its messages may be with the handlers at once. A head may wait there for its turn
 * or for its proof, and with it waits all that came for it, be it the same head with other lines of junk. So every peer
 * has places of its own, which the others cannot take, and who brings more takes it from what all share.
 */

/** Places that all peers share: at 64 KiB each they hold 16 MiB at the most. */
const SHARED = 256
/** Places of one peer in all: a burst of one message a witness must fit, while the first of them waits for its proof. */
const MAX_PER_PEER = 64
/** Places of its own among them, and the longest message for one, in bytes: ten times a head with one cosignature. */
const OWN_PER_PEER = 16
const OWN_BYTES = 4096
/** Own places taken by all: those of 128 connections. Of a peer that is gone they are taken until it is decided. */
const MAX_OWN = 128 * OWN_PER_PEER

interface Taken {
  own: number
  shared: number
}

export class Places {
  readonly #all: Taken = { own: 0, shared: 0 }
  readonly #byPeer = new Map<string, Taken>()

  /** Takes a place for a message of this peer and this length. Returns how to leave it; undefined when there is none. */
  take(peer: string, bytes: number): (() => void) | undefined {
    const taken = this.#byPeer.get(peer) ?? { own: 0, shared: 0 }
    const kind = this.#kindFor(taken, bytes)
    if (kind === undefined) return undefined
    this.#byPeer.set(peer, taken)
    taken[kind]++
    this.#all[kind]++
    return () => {
      taken[kind]--
      this.#all[kind]--
      if (taken.own + taken.shared === 0) this.#byPeer.delete(peer)
    }
  }

  #kindFor({ own, shared }: Taken, bytes: number): keyof Taken | undefined {
    if (own + shared >= MAX_PER_PEER) return undefined
    if (bytes <= OWN_BYTES && own < OWN_PER_PEER && this.#all.own < MAX_OWN) return 'own'
    return this.#all.shared < SHARED ? 'shared' : undefined
  }
}
