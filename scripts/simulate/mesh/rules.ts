/**
 * The numbers that a node's gossipsub goes by: those that this project sets, from where it sets them, and those that it leaves
 * as the library has them, which a test compares with a real host (test/simulate/mesh.test.ts).
 */
import type { PeerScoreParams } from '@chainsafe/libp2p-gossipsub/score'
import { MESH, SCORE, scoreParams } from '../../../src/gossip/host/score.js'

/** The library's own, by its names. */
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
  opportunisticGraftTicks: 60,
  gossipsubIWantFollowupMs: 3_000,
} as const

/** IHAVEs of one peer that are heard between two heartbeats; the library does not let that be set. */
export const MAX_IHAVES = 10

export interface MeshRules {
  readonly degree: number
  readonly most: number
  /** Below these scores a peer is not told who has what, not published to, not listened to. */
  readonly thresholds: typeof SCORE
  /** What peers are scored by. */
  readonly score: PeerScoreParams
}

/** As production has them; `overBudget` says which peers send too much. */
export function productionRules(topics: readonly string[], overBudget: (peer: string) => boolean): MeshRules {
  return { degree: MESH.degree, most: MESH.most, thresholds: SCORE, score: scoreParams(topics, overBudget) }
}
