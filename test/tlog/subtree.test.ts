/**
 * Subtrees and their proofs: all of them up to a size, compared with the definition, and vectors of other
 * implementations.
 */
import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { fromBase64, toHex } from '../../src/tlog/bytes.js'
import { EMPTY_ROOT, type Hash } from '../../src/tlog/hash.js'
import { proveRecord, proveTree } from '../../src/tlog/merkle.js'
import { checkSubtree, isSubtree, proveSubtree, subtreeHash } from '../../src/tlog/subtree.js'
import { codeOf } from '../helpers/codes.js'
import { expectEqual } from '../helpers/expect-equal.js'
import { flipBit, MemoryLog, naiveRoot } from '../helpers/tree.js'
import { readVectors } from '../helpers/vectors.js'

const MAX_SIZE = 64
const log = new MemoryLog()
// The records of the vectors: record i is the byte i.
for (let i = 0; i < 130; i++) log.append(Uint8Array.of(i))

const roots = Array.from({ length: MAX_SIZE + 1 }, (_, size) => naiveRoot(log.leaves.slice(0, size)))

/** The definition: the smallest power of two that is not below the length divides the start. */
function isNaively(start: number, end: number): boolean {
  let power = 1
  while (power < end - start) power *= 2
  return start === end || (start < end && start % power === 0)
}

/** Every subtree of every tree up to a size, in the order of the vectors. */
function* subtrees(most: number): Generator<[size: number, start: number, end: number]> {
  for (let size = 0; size <= most; size++)
    for (let end = 0; end <= size; end++)
      for (let start = 0; start <= end; start++) if (isNaively(start, end)) yield [size, start, end]
}

/** SUBTREE_PROOF of draft-ietf-plants-merkle-tree-certs, literally, on slices of the leaves. */
function naiveProof(start: number, end: number, leaves: readonly Hash[], whole = true): Hash[] {
  if (start === 0 && end === leaves.length) return whole ? [] : [naiveRoot(leaves)]
  let k = 1
  while (k * 2 < leaves.length) k *= 2
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  if (end <= k) return [...naiveProof(start, end, left, whole), naiveRoot(right)]
  if (start >= k) return [...naiveProof(start - k, end - k, right, whole), naiveRoot(left)]
  expect(start).toBe(0)
  return [...naiveProof(0, end - k, right, false), naiveRoot(left)]
}

const verdictOn = (...proof: Parameters<typeof checkSubtree>): string => codeOf(() => checkSubtree(...proof))

describe('subtrees', () => {
  it('are the ranges of the definition, for all up to 130', () => {
    for (let end = 0; end <= 130; end++)
      for (let start = 0; start <= 130; start++)
        expectEqual([start, end, isSubtree(start, end)], [start, end, isNaively(start, end)])
  })

  const { cases } = (readVectors('tlog-math.json') as { valid_subtree: { cases: Range[] } }).valid_subtree
  interface Range {
    readonly start: string
    readonly end: string
    readonly valid: boolean
  }
  it.each(cases)('are those of torchwood: [$start, $end) $valid', ({ start, end, valid }) => {
    // Our trees never have 2^62 records.
    const isPossible = Number.isSafeInteger(Number(end))
    expect(isSubtree(Number(start), Number(end))).toBe(valid && isPossible)
  })

  it('are no ranges with fractions, or beyond any tree', () => {
    for (const [start, end] of [
      [0.5, 1],
      [0, 1.5],
      [NaN, 1],
      [0, NaN],
      [0, Infinity],
      [-4, 0],
      [0, 2 ** 53],
    ] as const)
      expect(isSubtree(start, end)).toBe(false)
    expect(isSubtree(0, 2 ** 53 - 1)).toBe(true)
    expect(isSubtree(2 ** 52, 2 ** 53 - 1)).toBe(true)
    expect(isSubtree(2 ** 51, 2 ** 53 - 1)).toBe(false)
  })
})

describe('subtree proofs', () => {
  it('of every subtree of every tree up to 64 are made as defined, and hold', () => {
    let count = 0
    for (const [size, start, end] of subtrees(MAX_SIZE)) {
      const proof = proveSubtree(size, start, end, log.read)
      if (start < end) expectEqual(proof, naiveProof(start, end, log.leaves.slice(0, size)))
      const hash = subtreeHash(start, end, log.read)
      expectEqual(hash, naiveRoot(log.leaves.slice(start, end)))
      checkSubtree(proof, size, roots[size]!, { start, end, hash })
      count++
    }
    expect(count).toBe(9457)
  })

  it('are consistency proofs from record 0 on, and inclusion proofs of one record', () => {
    for (let size = 1; size <= MAX_SIZE; size++)
      for (let n = 0; n < size; n++) {
        expectEqual(proveSubtree(size, n, n + 1, log.read), proveRecord(size, n, log.read))
        expectEqual(proveSubtree(size, 0, n + 1, log.read), proveTree(size, n + 1, log.read))
      }
  })

  it('are refused with any hash changed, lost, added or moved, or for anything else', () => {
    for (const [size, start, end] of subtrees(24)) {
      if (start === end) continue
      const proof = proveSubtree(size, start, end, log.read)
      const hash = subtreeHash(start, end, log.read)
      const root = roots[size]!
      const refused = (what: string, ...args: Parameters<typeof checkSubtree>): void => {
        const where = `${what} of [${start}, ${end}) in ${size}`
        expectEqual(verdictOn(...args), 'PROOF_INVALID', where)
      }
      const subtree = { start, end, hash }
      const bit = (size * 7 + start * 3 + end) % 256
      refused('its hash', proof, size, root, { start, end, hash: flipBit(hash, bit) })
      refused('the root', proof, size, flipBit(root, bit), subtree)
      refused('one more', [...proof, hash], size, root, subtree)
      refused('one before', [hash, ...proof], size, root, subtree)
      for (let i = 0; i < proof.length; i++) {
        refused('a bit', proof.with(i, flipBit(proof[i]!, bit)), size, root, subtree)
        refused('a hash too few', proof.toSpliced(i, 1), size, root, subtree)
        refused('a short hash', proof.with(i, proof[i]!.slice(1)), size, root, subtree)
        if (i > 0) refused('an order', proof.with(i, proof[i - 1]!).with(i - 1, proof[i]!), size, root, subtree)
      }
      for (const other of [start - 1, start + 1])
        if (other >= 0 && other !== end) refused('the start', proof, size, root, { start: other, end, hash })
      for (const other of [end - 1, end + 1])
        if (other !== start) refused('the end', proof, size, root, { start, end: other, hash })
      // The next subtree of its length is elsewhere.
      refused('the place', proof, size, root, { start: end, end: 2 * end - start, hash })
      refused('a size below', proof, end - 1, root, subtree)
    }
  })

  it('are refused under another tree', () => {
    for (const [size, start, end] of subtrees(24)) {
      if (start === end) continue
      const proof = proveSubtree(size, start, end, log.read)
      const subtree = { start, end, hash: subtreeHash(start, end, log.read) }
      for (const other of [size - 1, size + 1, size + 8]) {
        expectEqual(verdictOn(proof, other, roots[other] ?? EMPTY_ROOT, subtree), 'PROOF_INVALID')
      }
    }
  })

  it('of an empty range are empty, in any tree that is large enough', () => {
    const none = { start: 5, end: 5, hash: EMPTY_ROOT }
    checkSubtree([], 9, roots[9]!, none)
    checkSubtree([], 5, roots[9]!, none)
    expect(codeOf(() => checkSubtree([], 4, roots[4]!, none))).toBe('PROOF_INVALID')
    expect(codeOf(() => checkSubtree([EMPTY_ROOT], 9, roots[9]!, none))).toBe('PROOF_INVALID')
    expect(codeOf(() => checkSubtree([], 9, roots[9]!, { ...none, hash: roots[9]! }))).toBe('PROOF_INVALID')
  })

  it('of impossible ranges or sizes are refused before anything is computed', () => {
    const subtree = { start: 0, end: 1, hash: EMPTY_ROOT }
    expect(codeOf(() => checkSubtree([], 2 ** 53, EMPTY_ROOT, subtree))).toBe('PROOF_TOO_LARGE')
    expect(codeOf(() => checkSubtree([], 4, EMPTY_ROOT, { ...subtree, end: Infinity }))).toBe('PROOF_TOO_LARGE')
    expect(codeOf(() => checkSubtree([], 4, EMPTY_ROOT, { ...subtree, start: -1 }))).toBe('PROOF_TOO_LARGE')
    expect(codeOf(() => proveSubtree(9, 2, 6, log.read))).toBe('PROOF_INVALID')
    expect(codeOf(() => subtreeHash(2, 6, log.read))).toBe('PROOF_INVALID')
    // The deepest possible plan: a record of the largest tree.
    expect(codeOf(() => checkSubtree([], 2 ** 53 - 1, EMPTY_ROOT, { ...subtree, start: 1, end: 2 }))).toBe(
      'PROOF_INVALID',
    )
  })
})

describe('subtree proofs of other implementations', () => {
  it('agree with torchwood for all subtrees of 130 records, with every hash', () => {
    const { sha256 } = (readVectors('tlog-math.json') as { accumulated: { sha256: Record<string, string> } })
      .accumulated
    const [proofs, hashes] = [createHash('sha256'), createHash('sha256')]
    for (const [size, start, end] of subtrees(130)) {
      const proof = proveSubtree(size, start, end, log.read)
      proofs.update(`[${start}, ${end}) ${size}${proof.map((hash) => ` ${toHex(hash)}`).join('')}\n`)
      // Each range once: in the tree that ends with it.
      if (size === end) hashes.update(`[${start}, ${end}) ${toHex(subtreeHash(start, end, log.read))}\n`)
    }
    expect(proofs.digest('hex')).toBe(sha256['subtree_proofs'])
    expect(hashes.digest('hex')).toBe(sha256['subtree_hashes'])
  })

  const { cases } = readVectors('merkle-subtreeconsistency.json') as { cases: Case[] }
  interface Case {
    readonly file: string
    readonly valid: boolean
    readonly note?: string
    readonly start: string
    readonly end: string
    readonly size: string
    readonly root1: string
    readonly root2: string
    readonly proof: string[] | null
  }
  it.each(cases)(
    'agree with transparency-dev/merkle: $file',
    ({ valid, note, start, end, size, root1, root2, proof }) => {
      const hashes = (proof ?? []).map((text) => fromBase64(text)!)
      const subtree = { start: Number(start), end: Number(end), hash: fromBase64(root1)! }
      const code = codeOf(() => checkSubtree(hashes, Number(size), fromBase64(root2)!, subtree))
      // Placeholder hashes are refused whatever they claim.
      if (valid && note === undefined) expect(code).toBe('accepted')
      else expect(['PROOF_INVALID', 'PROOF_TOO_LARGE']).toContain(code)
    },
  )

  it('have cases of both verdicts', () => {
    const valid = cases.filter((c) => c.valid && c.note === undefined)
    expect([valid.length, cases.length]).toEqual([9, 118])
  })
})
