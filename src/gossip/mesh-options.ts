/** The options with which a mesh is started, and the interests that may change while it runs. */
import type { PrivateKey } from '@libp2p/interface'
import type { DoorReports } from './gossip.js'
import type { DialReport } from './membership/bootstrap-dialer.js'
import type { PeerStore } from './membership/peer-store.js'
import type { SyncHandlers } from './sync/server/sync-server.js'
import type { OwnSide, SyncTimes } from './sync/sync-options.js'

export interface PeerEvent {
  readonly peerId: string
  /** Its current or last address. */
  readonly multiaddr: string
  readonly connected: boolean
}

/** What may change while a mesh runs: the logs it is about and the keys that count. */
export interface MeshInterests {
  /** Log ids. */
  readonly logs: readonly string[]
  /** Verifier keys whose cosignatures this node counts. */
  readonly counts?: readonly string[]
  /** Key name and key id (`name+keyid`) of keys whose name and id no neighbour's key may share. */
  readonly reserved?: readonly string[]
}

export interface MeshOptions {
  readonly reach: {
    readonly peerKey: PrivateKey
    /** Multiaddrs; port 0 takes a free port, an empty list makes a node that only dials. */
    readonly listen: readonly string[]
    /** Multiaddrs of peers to stay connected to, with or without /p2p/ID. */
    readonly bootstrap: readonly string[]
    /** Multiaddrs to tell peers instead of the listening ones. */
    readonly announce?: readonly string[]
    /** Whether to look for nodes on the local network, and to be found there. */
    readonly mdns?: boolean
    /** Where the peers that we met are kept across restarts. */
    readonly peerStore?: PeerStore
  }
  readonly own: OwnSide & MeshInterests
  readonly handlers: SyncHandlers
  readonly times?: SyncTimes
  readonly told?: Partial<DoorReports> & {
    /** Called when a chosen peer has connected and speaks the sync protocol. */
    readonly onChosen?: (peer: string) => void
    /** Called when relayed() has changed. */
    readonly onNeighbours?: () => void
    /** Called when a peer that is not us has proven our own witness key: two nodes sign with one key. */
    readonly onTwin?: (peer: string) => void
    readonly onPeer?: (event: PeerEvent) => void
    readonly onDial?: (report: DialReport) => void
  }
}
