/**
 * One proof for many records of one tree. Separate proofs would each contain the hashes near the root; this one
 * contains no hash that can be computed from the records and the other hashes.
 *
 * It contains what a walk of the tree cannot compute. From the root down, left before right, the walk enters every
 * range of leaves that contains one of the records, and takes the hash of every range that contains none. The hashes
 * are in the order of the walk. Sizes and indices are safe integers, hashes 32 bytes.
 *
 * Pure.
 */
import { ProofError } from '../errors.js'
import { equalBytes } from './bytes.js'
import { EMPTY_ROOT, HASH_SIZE, hashNode, type Hash } from './hash.js'
import { readRanges, splitPoint, subtreeIndexes, type HashReader, type Ranges } from './merkle.js'

export interface ProvenLeaf {
  /** Number of the record, from 0. */
  readonly index: number
  /** 32 bytes. */
  readonly leafHash: Hash
}

/** Throws ProofError unless the records are in a tree of this size, and listed once each, in ascending order. */
function requireRecords(size: number, ids: readonly number[]): void {
  if (!Number.isSafeInteger(size) || size < 0) throw new ProofError('PROOF_TOO_LARGE', `size ${size}`)
  ids.forEach((id, i) => {
    if (!Number.isSafeInteger(id) || id < 0) throw new ProofError('PROOF_TOO_LARGE', `index ${id}`)
    if (id >= size) throw new ProofError('PROOF_INVALID', `record ${id} is not in a tree of ${size}`)
    if (i > 0 && id <= ids[i - 1]!) throw new ProofError('PROOF_INVALID', `record ${id} comes after ${ids[i - 1]!}`)
  })
}

/** The position of the first of ids[from..to) that is not below `mid`. The ids ascend. */
function cutAt(ids: readonly number[], mid: number, from: number, to: number): number {
  let [low, high] = [from, to]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (ids[middle]! < mid) low = middle + 1
    else high = middle
  }
  return low
}

/** The ranges without any of these records, in the order of the walk. */
function emptyRanges(size: number, ids: readonly number[]): Ranges {
  requireRecords(size, ids)
  const ranges: Ranges = []
  const walk = (lo: number, hi: number, from: number, to: number): void => {
    if (from === to) {
      ranges.push([lo, hi])
    } else if (hi - lo > 1) {
      const mid = lo + splitPoint(hi - lo)
      const cut = cutAt(ids, mid, from, to)
      walk(lo, mid, from, cut)
      walk(mid, hi, cut, to)
    }
  }
  if (size > 0) walk(0, size, 0, ids.length)
  return ranges
}

/**
 * The proof that the records with these ascending numbers are in the tree of `size` records. Throws ProofError if there
 * is none.
 */
export function proveRecords(size: number, ids: readonly number[], read: HashReader): Hash[] {
  return readRanges(emptyRanges(size, ids), read)
}

/** The stored hashes that proveRecords reads. */
export function proveRecordsIndexes(size: number, ids: readonly number[]): number[] {
  return emptyRanges(size, ids).flatMap(([lo, hi]) => subtreeIndexes(lo, hi))
}

/**
 * Checks that these records, in ascending order, are in the tree with `size` records and this root. Every hash of the
 * proof must be needed. Throws ProofError when the proof does not show it.
 */
export function checkRecords(proof: readonly Hash[], size: number, root: Hash, records: readonly ProvenLeaf[]): void {
  const ids = records.map(({ index }) => index)
  requireRecords(size, ids)
  const wrong = [root, ...proof, ...records.map(({ leafHash }) => leafHash)].find(({ length }) => length !== HASH_SIZE)
  if (wrong !== undefined) throw new ProofError('PROOF_INVALID', `a hash is ${wrong.length} bytes, not ${HASH_SIZE}`)
  let taken = 0
  const walk = (lo: number, hi: number, from: number, to: number): Hash => {
    if (from === to) {
      const hash = proof[taken++]
      if (hash === undefined) throw new ProofError('PROOF_INVALID', `more than ${proof.length} hashes are needed`)
      return hash
    }
    if (hi - lo === 1) return records[from]!.leafHash
    const mid = lo + splitPoint(hi - lo)
    const cut = cutAt(ids, mid, from, to)
    return hashNode(walk(lo, mid, from, cut), walk(mid, hi, cut, to))
  }
  const computed = size === 0 ? EMPTY_ROOT : walk(0, size, 0, ids.length)
  if (taken !== proof.length) throw new ProofError('PROOF_INVALID', `${proof.length} hashes where ${taken} are needed`)
  if (!equalBytes(computed, root)) throw new ProofError('PROOF_INVALID', 'the records are not all in this tree')
}
