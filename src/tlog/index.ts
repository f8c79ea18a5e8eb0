/**
 * `gossum/tlog`: transparency logs as pure functions, from bytes to verdicts. Everything here also runs in a browser.
 * Hashes are 32-byte Uint8Arrays, sizes and indices are safe integers, and refusals are thrown as GossumErrors.
 *
 * Trusted: the keys that the caller passes, and nothing else. Every byte is treated as an attacker's.
 *
 * Pure.
 */
export { GossumError, ProofError, type ErrorCode } from '../errors.js'
export { fromBase64, fromHex, toBase64, toHex } from './bytes.js'
export { EMPTY_ROOT, formatHash, HASH_SIZE, hashLeaf, hashNode, parseHash, sha256, type Hash } from './hash.js'

export {
  formatNote,
  formatSignature,
  formatSignerKey,
  isBy,
  isCanonicalNote,
  makeSignerKey,
  makeVerifierKey,
  MAX_NOTE_BYTES,
  MAX_SIGNATURES,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  signNote,
  verifyNote,
  withType,
} from './note.js'
export type { Note, Signature, SignatureType, Signer, SignerKey, VerifierKey } from './note.js'
export { formatCheckpoint, logId, parseCheckpoint, SUMDB_ORIGIN, type Checkpoint } from './checkpoint.js'
export {
  cosign,
  cosignSubtree,
  verifiedCosignatures,
  verifyCosignature,
  verifySubtree,
  type Cosignature,
} from './cosignature.js'
export { parsePolicy, quorumSatisfied, quorumThreshold } from './policy.js'
export type { Policy, PolicyGroup, PolicyLog, PolicyWitness } from './policy.js'
export { equalAdvice, policyStrength, type EqualStrength, type PolicyStrength } from './policy-strength.js'
export { formatProofFile, parseProofFile, type ProofFile } from './proof-file.js'

export {
  checkRecord,
  checkTree,
  proveRecord,
  proveRecordIndexes,
  proveTree,
  proveTreeIndexes,
  splitStoredHashIndex,
  storedHashCount,
  storedHashesForRecord,
  storedHashIndex,
  treeRoot,
  type HashReader,
} from './merkle.js'
export { checkSubtree, isSubtree, proveSubtree, subtreeHash, type Subtree } from './subtree.js'
export { checkRecords, proveRecords, proveRecordsIndexes, type ProvenLeaf } from './multi-proof.js'
export {
  fullTile,
  hashFromTile,
  isFullTile,
  newTiles,
  openTiles,
  parseTilePath,
  planTiles,
  recordHashIndex,
  TILE_HEIGHT,
  tileForIndex,
  tilePath,
} from './tile.js'
export type { Tile, TilePlan } from './tile.js'
