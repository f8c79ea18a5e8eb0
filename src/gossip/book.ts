/**
 * The peers that a node has met, and those of them that it remembers over a restart. A room below keeps the book;
 * what is in it is decided here: first those that we dialled, whose addresses are proven, then those that told theirs.
 */
import type { PeerId } from '@libp2p/interface'
import { nearnessOf, readPlace, type Place } from './address.js'

export interface KnownPeer {
  /** Multiaddr, /p2p/ID included. */
  readonly address: string
  /** When a connection to it was last seen open: RFC 3339, in UTC. */
  readonly lastSeen: string
}

export interface PeerBook {
  load(): Promise<readonly KnownPeer[]>
  /** Replaces what was kept; at most 64 peers. */
  save(peers: readonly KnownPeer[]): Promise<void>
}

/** Peers that are remembered beyond their connection. */
const MAX_ABSENT = 64
/** Milliseconds after a change until the book is saved: peers come in swarms. */
const SAVE_AFTER_MS = 5_000

/** A peer that spoke our protocols. */
export interface Met {
  readonly peer: PeerId
  /** Where it can be dialled; at least one. */
  readonly places: readonly Place[]
  /** Whether we dialled it: then its address is proven, not just told. */
  readonly dialled: boolean
  /** Milliseconds since 1970. */
  lastSeen: number
}

export class Acquaintances {
  readonly #book: PeerBook | undefined
  readonly #isConnected: (peer: PeerId) => boolean
  readonly #onError: (error: unknown) => void
  readonly #met = new Map<string, Met>()
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(book: PeerBook | undefined, isConnected: (peer: PeerId) => boolean, onError: (error: unknown) => void) {
    this.#book = book
    this.#isConnected = isConnected
    this.#onError = onError
  }

  /** Reads the book. One that cannot be read is reported, and is no reason not to start. */
  async load(own: PeerId): Promise<void> {
    try {
      for (const { address, lastSeen } of (await this.#book?.load()) ?? []) {
        const place = readPlace(address)
        if (place === undefined || place.peer.equals(own) || this.#met.size >= MAX_ABSENT) continue
        const at = Date.parse(lastSeen)
        const met = { peer: place.peer, places: [place], dialled: true, lastSeen: Number.isNaN(at) ? 0 : at }
        this.#met.set(place.peer.toString(), met)
      }
    } catch (error) {
      this.#onError(error)
    }
  }

  get size(): number {
    return this.#met.size
  }

  /** The one met last comes first. */
  all(): Met[] {
    return [...this.#met.values()].reverse()
  }

  get(peer: string): Met | undefined {
    return this.#met.get(peer)
  }

  /** A peer is here. That it came to us takes nothing from the address at which we reached it before. */
  add(met: Met): void {
    const id = met.peer.toString()
    if (this.#met.get(id)?.dialled === true && !met.dialled) return
    this.#met.delete(id)
    this.#met.set(id, met)
    this.#forget()
    if (this.#book === undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(() => void this.save(), SAVE_AFTER_MS)
    this.#timer.unref()
  }

  /** A peer has left. */
  left(peer: PeerId): void {
    const met = this.#met.get(peer.toString())
    if (met === undefined) return
    met.lastSeen = Date.now()
    this.#forget()
  }

  /** Saves the book. Never throws. */
  save(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const met of this.#met.values()) if (this.#isConnected(met.peer)) met.lastSeen = Date.now()
    const worthiest = [...this.#met.values()].sort(byWorth).slice(0, MAX_ABSENT)
    const peers = worthiest.map(({ places, lastSeen }): KnownPeer => {
      const address = nearest(places)!.address.toString()
      return { address, lastSeen: new Date(lastSeen).toISOString() }
    })
    // One after the other: the last one wins.
    this.#saving = this.#saving.then(() => this.#book?.save(peers)).catch(this.#onError)
    return this.#saving
  }

  #forget(): void {
    const absent = [...this.#met.values()].filter(({ peer }) => !this.#isConnected(peer))
    for (const { peer } of absent.sort(byWorth).slice(MAX_ABSENT)) this.#met.delete(peer.toString())
  }
}

function byWorth(a: Met, b: Met): number {
  return Number(b.dialled) - Number(a.dialled) || b.lastSeen - a.lastSeen
}

/** The place that is nearest to us. */
export function nearest(places: readonly Place[]): Place | undefined {
  return [...places].sort((a, b) => nearnessOf(b.address) - nearnessOf(a.address))[0]
}
