/**
 * Who else there is, and whom to dial: peers that we met before, that peers tell of, and that answer on the local
 * network. Addresses are dialled only while we have too few neighbours, one at a time each, and a host and port never more
 * often than once a minute (knocks.ts).
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

/** Neighbours below which we look for more; and those of them that we chose ourselves, so that strangers cannot surround us. */
const ENOUGH_SPEAKERS = 8
const ENOUGH_DIALLED = 4
/** Milliseconds between two looks at whether there are enough. */
const LOOK_INTERVAL_MS = 2_000
/** Milliseconds that one dial may take. */
const DIAL_TIMEOUT_MS = 5_000
const PARALLEL_DIALS = 4
/** Tries of an address that we were only told of. */
const MAX_FAILURES = 3
/** Addresses that we were told of, in all and by one peer. */
const MAX_CANDIDATES = 256
const CANDIDATES_PER_TELLER = 32
/** Addresses that are kept of one peer. */
const PLACES_PER_PEER = 8

/** The teller of what the local network announces. */
const LOCAL_NETWORK = 'mdns'

interface Candidate {
  readonly place: DialAddress
  readonly teller: string
  /** The network of the teller; undefined for the local one, and for tellers on it. */
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
  /** Where the connection to a peer led that we dialled: its name, if it has one, outlives its number. */
  readonly #dialledAs = new Map<string, DialAddress>()
  /** Peers that we dial, or dialled, only because a peer told of them; and the network of that peer, if it was one. */
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

  /** Reads the book, once. Call before the host starts: who is in it may be the first to come. */
  load(): Promise<void> {
    return (this.#loading ??= this.#met.load(this.#host.peerId))
  }

  /** Begins to dial. */
  async start(): Promise<void> {
    await this.load()
    this.#look()
    this.#timer = setInterval(() => this.#look(), LOOK_INTERVAL_MS)
    this.#timer.unref()
  }

  /** Ends every dial and saves the book. Call before the host stops. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stopped.abort()
    await this.#met.save()
  }

  /** Peers that are in the book or could be. */
  get known(): number {
    return this.#met.size
  }

  /** Addresses that we were told of and have not dialled yet. */
  get waiting(): number {
    return this.#candidates.size
  }

  /** Ids of the peers that we looked for in an earlier run, as the book says: at most five. */
  get chosen(): ReadonlySet<string> {
    return this.#met.chosen
  }

  /** A peer that speaks our protocols has connected, and identify has told its addresses; whether we chose it. */
  async met(peer: PeerId, connection: Connection, isChosen = false): Promise<void> {
    const id = peer.toString()
    const dialled = connection.direction === 'outbound'
    const place = dialled ? (this.#dialledAs.get(id) ?? readPlace(withPeer(connection.remoteAddr, peer))) : undefined
    const places = place === undefined ? await this.#addressesOf(peer, nearnessOf(connection.remoteAddr)) : [place]
    if (connection.status !== 'open' || places.length === 0) return
    const sought = isChosen || (dialled && !this.#told.has(id))
    this.#met.add({ peer, places, dialled, sought, via: this.#told.get(id), lastSeen: Date.now() })
  }

  /** The last connection of a peer is gone. */
  gone(peer: PeerId): void {
    this.#dialledAs.delete(peer.toString())
    this.#told.delete(peer.toString())
    this.#met.left(peer)
  }

  /** A peer tells of others. What it may not know about, cannot be dialled or is connected is dropped. */
  told(addresses: readonly string[], teller: PeerId): void {
    const near = this.#nearness(teller)
    const [connection] = this.#host.getConnections(teller)
    const via = near === NEARNESS.internet && connection ? networkOfAddress(connection.remoteAddr) : undefined
    this.#consider(addresses.slice(0, MAX_PEERS), teller.toString(), near, via)
  }

  /** Somebody on the local network announces itself. This machine is not theirs to tell of. */
  discovered(addresses: readonly string[]): void {
    this.#consider(addresses.slice(0, MAX_PEERS), LOCAL_NETWORK, NEARNESS.network)
  }

  /** Neighbours that this peer may dial, at random, each at its nearest address. */
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

  /** What one peer told of, the oldest first. */
  #toldBy(teller: string): string[] {
    return [...this.#candidates].flatMap(([key, candidate]) => (candidate.teller === teller ? key : []))
  }

  /** The peer that told of the most. */
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
    // Those that we met first; then the local network; then what strangers tell.
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
      if (!this.#wantsMore()) return
      const id = place.peer.toString()
      if (this.#dialling.has(id) || this.#isConnected(place.peer)) continue
      if (!this.#knocks.mayTry(place.address, isProven || place.isName, now)) continue
      if (isTold) this.#told.set(id, via)
      void this.#dial(place, limit, isProven)
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

  /** Never throws: an address that does not answer is tried again later, for ever when it is in the book. */
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
      // Not there, not who it should be, or too busy to answer.
      if (!this.#isConnected(place.peer)) {
        this.#dialledAs.delete(id)
        this.#told.delete(id)
      }
    } finally {
      this.#dialling.delete(id)
      this.#forgetCandidates(place)
    }
  }

  /** One that answered is remembered otherwise; one that did not is tried again a few times. */
  #forgetCandidates(place: DialAddress): void {
    for (const [key, candidate] of this.#candidates) {
      if (!candidate.place.address.equals(place.address)) continue
      if (++candidate.failures >= MAX_FAILURES || this.#isConnected(place.peer)) this.#candidates.delete(key)
    }
  }

  #isConnected(peer: PeerId): boolean {
    return this.#host.getConnections(peer).length > 0
  }

  /** How near a connected peer is: as its own end of the connection says. */
  #nearness(peer: PeerId): Nearness {
    const [connection] = this.#host.getConnections(peer)
    return connection === undefined ? NEARNESS.internet : nearnessOf(connection.remoteAddr)
  }

  /** What identify told of a peer, as far as that peer can know it. */
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

/** An address that the name of a place leads to, no nearer than the limit: the one that is looked at is the one that is dialled. */
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
