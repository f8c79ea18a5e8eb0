/**
 * A log in memory, and Merkle trees as RFC 6962 defines them: slow, recursive, and written independently of src/tlog.
 */
import { createHash } from 'node:crypto'
import { hashLeaf } from '../../src/tlog/hash.js'
import { storedHashesForRecord, type HashReader } from '../../src/tlog/merkle.js'
import { HASH_SIZE, type Hash } from '../../src/tlog/hash.js'
import type { Tile } from '../../src/tlog/tile.js'

/** All stored hashes of a log, grown record by record. */
export class MemoryLog {
  readonly stored: Hash[] = []
  readonly leaves: Hash[] = []

  readonly read: HashReader = (indexes) =>
    indexes.map((index) => {
      const hash = this.stored[index]
      if (hash === undefined) throw new Error(`stored hash ${index} is not there`)
      return hash
    })

  append(record: Uint8Array): void {
    const leaf = hashLeaf(record)
    this.stored.push(...storedHashesForRecord(this.leaves.length, leaf, this.read))
    this.leaves.push(leaf)
  }

  /** The bytes of a tile: computed from the leaves, without stored hash indices. */
  tile(tile: Tile): Uint8Array {
    const out = new Uint8Array(tile.width * HASH_SIZE)
    const span = 2 ** (tile.height * tile.level)
    for (let i = 0; i < tile.width; i++) {
      const from = (tile.index * 2 ** tile.height + i) * span
      out.set(naiveRoot(this.leaves.slice(from, from + span)), i * HASH_SIZE)
    }
    return out
  }
}

/** The nodes that were computed, by their left and their right half: the trees of a test share most of theirs. */
const nodes = new WeakMap<Hash, WeakMap<Hash, Hash>>()

function node(left: Hash, right: Hash): Hash {
  const known = nodes.get(left) ?? new WeakMap<Hash, Hash>()
  const hash =
    known.get(right) ??
    new Uint8Array(createHash('sha256').update(Uint8Array.of(1)).update(left).update(right).digest())
  nodes.set(left, known.set(right, hash))
  return hash
}

/** The largest power of two strictly below n. */
function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** MTH of RFC 6962, section 2.1. */
export function naiveRoot(leaves: readonly Hash[]): Hash {
  if (leaves.length === 0) return new Uint8Array(createHash('sha256').digest())
  if (leaves.length === 1) return leaves[0]!
  const k = split(leaves.length)
  return node(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

/** PATH of RFC 6962, section 2.1.1. */
export function naiveRecordProof(leaves: readonly Hash[], index: number): Hash[] {
  if (leaves.length === 1) return []
  const k = split(leaves.length)
  return index < k
    ? [...naiveRecordProof(leaves.slice(0, k), index), naiveRoot(leaves.slice(k))]
    : [...naiveRecordProof(leaves.slice(k), index - k), naiveRoot(leaves.slice(0, k))]
}

/** PROOF of RFC 6962, section 2.1.2. */
export function naiveTreeProof(leaves: readonly Hash[], oldSize: number): Hash[] {
  const subproof = (part: readonly Hash[], m: number, whole: boolean): Hash[] => {
    if (m === part.length) return whole ? [] : [naiveRoot(part)]
    const k = split(part.length)
    return m <= k
      ? [...subproof(part.slice(0, k), m, whole), naiveRoot(part.slice(k))]
      : [...subproof(part.slice(k), m - k, false), naiveRoot(part.slice(0, k))]
  }
  return subproof(leaves, oldSize, true)
}

/** The same bytes with one bit flipped: bit 0 is the lowest of the first byte. */
export function flipBit(bytes: Uint8Array, bit: number): Uint8Array {
  const out = bytes.slice()
  out[Math.floor(bit / 8)]! ^= 1 << (bit % 8)
  return out
}

/** A reproducible source of numbers below 2^32 (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
}
