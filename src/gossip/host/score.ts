/** The numbers of gossipsub's mesh and of its scores, for the host and for whoever models one. Pure. */
import {
  createPeerScoreParams,
  createTopicScoreParams,
  type PeerScoreParams,
  type TopicScoreParams,
} from '@chainsafe/libp2p-gossipsub/score'

/**
 * Neighbours on a topic that messages are sent on to: as a rule, and at the most. Gossipsub would take twelve, and what
 * a head costs a node is mostly that each of them brings every cosignature once.
 */
export const MESH = {
  degree: 6,
  most: 8,
  /** Heartbeats between two looks for somebody better than neighbours that bring little; gossipsub would take sixty. */
  heartbeatsToBetter: 15,
} as const

/**
 * Scores of peers below which they are, in this order: not gossiped to, not published to, not listened to. And the score that half of
 * the neighbours on a topic must reach, or others that have earned more are tried.
 */
export const SCORE = { gossip: -20, publish: -60, graylist: -100, opportunisticGraft: 1 } as const
/** The penalty for a peer over its budget: enough for it to be ignored. */
const OVER_BUDGET_SCORE = 10 * SCORE.graylist
/** Milliseconds that the bad score of a peer outlives its connection, so that a reconnect does not wash it off. */
const SCORE_MEMORY_MS = 10 * 60_000

/** What is thought of a peer, by its id. */
export interface PeerOpinions {
  /** What it is worth for the news that it brought, 0 or more. */
  readonly worth: (peer: string) => number
  /** Whether it has sent more than it may and is to be ignored for the time being. */
  readonly overBudget: (peer: string) => boolean
}

/** How peers are scored on one topic. */
export function topicScore(): TopicScoreParams {
  return createTopicScoreParams({
    topicWeight: 1,
    // A place in the mesh earns nothing, or it would pay to take one and be silent; and what was delivered must not fade with time, for
    // a log may be quiet for minutes. What news earn is counted in delivered-news.ts.
    timeInMeshWeight: 0,
    firstMessageDeliveriesWeight: 0,
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    // Squared: after three provably bad messages a peer is ignored. Half is forgiven in 70 seconds.
    invalidMessageDeliveriesWeight: -20,
    invalidMessageDeliveriesDecay: 0.99,
  })
}

/** How peers are scored on these topics: for what they bring, and for what they cost. */
export function scoreParams(topics: readonly string[], { worth, overBudget }: PeerOpinions): PeerScoreParams {
  return createPeerScoreParams({
    topics: Object.fromEntries(topics.map((name) => [name, topicScore()])),
    // Nodes behind one address (a company, a laboratory, this machine) are not an attack; with the default, 15 of
    // them silence each other. Numbers per address are bounded at the connection instead.
    IPColocationFactorWeight: 0,
    appSpecificWeight: 1,
    appSpecificScore: (peer) => (overBudget(peer) ? OVER_BUDGET_SCORE : worth(peer)),
    retainScore: SCORE_MEMORY_MS,
  })
}
