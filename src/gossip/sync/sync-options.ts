/** The parts of the sync door, and its options. */
import type { PeerId } from '@libp2p/interface'
import type { SyncHandlers } from './server/sync-server.js'
import type { ChosenPeers } from '../membership/chosen-peers.js'
import type { DeliveredNews } from '../host/delivered-news.js'
import type { FloodMeter } from '../host/flood.js'
import type { DoorReports } from '../gossip.js'
import type { Host } from '../host/host.js'
import type { Identity } from './identity.js'
import type { Membership } from '../membership/membership.js'
import type { Neighbours } from '../membership/neighbours.js'

/** How we appear to peers. */
export interface OwnSide {
  /** Log ids. */
  readonly logs: readonly string[]
  /** Our witness, for the signed hello; without it, the hello names no witness. */
  readonly identity?: Identity
  /** Verifier keys of all our witness keys: every peer is asked what it holds of each. */
  readonly keys: readonly string[]
  /** Verifier keys whose cosignatures this node counts; at most MAX_COUNTS are sent. */
  readonly counts?: readonly string[]
}

/** Times in milliseconds that replace the defaults. */
export interface SyncTimes {
  /** Between two rounds with a random peer. */
  readonly roundMs?: number
  /** From a connection until the second round with a new peer. */
  readonly settledMs?: number
  /** For the heads of a chosen peer's hello, until its answer counts. */
  readonly judgedMs?: number
  /** For a peer to write a request, and to read its answer. */
  readonly servedMs?: number
}

/** What may change in a running node. */
export interface Interests {
  /** Log ids that we follow. */
  readonly logs: ReadonlySet<string>
  /** Verifier keys whose cosignatures we count. */
  readonly counts: ReadonlySet<string>
}

export interface SyncOptions {
  readonly host: Host
  readonly own: Pick<OwnSide, 'identity' | 'keys'>
  readonly interests: Interests
  readonly handlers: SyncHandlers
  readonly peers: {
    /** Connected peers that speak the protocol; maintained here, read elsewhere. */
    readonly syncPeers: Map<string, PeerId>
    readonly neighbours: Neighbours
    readonly membership: Membership
    readonly chosen: ChosenPeers
  }
  readonly meter: FloodMeter
  readonly news: DeliveredNews
  readonly times: SyncTimes
  readonly told: DoorReports & {
    /** Called when a chosen peer is connected and speaks the protocol. */
    readonly onChosen: (peer: string) => void
  }
}
