/**
 * Subtrees and their consistency proofs, as defined by draft-ietf-plants-merkle-tree-certs: a range of records aligned
 * so that a short proof ties its hash to the root. Both classical proofs are special cases: for a subtree that begins
 * at record 0 it is the consistency proof, and for a single record its inclusion proof.
 *
 * Built from the same parts as merkle.ts: a proof is planned as ranges, and the plan is read or checked.
 *
 * Pure.
 */
import { ProofError } from '../errors.js'
import { equalBytes } from './bytes.js'
import { EMPTY_ROOT, hashNode, type Hash } from './hash.js'
import { readRanges, requireHashes, requireSafe, splitPoint, type HashReader, type Ranges } from './merkle.js'

/** The records [start, end) of a log, and the root of the tree that consists of only these. */
export interface Subtree {
  readonly start: number
  readonly end: number
  readonly hash: Hash
}

/**
 * Whether [start, end) is a subtree: its start is a multiple of the smallest power of two that is not below its length,
 * so it splits where every tree that contains it splits. Any empty range is a subtree, too.
 */
export function isSubtree(start: number, end: number): boolean {
  if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end) || start < 0 || start > end) return false
  const length = end - start
  return length < 2 || start % (2 * splitPoint(length)) === 0
}

/**
 * The proof that ties [start, end) to the tree over [lo, hi), the hashes closest to the leaves first. `isGiven` means
 * that the verifier has the hash of this part of [start, end): it has that of the whole subtree, but not of the part
 * that lies beyond a split.
 */
function subtreeRanges(lo: number, hi: number, start: number, end: number, isGiven = true): Ranges {
  if (start === lo && end === hi) return isGiven ? [] : [[lo, hi]]
  const mid = lo + splitPoint(hi - lo)
  if (end <= mid) return [...subtreeRanges(lo, mid, start, end, isGiven), [mid, hi]]
  // A range across the split begins at lo, as its start is a multiple of more than half its length.
  const inner = start >= mid ? subtreeRanges(mid, hi, start, end, isGiven) : subtreeRanges(mid, hi, mid, end, false)
  return [...inner, [lo, mid]]
}

/** The plan of a proof; empty for an empty subtree, which is the same in every tree. */
function planOf(size: number, start: number, end: number): Ranges {
  requireSafe('size', size)
  requireSafe('start', start)
  requireSafe('end', end)
  if (!isSubtree(start, end) || end > size) {
    throw new ProofError('PROOF_INVALID', `[${start}, ${end}) is not a subtree of a tree of ${size}`)
  }
  return start === end ? [] : subtreeRanges(0, size, start, end)
}

/** The hash of the subtree [start, end). Throws ProofError if it is not a subtree. */
export function subtreeHash(start: number, end: number, read: HashReader): Hash {
  planOf(end, start, end)
  return start === end ? EMPTY_ROOT : readRanges([[start, end]], read)[0]!
}

/**
 * The proof that the subtree [start, end) is part of the tree of `size` records. Throws ProofError if there is none.
 */
export function proveSubtree(size: number, start: number, end: number, read: HashReader): Hash[] {
  return readRanges(planOf(size, start, end), read)
}

/**
 * Checks that the subtree is part of the tree with this size and root. Throws ProofError when the proof does not show
 * it. For an empty subtree the root is not checked.
 */
export function checkSubtree(proof: readonly Hash[], size: number, root: Hash, { start, end, hash }: Subtree): void {
  const ranges = planOf(size, start, end)
  requireHashes(proof, root, hash)
  if (proof.length !== ranges.length) {
    throw new ProofError('PROOF_INVALID', `${proof.length} hashes where ${ranges.length} are needed`)
  }
  if (start === end) return requireEqual(EMPTY_ROOT, hash, `the subtree [${start}, ${end})`)
  // Two roots are computed in parallel: the subtree's from what lies within it, the tree's from everything. Both start
  // from the last full node of the subtree: given in the proof, unless it is the whole subtree.
  const isWhole = ranges.length === 0 || ranges[0]![1] !== end
  let ofSubtree = isWhole ? hash : proof[0]!
  let ofTree = ofSubtree
  for (let i = isWhole ? 0 : 1; i < proof.length; i++) {
    const [lo, hi] = ranges[i]!
    const sibling = proof[i]!
    if (lo >= start && hi <= end) ofSubtree = hashNode(sibling, ofSubtree)
    ofTree = lo >= end ? hashNode(ofTree, sibling) : hashNode(sibling, ofTree)
  }
  requireEqual(ofSubtree, hash, `the subtree [${start}, ${end})`)
  requireEqual(ofTree, root, `the tree of size ${size}`)
}

function requireEqual(found: Hash, given: Hash, what: string): void {
  if (!equalBytes(found, given)) throw new ProofError('PROOF_INVALID', `${what} does not match`)
}
