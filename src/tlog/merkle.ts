/**
 * Merkle trees and their proofs, as defined by RFC 6962 section 2.1 and golang.org/x/mod/sumdb/tlog: root hashes,
 * inclusion ("record") and consistency ("tree") proofs, made and checked, and the numbering of stored hashes.
 *
 * Sizes and indices are numbers, checked to be safe integers wherever they enter; no 32-bit operator is used on them.
 * Proofs list the hash closest to the leaves first.
 *
 * Pure.
 */
import { ProofError } from '../errors.js'
import { equalBytes } from './bytes.js'
import { EMPTY_ROOT, HASH_SIZE, hashNode, type Hash } from './hash.js'

/** A tree: its number of records, a safe integer, and its 32-byte root. */
export interface Tree {
  readonly size: number
  readonly root: Hash
}

/** Returns the stored hashes with these indices (storedHashIndex), in order. Throws when it cannot. */
export type HashReader = (indexes: readonly number[]) => Hash[]

/** Throws ProofError (PROOF_TOO_LARGE) unless the value is a safe integer of at least 0. */
export function requireSafe(what: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new ProofError('PROOF_TOO_LARGE', `${what} ${value}`)
}

/** The largest power of two strictly below n, for n >= 2: where a range of n leaves splits. */
export function splitPoint(n: number): number {
  // log2 may be off near powers of two; the two loops correct that.
  let k = 2 ** Math.floor(Math.log2(n))
  while (k >= n) k /= 2
  while (k * 2 < n) k *= 2
  return k
}

// ---- stored hashes ---------------------------------------------------------------------------------------------

/**
 * The number of the stored hash at `level` (0 = leaves) and position `n` in that level, when hashes are stored in
 * the order in which appending records completes them. Throws ProofError (PROOF_TOO_LARGE) beyond 2^53 - 1.
 */
export function storedHashIndex(level: number, n: number): number {
  // The leaf that completes this node is the last one below it.
  let leaf = n
  for (let i = 0; i < level; i++) leaf = 2 * leaf + 1
  requireSafe('stored hash', leaf)
  let index = level
  for (let i = leaf; i > 0; i = Math.floor(i / 2)) index += i
  requireSafe('stored hash', index)
  return index
}

/** The level and position of the stored hash with this index: the inverse of storedHashIndex. */
export function splitStoredHashIndex(index: number): { level: number; n: number } {
  requireSafe('stored hash', index)
  // The leaf sought is at least index/2; only a few steps forward remain.
  let n = Math.floor(index / 2)
  let first = storedHashIndex(0, n)
  for (;;) {
    const next = first + 1 + trailingZeros(n + 1)
    if (next > index) break
    n++
    first = next
  }
  const level = index - first
  return { level, n: Math.floor(n / 2 ** level) }
}

/** How many hashes are stored for a tree of `size` records. */
export function storedHashCount(size: number): number {
  requireSafe('size', size)
  if (size === 0) return 0
  return storedHashIndex(0, size - 1) + 1 + trailingZeros(size)
}

function trailingZeros(n: number): number {
  let count = 0
  for (; n > 0 && n % 2 === 0; n /= 2) count++
  return count
}

/**
 * The stored hashes that appending a record adds, given its leaf hash and its number: the leaf itself and each node
 * that it completes, in storage order. Reads the left siblings with `read`.
 */
export function storedHashesForRecord(index: number, leaf: Hash, read: HashReader): Hash[] {
  const completed = trailingZeros(index + 1)
  const siblings: number[] = []
  for (let level = 0; level < completed; level++)
    siblings.push(storedHashIndex(level, Math.floor(index / 2 ** level) - 1))
  const lefts = read(siblings)
  const out = [leaf]
  for (const left of lefts) out.push(hashNode(left, out[out.length - 1]!))
  return out
}

/**
 * The perfect subtrees that make up the range [lo, hi), left to right, as stored hash indices. `lo` must be a multiple
 * of the sizes involved, as it is for every range that a proof needs.
 */
export function subtreeIndexes(lo: number, hi: number): number[] {
  const indexes: number[] = []
  while (lo < hi) {
    const width = hi - lo === 1 ? 1 : splitPoint(hi - lo + 1)
    const level = Math.round(Math.log2(width))
    indexes.push(storedHashIndex(level, lo / width))
    lo += width
  }
  return indexes
}

function foldRight(hashes: readonly Hash[]): Hash {
  return hashes.reduceRight((right, left) => hashNode(left, right))
}

/** The root of the first `size` records. */
export function treeRoot(size: number, read: HashReader): Hash {
  requireSafe('size', size)
  if (size === 0) return EMPTY_ROOT
  return foldRight(read(subtreeIndexes(0, size)))
}

// ---- making proofs ---------------------------------------------------------------------------------------------

/** A proof as a plan: for each of its hashes, the range [lo, hi) of leaves that the hash covers. */
export type Ranges = [lo: number, hi: number][]

function recordRanges(lo: number, hi: number, index: number): Ranges {
  if (hi - lo === 1) return []
  const mid = lo + splitPoint(hi - lo)
  return index < mid ? [...recordRanges(lo, mid, index), [mid, hi]] : [...recordRanges(mid, hi, index), [lo, mid]]
}

function treeRanges(lo: number, hi: number, oldSize: number): Ranges {
  if (oldSize === hi) return lo === 0 ? [] : [[lo, hi]]
  const mid = lo + splitPoint(hi - lo)
  return oldSize <= mid ? [...treeRanges(lo, mid, oldSize), [mid, hi]] : [...treeRanges(mid, hi, oldSize), [lo, mid]]
}

function requireRecord(size: number, index: number): void {
  requireSafe('size', size)
  requireSafe('index', index)
  if (index >= size) throw new ProofError('PROOF_INVALID', `record ${index} is not in a tree of ${size}`)
}

function requireTrees(newSize: number, oldSize: number): void {
  requireSafe('size', newSize)
  requireSafe('size', oldSize)
  if (oldSize < 1 || oldSize > newSize) {
    throw new ProofError('PROOF_INVALID', `no proof leads from size ${oldSize} to size ${newSize}`)
  }
}

/** The hash of each range; the ranges must be ones that a proof needs. */
export function readRanges(ranges: Ranges, read: HashReader): Hash[] {
  return ranges.map(([lo, hi]) => foldRight(read(subtreeIndexes(lo, hi))))
}

/** The proof that record `index` is in the tree of `size` records. Throws ProofError if there is none. */
export function proveRecord(size: number, index: number, read: HashReader): Hash[] {
  requireRecord(size, index)
  return readRanges(recordRanges(0, size, index), read)
}

/** The stored hashes that proveRecord reads. */
export function proveRecordIndexes(size: number, index: number): number[] {
  requireRecord(size, index)
  return recordRanges(0, size, index).flatMap(([lo, hi]) => subtreeIndexes(lo, hi))
}

/** The proof that the tree of `oldSize` records is a prefix of the tree of `newSize`; 1 <= oldSize <= newSize. */
export function proveTree(newSize: number, oldSize: number, read: HashReader): Hash[] {
  requireTrees(newSize, oldSize)
  return readRanges(treeRanges(0, newSize, oldSize), read)
}

/** The stored hashes that proveTree reads. */
export function proveTreeIndexes(newSize: number, oldSize: number): number[] {
  requireTrees(newSize, oldSize)
  return treeRanges(0, newSize, oldSize).flatMap(([lo, hi]) => subtreeIndexes(lo, hi))
}

// ---- checking proofs -------------------------------------------------------------------------------------------

function requireHash(hash: Hash, what: string): void {
  if (hash.length !== HASH_SIZE)
    throw new ProofError('PROOF_INVALID', `${what} is ${hash.length} bytes, not ${HASH_SIZE}`)
}

/** Throws ProofError unless all are 32 bytes. */
export function requireHashes(proof: readonly Hash[], ...roots: readonly Hash[]): void {
  for (const hash of proof) requireHash(hash, 'a proof hash')
  for (const hash of roots) requireHash(hash, 'a root or leaf hash')
}

/**
 * Checks that the record with this 32-byte leaf hash is number `index` of the tree with `size` records and this
 * root. Throws ProofError when the proof does not show it.
 */
export function checkRecord(proof: readonly Hash[], size: number, root: Hash, index: number, leafHash: Hash): void {
  requireRecord(size, index)
  requireHashes(proof, root, leafHash)
  const ranges = recordRanges(0, size, index)
  if (proof.length !== ranges.length) {
    throw new ProofError('PROOF_INVALID', `${proof.length} hashes where ${ranges.length} are needed`)
  }
  let hash = leafHash
  proof.forEach((sibling, i) => {
    hash = ranges[i]![0] > index ? hashNode(hash, sibling) : hashNode(sibling, hash)
  })
  if (!equalBytes(hash, root)) throw new ProofError('PROOF_INVALID', 'the record is not in this tree')
}

/**
 * Checks that the tree (oldSize, oldRoot) is a prefix of the tree (newSize, newRoot); 1 <= oldSize <= newSize.
 * Throws ProofError when the proof does not show it.
 */
export function checkTree(
  proof: readonly Hash[],
  newSize: number,
  newRoot: Hash,
  oldSize: number,
  oldRoot: Hash,
): void {
  requireTrees(newSize, oldSize)
  requireHashes(proof, newRoot, oldRoot)
  const ranges = treeRanges(0, newSize, oldSize)
  if (proof.length !== ranges.length) {
    throw new ProofError('PROOF_INVALID', `${proof.length} hashes where ${ranges.length} are needed`)
  }
  // Two roots are computed in parallel: the old tree's from what lies left of its edge, the new one's from everything.
  // Both start from the subtree that ends where the old tree ends: given in the proof, unless it is the old tree
  // itself.
  const wholeOldTree = ranges.length === 0 || ranges[0]![1] !== oldSize
  let oldHash = wholeOldTree ? oldRoot : proof[0]!
  let newHash = oldHash
  for (let i = wholeOldTree ? 0 : 1; i < proof.length; i++) {
    const sibling = proof[i]!
    if (ranges[i]![0] >= oldSize) {
      newHash = hashNode(newHash, sibling)
    } else {
      oldHash = hashNode(sibling, oldHash)
      newHash = hashNode(sibling, newHash)
    }
  }
  if (!equalBytes(oldHash, oldRoot))
    throw new ProofError('PROOF_INVALID', `the older tree does not match at size ${oldSize}`)
  if (!equalBytes(newHash, newRoot))
    throw new ProofError('PROOF_INVALID', `the newer tree does not match at size ${newSize}`)
}
