import { describe, expect, it, test } from 'vitest'
import { ProofError } from '../../src/errors.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { EMPTY_ROOT, formatHash, type Hash } from '../../src/tlog/hash.js'
import { checkRecord, proveRecord, proveRecordIndexes, treeRoot, type HashReader } from '../../src/tlog/merkle.js'
import { checkRecords, proveRecords, proveRecordsIndexes, type ProvenLeaf } from '../../src/tlog/multi-proof.js'
import { codeOf } from '../helpers/codes.js'
import { expectEqual } from '../helpers/expect-equal.js'
import { flipBit, MemoryLog, naiveRoot, seeded } from '../helpers/tree.js'

const MOST = 10
const log = new MemoryLog()
for (let i = 0; i < 1000; i++) log.append(utf8(`record ${i}\n`))

const rootOf = (size: number): Hash => treeRoot(size, log.read)
const leavesOf = (ids: readonly number[]): ProvenLeaf[] => ids.map((index) => ({ index, leafHash: log.leaves[index]! }))

/** A reader that has only these stored hashes. */
function only(indexes: readonly number[]): HashReader {
  return (wanted) => {
    for (const index of wanted) expect(indexes).toContain(index)
    return log.read(wanted)
  }
}

/** Every set of records of a tree of this size, the empty one included. */
function subsets(size: number): number[][] {
  return Array.from({ length: 2 ** size }, (_, bits) =>
    Array.from({ length: size }, (_, i) => i).filter((i) => Math.floor(bits / 2 ** i) % 2 === 1),
  )
}

/** Some records of a tree, ascending. */
function someOf(size: number, count: number, random: () => number): number[] {
  return [...new Set(Array.from({ length: count }, () => random() % size))].sort((a, b) => a - b)
}

const verdictOn = (...proof: Parameters<typeof checkRecords>): string => codeOf(() => checkRecords(...proof))

describe('a proof for any set of records', () => {
  const sizes = Array.from({ length: MOST + 1 }, (_, size) => size)

  it.each(sizes)('in a tree of size %i holds, and needs each of its hashes', (size) => {
    for (const ids of subsets(size)) {
      const proof = proveRecords(size, ids, log.read)
      expectEqual(verdictOn(proof, size, rootOf(size), leavesOf(ids)), 'accepted')
      expectEqual(proveRecords(size, ids, only(proveRecordsIndexes(size, ids))), proof)

      // Every hash in it is needed: with any of them changed or missing, or one too many, it proves nothing.
      proof.forEach((hash, i) => {
        const changed = proof.map((other, j) => (i === j ? flipBit(hash, 17) : other))
        expectEqual(verdictOn(changed, size, rootOf(size), leavesOf(ids)), 'PROOF_INVALID')
        const missing = proof.filter((_, j) => i !== j)
        expectEqual(verdictOn(missing, size, rootOf(size), leavesOf(ids)), 'PROOF_INVALID')
      })
      const more = [...proof, log.leaves[0]!]
      expectEqual(verdictOn(more, size, rootOf(size), leavesOf(ids)), 'PROOF_INVALID')
      for (const id of ids) {
        const others = leavesOf(ids).map((leaf) =>
          leaf.index === id ? { index: id, leafHash: flipBit(leaf.leafHash, 3) } : leaf,
        )
        expectEqual(verdictOn(proof, size, rootOf(size), others), 'PROOF_INVALID')
        const fewer = leavesOf(ids.filter((other) => other !== id))
        expectEqual(verdictOn(proof, size, rootOf(size), fewer), 'PROOF_INVALID')
      }
    }
  })

  it('is refused under the root of another size', () => {
    for (const size of [3, 7, 8, 9]) {
      for (const other of sizes.filter((n) => n !== size && n > 2)) {
        const ids = [0, 2]
        const proof = proveRecords(size, ids, log.read)
        expectEqual(verdictOn(proof, size, rootOf(other), leavesOf(ids)), 'PROOF_INVALID')
      }
    }
  })
})

test('a proof of one record has the hashes of checkRecord, in another order', () => {
  for (let size = 1; size <= 70; size++) {
    for (let index = 0; index < size; index++) {
      const one = proveRecord(size, index, log.read)
      const many = proveRecords(size, [index], log.read)
      expectEqual(many.map(formatHash).sort(), one.map(formatHash).sort())
      const ascending = (indexes: readonly number[]): number[] => [...indexes].sort((a, b) => a - b)
      expectEqual(ascending(proveRecordsIndexes(size, [index])), ascending(proveRecordIndexes(size, index)))
      checkRecord(one, size, rootOf(size), index, log.leaves[index]!)
      checkRecords(many, size, rootOf(size), leavesOf([index]))
    }
  }
})

test('a proof of random records in a larger tree needs no other hashes than their own proofs', () => {
  const random = seeded(1)
  for (let round = 0; round < 100; round++) {
    const size = 1 + (random() % 1000)
    const ids = someOf(size, 1 + (random() % 40), random)
    const proof = proveRecords(size, ids, log.read)
    checkRecords(proof, size, rootOf(size), leavesOf(ids))
    const each = new Set(ids.flatMap((id) => proveRecord(size, id, log.read)).map(formatHash))
    for (const hash of proof) expectEqual(each.has(formatHash(hash)), true, formatHash(hash))
    // Records at the positions of others.
    const moved = leavesOf(ids).map(({ index }, i) => ({ index, leafHash: log.leaves[ids[(i + 1) % ids.length]!]! }))
    if (ids.length > 1) {
      expectEqual(verdictOn(proof, size, rootOf(size), moved), 'PROOF_INVALID')
    }
  }
})

test('a proof of no record is the root itself, or empty in the empty tree', () => {
  expect(proveRecords(0, [], log.read)).toEqual([])
  checkRecords([], 0, EMPTY_ROOT, [])
  expect(codeOf(() => checkRecords([], 0, rootOf(1), []))).toBe('PROOF_INVALID')
  expect(proveRecords(9, [], log.read)).toEqual([naiveRoot(log.leaves.slice(0, 9))])
})

test.each([
  ['a record beyond the tree', 5, [5], 'PROOF_INVALID'],
  ['a record twice', 5, [2, 2], 'PROOF_INVALID'],
  ['records out of order', 5, [3, 2], 'PROOF_INVALID'],
  ['a negative number', 5, [-1], 'PROOF_TOO_LARGE'],
  ['a fraction of a record', 5, [0.5], 'PROOF_TOO_LARGE'],
  ['a number beyond 2^53', 2 ** 53 - 1, [2 ** 53], 'PROOF_TOO_LARGE'],
  ['a size beyond 2^53', 2 ** 53, [0], 'PROOF_TOO_LARGE'],
  ['a record of the empty tree', 0, [0], 'PROOF_INVALID'],
])('%s is refused, when proving and when checking', (_what, size, ids, code) => {
  const leaves = ids.map((index) => ({ index, leafHash: EMPTY_ROOT }))
  expect(codeOf(() => proveRecords(size, ids, log.read))).toBe(code)
  expect(codeOf(() => proveRecordsIndexes(size, ids))).toBe(code)
  expect(codeOf(() => checkRecords([], size, EMPTY_ROOT, leaves))).toBe(code)
  expect(() => checkRecords([], size, EMPTY_ROOT, leaves)).toThrow(ProofError)
})

test('hashes that are not 32 bytes are refused, even if one is the root itself', () => {
  const short = rootOf(9).subarray(0, 31)
  expect(codeOf(() => checkRecords([short], 9, short, []))).toBe('PROOF_INVALID')
  expect(codeOf(() => checkRecords([], 1, short, [{ index: 0, leafHash: short }]))).toBe('PROOF_INVALID')
})

test('a proof for a huge tree costs its depth, not its size', () => {
  // Forty levels down to each of three leaves, of which two and then two more share the first step.
  expect(proveRecordsIndexes(2 ** 40, [0, 2 ** 39, 2 ** 40 - 1])).toHaveLength(39 + 38 + 38)
})
