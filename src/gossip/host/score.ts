/** The parameters of gossipsub's mesh and scores, for the host and for models of one. Pure. */
import {
  createPeerScoreParams,
  createTopicScoreParams,
  type PeerScoreParams,
  type TopicScoreParams,
} from '@chainsafe/libp2p-gossipsub/score'

/**
 * Neighbours on a topic to which messages are forwarded: normally, and at most. Gossipsub's default is up to twelve;
 * the cost of a head is mostly that each neighbour sends every cosignature once.
 */
export const MESH = {
  degree: 6,
  most: 8,
  /**
   * Heartbeats between two searches for better neighbours than those that bring little; gossipsub's default is sixty.
   */
  heartbeatsToBetter: 15,
} as const

/**
 * Score thresholds: below them a peer is, in this order, not gossiped to, not published to, ignored. And the median
 * score of the neighbours on a topic below which peers with more credit are grafted.
 */
export const SCORE = { gossip: -20, publish: -60, graylist: -100, opportunisticGraft: 1 } as const
/** The penalty for a peer over its budget: enough for it to be ignored. */
const OVER_BUDGET_SCORE = 10 * SCORE.graylist
/** Milliseconds for which a bad score outlives the connection, so that reconnecting does not clear it. */
const SCORE_MEMORY_MS = 10 * 60_000

/** Judgements of a peer, by its id. */
export interface PeerOpinions {
  /** Its credit for the news that it brought, 0 or more. */
  readonly worth: (peer: string) => number
  /** Whether it has sent more than it may and is to be ignored for now. */
  readonly overBudget: (peer: string) => boolean
}

/** How peers are scored on one topic. */
export function topicScore(): TopicScoreParams {
  return createTopicScoreParams({
    topicWeight: 1,
    // Time in the mesh earns nothing, or occupying a slot in silence would pay. Deliveries must not fade with time,
    // since a log may be quiet for minutes; delivered-news.ts counts what news earns.
    timeInMeshWeight: 0,
    firstMessageDeliveriesWeight: 0,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    // Squared: after three provably bad messages a peer is ignored. Half is forgiven within 70 seconds.
    invalidMessageDeliveriesWeight: -20,
    invalidMessageDeliveriesDecay: 0.99,
  })
}

/** How peers are scored on these topics: by what they bring, and by what they cost. */
export function scoreParams(topics: readonly string[], { worth, overBudget }: PeerOpinions): PeerScoreParams {
  return createPeerScoreParams({
    topics: Object.fromEntries(topics.map((name) => [name, topicScore()])),
    // Nodes behind one address (a company, a laboratory, this machine) are not an attack; by default, 15 of them would
    // silence each other. The number per address is limited at the connection instead.
    IPColocationFactorWeight: 0,
    appSpecificWeight: 1,
    appSpecificScore: (peer) => (overBudget(peer) ? OVER_BUDGET_SCORE : worth(peer)),
    retainScore: SCORE_MEMORY_MS,
  })
}
