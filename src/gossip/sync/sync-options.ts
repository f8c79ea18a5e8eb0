/** What the sync door is made of, and what it is told of us. */
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

/** What we are to peers. */
export interface OwnSide {
  /** Log ids. */
  readonly logs: readonly string[]
  /** Our witness, for the signed hello; a node without one says nothing about itself. */
  readonly identity?: Identity
  /** Verifier keys of all our witness keys: of each one every peer is asked what it holds. */
  readonly keys: readonly string[]
  /** Verifier keys whose cosignatures this node counts; at most MAX_COUNTS are told. */
  readonly counts?: readonly string[]
}

/** Milliseconds, other than usual. */
export interface SyncTimes {
  /** Between two rounds with a random peer. */
  readonly roundMs?: number
  /** Until the second round with a new one. */
  readonly settledMs?: number
  /** That the heads of a chosen peer's hello may take until its answer counts. */
  readonly judgedMs?: number
  /** That a peer may take to write a request, and to read its answer. */
  readonly servedMs?: number
}

/** What changes in a running node. */
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
    /** Connected peers that speak the protocol; kept here, read elsewhere. */
    readonly syncPeers: Map<string, PeerId>
    readonly neighbours: Neighbours
    readonly membership: Membership
    readonly chosen: ChosenPeers
  }
  readonly meter: FloodMeter
  readonly news: DeliveredNews
  readonly times: SyncTimes
  readonly told: DoorReports & {
    /** A chosen peer is connected and speaks the protocol. */
    readonly onChosen: (peer: string) => void
  }
}
