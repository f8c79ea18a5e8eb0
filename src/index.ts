/** The public library surface of gossum. */
import './lib/polyfill.js'

export { ERRORS, GossumError, ProofError, type ErrorCode } from './errors.js'

// Notes, checkpoints, cosignatures (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature)
export { formatNote, parseNote, parseVerifierKey, verifyNote } from './tlog/note.js'
export type { Note, Signature, VerifierKey } from './tlog/note.js'
export { formatCheckpoint, logId, parseCheckpoint, SUMDB_ORIGIN, type Checkpoint } from './tlog/checkpoint.js'
export { verifyCosignature, type Cosignature } from './tlog/cosignature.js'

// Trees, proofs, tiles (RFC 6962, golang.org/design/25530-sumdb)
export { EMPTY_ROOT, hashLeaf, hashNode, type Hash } from './tlog/hash.js'
export { checkRecord, checkTree, type Tree } from './tlog/merkle.js'
export { parseTilePath, tileForIndex, tilePath, type Tile } from './tlog/tile.js'

// Policies (c2sp.org/tlog-policy)
export { parsePolicy, quorumSatisfied, quorumThreshold, type Policy } from './tlog/policy.js'
export { policyStrength, type PolicyStrength } from './tlog/policy-strength.js'

// Evidence
export {
  encodeEvidence,
  evidenceId,
  evidenceHeads,
  makeBadRecord,
  makeSplitView,
  makeWitnessConflict,
  parseEvidence,
  verifyEvidence,
} from './evidence/evidence.js'
export type { BadRecord, Conviction, Evidence, FoundRecord, SplitView, WitnessConflict } from './evidence/evidence.js'

// The log, and a node
export { SumdbClient, type SumdbClientOptions } from './sumdb/client.js'
export { loadConfig, type Config, type Settings } from './config/config.js'
export { createNode, type GossumNode } from './node/node.js'
export type { NodeEvent } from './node/events.js'
