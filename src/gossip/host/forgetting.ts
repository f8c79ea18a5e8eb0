/**
 * Forgets peers that are gone. libp2p keeps what it learnt of a peer in its store for six hours, and gossipsub its score
 * for ten minutes, whatever it is: each stranger that connects once, under a new id, would leave 7 to 30 kB behind. What we
 * want to know of peers over their connections is in the peer store; only a bad score has to outlive one.
 */
import type { Libp2p, PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { setImmediate as turn } from 'node:timers/promises'

/** Bad scores of peers that are gone: those that left last. */
const MAX_BAD_SCORES = 1024
/** Milliseconds between two looks for what came after the end of a connection. */
const SWEEP_INTERVAL_MS = 10_000

/** What gossipsub keeps by peer id and does not let go of with the connection; its interface does not declare it. */
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

/** Forgets the peers of a host, and of its gossipsub, with their last connections, until it stops. */
export function forgetStrangers(host: Libp2p, pubsub: object): void {
  const gossip = pubsub as GossipState
  const isGone = (peer: PeerId): boolean => host.getConnections(peer).length === 0

  const forget = async (peer: PeerId): Promise<void> => {
    // The registrar looks up in the store whom to tell that it is gone, and began to before us.
    await host.peerStore.has(peer)
    await turn()
    if (!isGone(peer)) return
    await host.peerStore.delete(peer)
    forgetInGossip(gossip, peer)
  }
  const sweep = async (): Promise<void> => {
    // A stream is noted even if its connection ended before its protocol was agreed on.
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

/** Lets go of all but a bad score. */
function forgetInGossip({ peers, backoff, score }: GossipState, peer: PeerId): void {
  const id = peer.toString()
  if (peers.has(id)) return
  for (const waiting of backoff.values()) waiting.delete(id)
  const stats = score.peerStats.get(id)
  // Gossipsub itself removes what has expired, the address of the peer included, within a second.
  if (stats?.connected === false && score.score(id) >= 0) stats.expire = 0
  if (stats === undefined) score.scoreCache.delete(id)
}

/** Drops bad scores beyond the limit, those that would expire first. */
function boundScores({ score }: GossipState): void {
  const kept = [...score.peerStats.values()].filter(({ connected, expire }) => !connected && expire > 0)
  kept.sort((a, b) => b.expire - a.expire)
  for (const stats of kept.slice(MAX_BAD_SCORES)) stats.expire = 0
}
