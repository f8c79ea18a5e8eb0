/**
 * Which other peers exist, and which to dial: peers that we met before, that peers name, and that answer on the local
 * network. Addresses are dialled only while we have too few neighbours, one address of a peer at a time, and a host and
 * port at most once a minute (knocks.ts).
 */
import { lastingController, timed } from '../../lib/timed.js'
import type { Connection, PeerId } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { lookup } from 'node:dns/promises'
import {
  mayTell,
  NEARNESS,
  nearnessOf,
  nearnessOfIp,
  networkOfAddress,
  readPlace,
  withPeer,
  type Nearness,
  type DialAddress,
} from '../host/address.js'
import { sample } from '../sync/client/sync-client.js'
import { Acquaintances, nearestAddress, type PeerStore } from './peer-store.js'
import type { Host } from '../host/host.js'
import { doorOf, Knocks } from './knocks.js'
import { MAX_PEERS } from '../sync/messages.js'

/**
 * Numbers of neighbours below which we look for more: in total, and chosen by ourselves, so that strangers cannot
 * surround us.
 */
const ENOUGH_SPEAKERS = 8
const ENOUGH_DIALLED = 4
/** Milliseconds between two checks whether there are enough. */
const LOOK_INTERVAL_MS = 2_000
/** The most milliseconds that one dial may take. */
const DIAL_TIMEOUT_MS = 5_000
const PARALLEL_DIALS = 4
/** Attempts at an address that we only know from others. */
const MAX_FAILURES = 3
/** Addresses known only from others: in total, and per peer that names them. */
const MAX_CANDIDATES = 256
const CANDIDATES_PER_TELLER = 32
/** Addresses kept per peer. */
const PLACES_PER_PEER = 8

/** The source of what the local network announces. */
const LOCAL_NETWORK = 'mdns'

interface Candidate {
  readonly place: DialAddress
  readonly teller: string
  /** The network of the peer that named it; undefined for the local network, and for peers on it. */
  readonly via: string | undefined
  /** How near the host may turn out to be. */
  readonly limit: Nearness
  failures: number
}

export class Membership {
  readonly #host: Host
  readonly #syncPeers: ReadonlyMap<string, PeerId>
  readonly #met: Acquaintances
  readonly #candidates = new Map<string, Candidate>()
  readonly #knocks = new Knocks()
  readonly #dialling = new Set<string>()
  /** The address at which we dialled a connected peer: a host name, if it has one, outlives its IP address. */
  readonly #dialledAs = new Map<string, DialAddress>()
  /** Peers that we dial, or dialled, only because a peer named them, with the network of that peer if there was one. */
  readonly #told = new Map<string, string | undefined>()
  readonly #stopped = lastingController()
  #loading: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(
    host: Host,
    syncPeers: ReadonlyMap<string, PeerId>,
    peerStore: PeerStore | undefined,
    onError: (error: unknown) => void,
  ) {
    this.#host = host
    this.#syncPeers = syncPeers
    this.#met = new Acquaintances(peerStore, (peer) => this.#isConnected(peer), onError)
  }

  /** Reads the peer store, once. Call before the host starts: a peer that is in it may be the first to connect. */
  load(): Promise<void> {
    return (this.#loading ??= this.#met.load(this.#host.peerId))
  }

  /** Starts to dial. */
  async start(): Promise<void> {
    await this.load()
    this.#look()
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Ends every dial and saves the peer store. Call before the host stops. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopped.abort()
    await this.#met.save()
  }

  /** The number of peers that are in the peer store or could be. */
  get known(): number {
    return this.#met.size
  }

  /** The number of addresses learnt from others and not dialled yet. */
  get waiting(): number {
    return this.#candidates.size
  }

  /**
   * Ids of the peers that we dialled of our own accord in an earlier run, according to the peer store: at most five.
   */
  get chosen(): ReadonlySet<string> {
    return this.#met.chosen
  }

  /**
   * A peer that speaks our protocols has connected, and identify has reported its addresses. `isChosen`: whether we
   * chose it.
   */
  async met(peer: PeerId, connection: Connection, isChosen = false): Promise<void> {
    const id = peer.toString()
    const dialled = connection.direction === 'outbound'
    const place = dialled ? (this.#dialledAs.get(id) ?? readPlace(withPeer(connection.remoteAddr, peer))) : undefined
    const places = place === undefined ? await this.#addressesOf(peer, nearnessOf(connection.remoteAddr)) : [place]
    if (connection.status !== 'open' || places.length === 0) return
    const sought = isChosen || (dialled && !this.#told.has(id))
    this.#met.add({ peer, places, dialled, sought, via: this.#told.get(id), lastSeen: Date.now() })
  }

  /** The last connection of a peer has ended. */
  gone(peer: PeerId): void {
    this.#dialledAs.delete(peer.toString())
    this.#told.delete(peer.toString())
    this.#met.left(peer)
  }

  /**
   * A peer names others. Addresses that it should not know, that cannot be dialled, or that are connected are dropped.
   */
  told(addresses: readonly string[], teller: PeerId): void {
    const near = this.#nearness(teller)
    const [connection] = this.#host.getConnections(teller)
    const via = near === NEARNESS.internet && connection ? networkOfAddress(connection.remoteAddr) : undefined
    this.#consider(addresses.slice(0, MAX_PEERS), teller.toString(), near, via)
  }

  /** A node on the local network announces itself. Addresses of this machine are not accepted from it. */
  discovered(addresses: readonly string[]): void {
    this.#consider(addresses.slice(0, MAX_PEERS), LOCAL_NETWORK, NEARNESS.network)
  }

  /** A random selection of neighbours that this peer may dial, each at its nearest address. */
  introduce(to: PeerId): string[] {
    const near = this.#nearness(to)
    const places = [...this.#syncPeers.keys()].flatMap((id) => {
      const known = id === to.toString() ? [] : (this.#met.get(id)?.places ?? [])
      return nearestAddress(known.filter((place) => mayTell(place, near))) ?? []
    })
    return sample(places, MAX_PEERS).map(({ address }) => address.toString())
  }

  // ---- whom to dial --------------------------------------------------------------------------------------------

  #consider(addresses: readonly string[], teller: string, limit: Nearness, via?: string): void {
    for (const text of addresses) {
      const place = readPlace(text)
      if (place === undefined || !mayTell(place, limit) || this.#isHere(place.peer)) continue
      const key = `${teller} ${doorOf(place.address)}`
      if (this.#candidates.has(key)) continue
      if (this.#toldBy(teller).length >= CANDIDATES_PER_TELLER) this.#candidates.delete(this.#toldBy(teller)[0]!)
      if (this.#candidates.size >= MAX_CANDIDATES) this.#candidates.delete(this.#toldBy(this.#loudest())[0]!)
      this.#candidates.set(key, { place, teller, via, limit, failures: 0 })
    }
    this.#look()
  }

  /** The addresses that one peer named, the oldest first. */
  #toldBy(teller: string): string[] {
    return [...this.#candidates].flatMap(([key, candidate]) => (candidate.teller === teller ? key : []))
  }

  /** The peer that named the most addresses. */
  #loudest(): string {
    const counts = new Map<string, number>()
    for (const { teller } of this.#candidates.values()) counts.set(teller, (counts.get(teller) ?? 0) + 1)
    return [...counts].reduce((most, next) => (next[1] > most[1] ? next : most))[0]
  }

  #isHere(peer: PeerId): boolean {
    return peer.equals(this.#host.peerId) || this.#isConnected(peer)
  }

  #look(): void {
    if (this.#stopped.signal.aborted || !this.#wantsMore()) return
    const now = performance.now()
    // First peers that we have met; then the local network; then what strangers name.
    const met = this.#met.all().flatMap(({ places, dialled, sought, via }) =>
      places.map((place) => ({
        place,
        via,
        limit: dialled ? nearnessOf(place.address) : NEARNESS.internet,
        isTold: !sought,
        isProven: dialled,
      })),
    )
    const told = [...this.#candidates.values()].map((candidate) => ({
      ...candidate,
      isTold: candidate.teller !== LOCAL_NETWORK,
      isProven: false,
    }))
    const local = told.filter(({ teller }) => teller === LOCAL_NETWORK)
    const others = told.filter(({ teller }) => teller !== LOCAL_NETWORK)
    for (const { place, limit, isTold, isProven, via } of [...met, ...local, ...sample(others, others.length)]) {
      const id = place.peer.toString()
      if (this.#dialling.has(id) || this.#isConnected(place.peer)) continue
      if (!this.#knocks.mayTry(place.address, isProven || place.isName, now)) continue
      if (isTold) this.#told.set(id, via)
      void this.#dial(place, limit, isProven)
      if (!this.#wantsMore()) return
    }
  }

  #wantsMore(): boolean {
    if (this.#dialling.size >= PARALLEL_DIALS) return false
    const dialled = [...this.#syncPeers.values()].filter((peer) =>
      this.#host.getConnections(peer).some(({ direction }) => direction === 'outbound'),
    )
    return (
      this.#syncPeers.size + this.#dialling.size < ENOUGH_SPEAKERS ||
      dialled.length + this.#dialling.size < ENOUGH_DIALLED
    )
  }

  /** Never throws: an address that does not answer is tried again later, without limit if it is in the peer store. */
  async #dial(place: DialAddress, limit: Nearness, isProven: boolean): Promise<void> {
    const id = place.peer.toString()
    this.#dialling.add(id)
    this.#dialledAs.set(id, place)
    try {
      const address = place.isName ? await lookUp(place, limit) : place.address
      if (address === undefined) throw new Error('nearer than it may be')
      // Any number of names may lead to one address.
      if (place.isName && !this.#knocks.mayTry(address, isProven, performance.now())) throw new Error('tried before')
      await timed(DIAL_TIMEOUT_MS, [this.#stopped.signal], (signal) => this.#host.dial(address, { signal }))
    } catch {
      // Not there, not the expected peer, or too busy to answer.
      if (!this.#isConnected(place.peer)) {
        this.#dialledAs.delete(id)
        this.#told.delete(id)
      }
    } finally {
      this.#dialling.delete(id)
      this.#forgetCandidates(place)
    }
  }

  /** An address that answered is remembered in the peer store; one that did not is tried a few more times. */
  #forgetCandidates(place: DialAddress): void {
    for (const [key, candidate] of this.#candidates) {
      if (!candidate.place.address.equals(place.address)) continue
      if (++candidate.failures >= MAX_FAILURES || this.#isConnected(place.peer)) this.#candidates.delete(key)
    }
  }

  #isConnected(peer: PeerId): boolean {
    return this.#host.getConnections(peer).length > 0
  }

  /** How near a connected peer is, by the remote address of its connection. */
  #nearness(peer: PeerId): Nearness {
    const [connection] = this.#host.getConnections(peer)
    return connection === undefined ? NEARNESS.internet : nearnessOf(connection.remoteAddr)
  }

  /** The addresses that identify reported for a peer, as far as that peer can know them. */
  async #addressesOf(peer: PeerId, near: Nearness): Promise<DialAddress[]> {
    try {
      const { addresses } = await this.#host.peerStore.get(peer)
      const places = addresses.flatMap((address) => readPlace(withPeer(address.multiaddr, peer)) ?? [])
      return places.filter((place) => mayTell(place, near)).slice(0, PLACES_PER_PEER)
    } catch {
      return []
    }
  }
}

/**
 * An address that the host name leads to, no nearer than the limit. The address that was checked is the one that is
 * dialled.
 */
async function lookUp(
  { host, address, peer }: DialAddress,
  limit: Nearness,
): Promise<ReturnType<typeof multiaddr> | undefined> {
  const [name, tcp] = address.getComponents()
  const family = name?.name === 'dns4' ? 4 : name?.name === 'dns6' ? 6 : 0
  const found = (await lookup(host, { all: true, family })).find(({ address: ip }) => {
    const nearness = nearnessOfIp(ip)
    return nearness !== undefined && nearness <= limit
  })
  return found && multiaddr(`/ip${found.family}/${found.address}/tcp/${tcp!.value!}/p2p/${peer.toString()}`)
}
