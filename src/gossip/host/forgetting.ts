/**
 * Forgets peers that are gone. libp2p keeps what it learnt of a peer for six hours, and gossipsub keeps its score for
 * ten minutes, good or bad: each stranger that connects once, under a new id, would leave 7 to 30 kB behind. What
 * should outlive a connection is in the peer store; besides that, only a bad score must.
 */
import type { Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { setImmediate as turn } from 'node:timers/promises'

/** Bad scores kept of peers that are gone, the most recent ones. */
const MAX_BAD_SCORES = 1024
/** Milliseconds between two sweeps for what was added after the end of a connection. */
const SWEEP_INTERVAL_MS = 10_000

/** Gossipsub's state by peer id that outlives the connection; its interface does not declare it. */
interface GossipState {
  readonly peers: ReadonlyMap<string, PeerId>
  /** By topic: until when a peer is not grafted again. */
  readonly backoff: ReadonlyMap<string, Map<string, number>>
  readonly score: {
    readonly peerStats: ReadonlyMap<string, { readonly connected: boolean; expire: number }>
    readonly scoreCache: Map<string, unknown>
    score(peer: string): number
  }
  removePeer(peer: PeerId): void
}

/** Forgets the peers of a host, and of its gossipsub, once their last connection has ended, until the host stops. */
export function forgetStrangers(host: Libp2p, pubsub: object): void {
  const gossip = pubsub as GossipState
  const isGone = (peer: PeerId): boolean => host.getConnections(peer).length === 0

  const forget = async (peer: PeerId): Promise<void> => {
    // The registrar has begun to look up in the store which protocols to notify of the disconnection.
    await host.peerStore.has(peer)
    await turn()
    if (!isGone(peer)) return
    await host.peerStore.delete(peer)
    forgetInGossip(gossip, peer)
  }
  const sweep = async (): Promise<void> => {
    // A stream is recorded even if its connection ended before its protocol was agreed on.
    for (const { id } of await host.peerStore.all()) if (isGone(id)) await forget(id)
    for (const peer of gossip.peers.values()) if (isGone(peer)) gossip.removePeer(peer)
    for (const id of gossip.score.peerStats.keys())
      if (!gossip.peers.has(id)) forgetInGossip(gossip, peerIdFromString(id))
    boundScores(gossip)
  }

  let timer: NodeJS.Timeout | undefined
  host.addEventListener('start', () => {
    timer = setInterval(() => void sweep().catch(() => undefined), SWEEP_INTERVAL_MS).unref()
  })
  host.addEventListener('stop', () => clearInterval(timer))
  host.addEventListener('peer:disconnect', ({ detail }) => void forget(detail).catch(() => undefined))
}

/** Forgets everything except a bad score. */
function forgetInGossip({ peers, backoff, score }: GossipState, peer: PeerId): void {
  const id = peer.toString()
  if (peers.has(id)) return
  for (const waiting of backoff.values()) waiting.delete(id)
  const stats = score.peerStats.get(id)
  // Gossipsub itself removes expired scores, including the peer's address, within a second.
  if (stats?.connected === false && score.score(id) >= 0) stats.expire = 0
  if (stats === undefined) score.scoreCache.delete(id)
}

/** Drops bad scores beyond the limit, those that would expire first. */
function boundScores({ score }: GossipState): void {
  const kept = [...score.peerStats.values()].filter(({ connected, expire }) => !connected && expire > 0)
  kept.sort((a, b) => b.expire - a.expire)
  for (const stats of kept.slice(MAX_BAD_SCORES)) stats.expire = 0
}
