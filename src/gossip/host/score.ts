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
export const MESH = { degree: 6, most: 8 } as const

/** Scores of peers below which they are, in this order: not gossiped to, not published to, not listened to. */
export const SCORE = { gossip: -20, publish: -60, graylist: -100, opportunisticGraft: 1 } as const
/** The penalty for a peer over its budget: enough for it to be ignored. */
const OVER_BUDGET_SCORE = 10 * SCORE.graylist
/** Milliseconds that the bad score of a peer outlives its connection, so that a reconnect does not wash it off. */
const SCORE_MEMORY_MS = 10 * 60_000

/** How peers are scored on one topic. */
export function topicScore(): TopicScoreParams {
  return createTopicScoreParams({
    topicWeight: 1,
    timeInMeshWeight: 0.01,
    timeInMeshQuantum: 1000,
    timeInMeshCap: 3600,
    firstMessageDeliveriesWeight: 1,
    firstMessageDeliveriesDecay: 0.9,
    firstMessageDeliveriesCap: 100,
    // A log may be quiet for minutes: few deliveries are no failure.
    meshMessageDeliveriesWeight: 0,
    meshFailurePenaltyWeight: 0,
    // Squared: after three provably bad messages a peer is ignored. Half is forgiven in 70 seconds.
    invalidMessageDeliveriesWeight: -20,
    invalidMessageDeliveriesDecay: 0.99,
  })
}

/** How peers are scored on these topics, and for what they cost. */
export function scoreParams(topics: readonly string[], overBudget: (peer: string) => boolean): PeerScoreParams {
  return createPeerScoreParams({
    topics: Object.fromEntries(topics.map((name) => [name, topicScore()])),
    // Nodes behind one address (a company, a laboratory, this machine) are not an attack; with the default, 15 of
    // them silence each other. Numbers per address are bounded at the connection instead.
    IPColocationFactorWeight: 0,
    appSpecificWeight: 1,
    appSpecificScore: (peer) => (overBudget(peer) ? OVER_BUDGET_SCORE : 0),
    retainScore: SCORE_MEMORY_MS,
  })
}
