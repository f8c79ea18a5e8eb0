/**
 * The parameters of a node's gossipsub: those that this project sets, imported from there, and the library's defaults,
 * which a test compares with a real host (test/simulate/mesh.test.ts).
 */
import { createTopicScoreParams, type PeerScoreParams } from '@chainsafe/libp2p-gossipsub/score'
import { MESH, SCORE, scoreParams, type PeerOpinions } from '../../../src/gossip/host/score.js'

/** The library's defaults, by its names. */
export const LIBRARY = {
  Dlo: 4,
  Dscore: 4,
  Dout: 2,
  Dlazy: 6,
  gossipFactor: 0.25,
  heartbeatInterval: 1_000,
  mcacheLength: 5,
  mcacheGossip: 3,
  seenTTL: 120_000,
  pruneBackoff: 60_000,
  graftFloodThreshold: 10_000,
  opportunisticGraftPeers: 2,
  gossipsubIWantFollowupMs: 3_000,
} as const

/** IHAVEs of one peer that are processed between two heartbeats; not configurable in the library. */
export const MAX_IHAVES = 10

export interface MeshRules {
  readonly degree: number
  readonly most: number
  readonly heartbeatsToBetter: number
  /** Below these scores a peer gets no announcements, no published messages, or is ignored. */
  readonly thresholds: typeof SCORE
  /** The parameters of the peer score. */
  readonly score: PeerScoreParams
}

/** The rules of production. */
export function productionRules(topics: readonly string[], opinions: PeerOpinions): MeshRules {
  return { ...MESH, thresholds: SCORE, score: scoreParams(topics, opinions) }
}

/**
 * The rules of production before peers earned points for news: points for time in the mesh, and for deliveries, which
 * decayed within a minute. Kept to show the difference.
 */
export function earlierRules(topics: readonly string[], { overBudget }: PeerOpinions): MeshRules {
  const { score, ...rules } = productionRules(topics, { overBudget, worth: () => 0 })
  const topic = createTopicScoreParams({
    ...{ topicWeight: 1, meshMessageDeliveriesWeight: 0, meshFailurePenaltyWeight: 0 },
    ...{ timeInMeshWeight: 0.01, timeInMeshQuantum: 1_000, timeInMeshCap: 3_600 },
    ...{ firstMessageDeliveriesWeight: 1, firstMessageDeliveriesDecay: 0.9, firstMessageDeliveriesCap: 100 },
    ...{ invalidMessageDeliveriesWeight: -20, invalidMessageDeliveriesDecay: 0.99 },
  })
  const scores = { ...score, topics: Object.fromEntries(topics.map((name) => [name, topic])) }
  return { ...rules, heartbeatsToBetter: 60, score: scores }
}
