/**
 * The validation slots of one topic: how many of its messages the handlers may process at once. Validating a head can
 * block on its turn or its proof, and every message about that head blocks with it, even one that differs only in junk
 * lines. So each peer has slots of its own, which no other peer can take; bursts draw on a shared pool.
 */

/** Slots that all peers share, and bytes of their messages. */
const SHARED = 2048
const SHARED_BYTES = 16 * 1024 * 1024
/** Slots of one peer in total, and bytes of their messages: those of one frame arrive at once. */
const MAX_PER_PEER = 512
const MAX_PER_PEER_BYTES = 4 * 1024 * 1024
/** How many of these are its own, and the longest message for one, in bytes: ten times a head with one cosignature. */
const OWN_PER_PEER = 32
const OWN_BYTES = 4096
/**
 * Own slots taken by all peers: those of 128 connections. After a peer disconnects, its slots stay taken until its
 * messages are decided.
 */
const MAX_OWN = 128 * OWN_PER_PEER

interface Taken {
  own: number
  shared: number
  /** Bytes of all messages of a peer; in the total over all peers, of the shared slots only. */
  bytes: number
}

export class ValidationSlots {
  readonly #all: Taken = { own: 0, shared: 0, bytes: 0 }
  readonly #byPeer = new Map<string, Taken>()

  /**
   * Takes a slot for a message of this peer and this length. Returns a function that frees it; undefined when there is
   * none.
   */
  take(peer: string, bytes: number): (() => void) | undefined {
    const taken = this.#byPeer.get(peer) ?? { own: 0, shared: 0, bytes: 0 }
    const kind = this.#kindFor(taken, bytes)
    if (kind === undefined) return undefined
    this.#byPeer.set(peer, taken)
    const count = (change: 1 | -1): void => {
      taken[kind] += change
      taken.bytes += change * bytes
      this.#all[kind] += change
      if (kind === 'shared') this.#all.bytes += change * bytes
    }
    count(1)
    return () => {
      count(-1)
      if (taken.own + taken.shared === 0) this.#byPeer.delete(peer)
    }
  }

  #kindFor(taken: Taken, bytes: number): 'own' | 'shared' | undefined {
    if (taken.own + taken.shared >= MAX_PER_PEER || taken.bytes + bytes > MAX_PER_PEER_BYTES) return undefined
    if (bytes <= OWN_BYTES && taken.own < OWN_PER_PEER && this.#all.own < MAX_OWN) return 'own'
    return this.#all.shared < SHARED && this.#all.bytes + bytes <= SHARED_BYTES ? 'shared' : undefined
  }
}
