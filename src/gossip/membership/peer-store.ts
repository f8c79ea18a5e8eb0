/**
 * The peers that a node has met, and those of them that it remembers across a restart. A module below stores them on
 * disk; this file decides which ones (worthiest).
 */
import type { PeerId } from '@libp2p/interface'
import { NEARNESS, nearnessOf, networkOfAddress, readPlace, type DialAddress } from '../host/address.js'

export interface KnownPeer {
  /** Multiaddr, /p2p/ID included. */
  readonly address: string
  /** When it was last seen connected: RFC 3339, in UTC. */
  readonly lastSeen: string
  /**
   * Whether this node dialled it of its own accord: it was configured, or dialled without any peer having named it.
   * Unknown (absent) if an earlier version wrote the entry.
   */
  readonly dialled?: boolean
  /**
   * Whether this node has reached it at this address. If absent (earlier versions), it is assumed where `dialled` is
   * set.
   */
  readonly proven?: boolean
  /** The network of the peer that named it (address.ts); absent if no peer did. */
  readonly via?: string
  /** When it was first met: RFC 3339, in UTC. Absent in entries of earlier versions. */
  readonly metAt?: string
}

export interface PeerStore {
  load(): Promise<readonly KnownPeer[]>
  /** Replaces what was stored; at most 64 peers. */
  save(peers: readonly KnownPeer[]): Promise<void>
}

/** Peers of the peer store that a node without configured peers trusts to remember what it signs. */
const MAX_CHOSEN = 5
/** Peers that are remembered after they disconnect. */
const MAX_ABSENT = 64
/** How many of them may be in one internet network, or have been named by it. */
const PLACES_PER_NETWORK = 8
/** Milliseconds without a connection after which a peer ranks behind those seen since. */
const STALE_AFTER_MS = 7 * 24 * 3600 * 1000
/** Milliseconds from a change until the peer store is saved: peers arrive in swarms. */
const SAVE_AFTER_MS = 5_000

/** A peer that spoke our protocols. */
export interface Met {
  readonly peer: PeerId
  /** Addresses at which it can be dialled; at least one. */
  readonly places: readonly DialAddress[]
  /** Whether we dialled it: then its address is proven, not just claimed. */
  readonly dialled: boolean
  /** Whether we dialled it of our own accord. */
  readonly sought: boolean
  /** The network of the peer that named it, if one did. */
  readonly via?: string | undefined
  /** Milliseconds since 1970. */
  readonly metAt: number
  /** Milliseconds since 1970. */
  lastSeen: number
}

export class Acquaintances {
  readonly #peerStore: PeerStore | undefined
  readonly #isConnected: (peer: PeerId) => boolean
  readonly #onError: (error: unknown) => void
  readonly #met = new Map<string, Met>()
  #chosen: ReadonlySet<string> = new Set()
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(
    peerStore: PeerStore | undefined,
    isConnected: (peer: PeerId) => boolean,
    onError: (error: unknown) => void,
  ) {
    this.#peerStore = peerStore
    this.#isConnected = isConnected
    this.#onError = onError
  }

  /** Reads the peer store. One that cannot be read is reported, and does not prevent the start. */
  async load(own: PeerId): Promise<void> {
    try {
      const peerStore = (await this.#peerStore?.load()) ?? []
      this.#chosen = new Set(chosenFrom(peerStore).filter((id) => id !== own.toString()))
      for (const { address, lastSeen, dialled, proven = dialled, via, metAt } of peerStore) {
        const place = readPlace(address)
        if (place === undefined || place.peer.equals(own) || this.#met.size >= MAX_ABSENT) continue
        const at = Date.parse(lastSeen) || 0
        this.#met.set(place.peer.toString(), {
          peer: place.peer,
          places: [place],
          dialled: proven === true,
          sought: dialled === true,
          via,
          metAt: Date.parse(metAt ?? '') || at,
          lastSeen: at,
        })
      }
    } catch (error) {
      this.#onError(error)
    }
  }

  /** Ids of the peers that we dialled of our own accord in an earlier run, according to the peer store. */
  get chosen(): ReadonlySet<string> {
    return this.#chosen
  }

  get size(): number {
    return this.#met.size
  }

  /** Peers, the one met last first. */
  all(): Met[] {
    return [...this.#met.values()].reverse()
  }

  get(peer: string): Met | undefined {
    return this.#met.get(peer)
  }

  /**
   * A peer has connected. If it dialled us, the address at which we reached it before stays, and so does whether we
   * ever dialled it of our own accord, and since when we know it.
   */
  add(met: Omit<Met, 'metAt'>): void {
    const id = met.peer.toString()
    const before = this.#met.get(id)
    const { places, dialled, via } = before?.dialled === true && !met.dialled ? before : met
    const sought = met.sought || before?.sought === true
    this.#met.delete(id)
    this.#met.set(id, { ...met, places, dialled, sought, via, metAt: before?.metAt ?? met.lastSeen })
    this.#forget()
    if (this.#peerStore === undefined || this.#timer !== undefined) return
    this.#timer = setTimeout(() => void this.save(), SAVE_AFTER_MS)
    this.#timer.unref()
  }

  /** A peer has disconnected. */
  left(peer: PeerId): void {
    const met = this.#met.get(peer.toString())
    if (met === undefined) return
    met.lastSeen = Date.now()
    this.#forget()
  }

  /** Saves the peer store. Never throws. */
  save(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const met of this.#met.values()) if (this.#isConnected(met.peer)) met.lastSeen = Date.now()
    const peers = worthiest([...this.#met.values()], Date.now()).map((met): KnownPeer => {
      const { places, sought, dialled, via } = met
      const [lastSeen, metAt] = [met.lastSeen, met.metAt].map((ms) => new Date(ms).toISOString()) as [string, string]
      const address = nearestAddress(places)!.address.toString()
      return { address, lastSeen, dialled: sought, proven: dialled, ...(via !== undefined && { via }), metAt }
    })
    // Saves run one after the other: the last one wins.
    this.#saving = this.#saving.then(() => this.#peerStore?.save(peers)).catch(this.#onError)
    return this.#saving
  }

  #forget(): void {
    const absent = [...this.#met.values()].filter(({ peer }) => !this.#isConnected(peer))
    if (absent.length <= MAX_ABSENT) return
    const stay = new Set(worthiest(absent, Date.now()))
    for (const met of absent) if (!stay.has(met)) this.#met.delete(met.peer.toString())
  }
}

/**
 * The peers to remember: first those that we dialled of our own accord, then those that we reached, then those that
 * came to us. Within each group, those seen in the last week come first, and of these the longest known: a flood of new
 * peers displaces nobody. Peers in one internet network, or named by it, get a few slots.
 */
function worthiest(all: readonly Met[], now: number): Met[] {
  const isRecent = ({ lastSeen }: Met): number => Number(now - lastSeen < STALE_AFTER_MS)
  const sorted = [...all].sort(
    (a, b) =>
      Number(b.sought) - Number(a.sought) ||
      Number(b.dialled) - Number(a.dialled) ||
      isRecent(b) - isRecent(a) ||
      a.metAt - b.metAt,
  )
  const taken = new Map<string, number>()
  const isWithinShare = ({ sought, places, via }: Met): boolean => {
    const address = nearestAddress(places)!.address
    const isFar = nearnessOf(address) === NEARNESS.internet
    const shares = [...(isFar ? [`in ${networkOfAddress(address)}`] : []), ...(via === undefined ? [] : [`via ${via}`])]
    if (!sought && shares.some((share) => (taken.get(share) ?? 0) >= PLACES_PER_NETWORK)) return false
    for (const share of shares) taken.set(share, (taken.get(share) ?? 0) + 1)
    return true
  }
  return sorted.filter(isWithinShare).slice(0, MAX_ABSENT)
}

/**
 * Ids of the peers in a peer store that this node dialled of its own accord in an earlier run: at most five, the
 * longest known first.
 */
export function chosenFrom(peerStore: readonly KnownPeer[]): string[] {
  const sought = peerStore.filter(({ dialled }) => dialled === true)
  const known = sought.sort((a, b) => (Date.parse(a.metAt ?? '') || 0) - (Date.parse(b.metAt ?? '') || 0))
  const ids = known.flatMap(({ address }) => readPlace(address)?.peer.toString() ?? [])
  return [...new Set(ids)].slice(0, MAX_CHOSEN)
}

/** The address that is nearest to us. */
export function nearestAddress(places: readonly DialAddress[]): DialAddress | undefined {
  return [...places].sort((a, b) => nearnessOf(b.address) - nearnessOf(a.address))[0]
}
