/**
 * The peers that a node remembers over a restart. A room below keeps them; what is in them is decided in
 * membership.ts.
 */

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
