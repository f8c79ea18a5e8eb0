import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { hashLeaf, parseHash, type Hash } from '../../src/tlog/hash.js'
import { checkRecord, checkTree } from '../../src/tlog/merkle.js'
import { isCanonicalNote, formatNote, parseNote, parseVerifierKey, verifyNote } from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { hasShared, sharedPath } from '../helpers/shared.js'
import { flipBit, seeded } from '../helpers/tree.js'
import { readLines, vectorUrl } from '../helpers/vectors.js'

// Genuine data of sum.golang.org: a part is in test/vectors, all of it in the shared directory if that exists.

const KEY = parseVerifierKey('sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8')

interface Head {
  size: number
  note: string
}
interface Consistency {
  old: number
  new: number
  oldRoot: string
  newRoot: string
  proof: string[]
}
interface Inclusion {
  lookup: string
  id: number
  size: number
  root: string
  leaf: string
  proof: string[]
  record?: string
}

const lines = <T>(name: string): T[] => readLines(vectorUrl(name)) as T[]
const sharedLines = <T>(name: string): T[] => readLines(sharedPath(`sumdb/${name}`)) as T[]
const hashes = (proof: readonly string[]): Hash[] => proof.map((text) => parseHash(text)!)

// ---- heads -----------------------------------------------------------------------------------------------------

function expectGenuine(head: Head): void {
  const bytes = utf8(head.note)
  const note = parseNote(bytes)
  verifyNote(note, KEY)
  const checkpoint = parseCheckpoint(note.text)
  const canonical = isCanonicalNote(bytes, note) && formatCheckpoint(checkpoint) === note.text
  if (checkpoint.origin !== SUMDB_ORIGIN || checkpoint.size !== head.size || !canonical) expect.fail(head.note)
}

/**
 * A flipped bit must make the head invalid, with one exception: the signature line's last base64 digit has two unused
 * bits, which Go ignores. Then the bytes are the same head in a spelling that is not canonical.
 */
function expectRefused(bytes: Uint8Array, bit: number): 'refused' | 'other spelling' {
  const flipped = flipBit(bytes, bit)
  const code = codeOf(() => verifyNote(parseNote(flipped), KEY))
  if (code !== 'accepted') return 'refused'
  const note = parseNote(flipped)
  const harmless = !isCanonicalNote(flipped, note) && fromUtf8(formatNote(note)) === fromUtf8(bytes)
  if (!harmless) expect.fail(`bit ${bit} flipped and still a head: ${fromUtf8(flipped) ?? 'not UTF-8'}`)
  return 'other spelling'
}

function expectHeads(heads: Head[], exhaustiveEvery: number): void {
  const next = seeded(1)
  let others = 0
  let refused = 0
  heads.forEach((head, i) => {
    expectGenuine(head)
    const bytes = utf8(head.note)
    const bits =
      i % exhaustiveEvery === 0
        ? Array.from({ length: bytes.length * 8 }, (_, bit) => bit)
        : [next() % (bytes.length * 8)]
    for (const bit of bits) {
      if (expectRefused(bytes, bit) === 'refused') refused++
      else others++
    }
  })
  expect(refused).toBeGreaterThan(heads.length - 10)
  // At most three of the bits of one character lead to another spelling of the same digit.
  expect(others).toBeLessThan(3 * heads.length)
}

describe('heads', () => {
  const heads = lines<Head>('sumdb-heads.jsonl')

  it('100 verify, and not with one bit flipped: every bit of ten, and one of each', () => {
    expect(heads).toHaveLength(100)
    expectHeads(heads, 10)
  })

  it.skipIf(!hasShared)('all 5240 of the shared data verify, and not with one bit flipped', () => {
    const all = sharedLines<Head>('heads-all.jsonl')
    expect(all).toHaveLength(5240)
    expectHeads(all, 524)
  })
})

// ---- proofs ----------------------------------------------------------------------------------------------------

function split(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/**
 * The side on which each hash of an inclusion proof is taken. A proof and a root do not distinguish two sizes of one
 * shape (the signature on the head does), so a flipped size is refused unless the shape stays.
 */
function recordShape(size: number, index: number): string {
  if (index >= size) return 'impossible'
  if (size === 1) return ''
  const k = split(size)
  return index < k ? `${recordShape(k, index)}r` : `${recordShape(size - k, index - k)}l`
}

/** The same for a consistency proof; `o` is where the old tree ends. */
function treeShape(newSize: number, oldSize: number, whole = true): string {
  if (oldSize < 1 || oldSize > newSize) return 'impossible'
  if (oldSize === newSize) return whole ? 'w' : 'o'
  const k = split(newSize)
  return oldSize <= k ? `${treeShape(k, oldSize, whole)}r` : `${treeShape(newSize - k, oldSize - k, false)}l`
}

const flipNumber = (n: number, bit: number): number =>
  Math.floor(n / 2 ** bit) % 2 === 1 ? n - 2 ** bit : n + 2 ** bit

/** Calls `check` with one bit of the list of hashes changed, for the bits that `bits` returns; all must be refused. */
function expectHashesMatter(list: Hash[], bits: () => Iterable<number>, check: (list: Hash[]) => void): void {
  list.forEach((hash, i) => {
    for (const bit of bits()) {
      const changed = [...list]
      changed[i] = flipBit(hash, bit)
      if (codeOf(() => check(changed)) !== 'PROOF_INVALID')
        expect.fail(`hash ${i}, bit ${bit} flipped and still a proof`)
    }
  })
}

const EVERY_BIT = Array.from({ length: 256 }, (_, bit) => bit)

function expectConsistency(proofs: Consistency[], exhaustiveEvery: number, next: () => number): void {
  proofs.forEach((p, i) => {
    const list = [...hashes(p.proof), parseHash(p.oldRoot)!, parseHash(p.newRoot)!]
    const check = (changed: Hash[], newSize = p.new, oldSize = p.old): void => {
      checkTree(changed.slice(0, -2), newSize, changed.at(-1)!, oldSize, changed.at(-2)!)
    }
    check(list)
    expectHashesMatter(list, () => (i % exhaustiveEvery === 0 ? EVERY_BIT : [next() % 256]), check)
    expect(codeOf(() => check(list.slice(1)))).toBe('PROOF_INVALID')
    expect(codeOf(() => check([list[0]!, ...list]))).toBe('PROOF_INVALID')
    for (let bit = 0; bit < 54; bit++) {
      for (const [newSize, oldSize] of [
        [flipNumber(p.new, bit), p.old],
        [p.new, flipNumber(p.old, bit)],
      ] as const) {
        const same = treeShape(newSize, oldSize) === treeShape(p.new, p.old)
        if ((codeOf(() => check(list, newSize, oldSize)) === 'accepted') !== same)
          expect.fail(`${oldSize} -> ${newSize}`)
      }
    }
  })
}

function expectInclusion(proofs: Inclusion[], exhaustiveEvery: number, next: () => number): void {
  proofs.forEach((p, i) => {
    const leaf = hashLeaf(utf8(p.record!))
    expect(leaf).toEqual(parseHash(p.leaf))
    const list = [...hashes(p.proof), leaf, parseHash(p.root)!]
    const check = (changed: Hash[], size = p.size, index = p.id): void => {
      checkRecord(changed.slice(0, -2), size, changed.at(-1)!, index, changed.at(-2)!)
    }
    check(list)
    expectHashesMatter(list, () => (i % exhaustiveEvery === 0 ? EVERY_BIT : [next() % 256]), check)
    expect(codeOf(() => check(list.slice(1)))).toBe('PROOF_INVALID')
    const record = utf8(p.record!)
    const other = hashLeaf(flipBit(record, next() % (record.length * 8)))
    expect(codeOf(() => check([...list.slice(0, -2), other, list.at(-1)!]))).toBe('PROOF_INVALID')
    for (let bit = 0; bit < 54; bit++) {
      if (codeOf(() => check(list, p.size, flipNumber(p.id, bit))) === 'accepted')
        expect.fail(`bit ${bit} of the index`)
      const size = flipNumber(p.size, bit)
      const same = recordShape(size, p.id) === recordShape(p.size, p.id)
      if ((codeOf(() => check(list, size)) === 'accepted') !== same) expect.fail(`size ${size}`)
    }
  })
}

/** The record of a lookup answer: the text between the line of the id and the first empty line. */
function recordOf(proof: Inclusion): Inclusion {
  const answer = readFileSync(sharedPath(`sumdb/lookups/${proof.lookup}`), 'utf8')
  return { ...proof, record: answer.slice(answer.indexOf('\n') + 1, answer.indexOf('\n\n') + 1) }
}

describe('consistency proofs', () => {
  it('60 hold, and not with any one bit flipped', () => {
    const proofs = lines<Consistency>('sumdb-consistency.jsonl')
    expect(proofs).toHaveLength(60)
    expectConsistency(proofs, 10, seeded(2))
  })

  it.skipIf(!hasShared)('all 931 of the shared data hold', () => {
    const all = sharedLines<Consistency>('consistency.jsonl')
    expect(all).toHaveLength(931)
    expectConsistency(all, 465, seeded(3))
  })
})

describe('inclusion proofs', () => {
  it('20 hold for their records, and not with any one bit flipped', () => {
    const proofs = lines<Inclusion>('sumdb-inclusion.jsonl')
    expect(proofs).toHaveLength(20)
    expectInclusion(proofs, 10, seeded(4))
  })

  it.skipIf(!hasShared)('all 400 of the shared data hold for the records that were served', () => {
    const all = sharedLines<Inclusion>('inclusion.jsonl')
    expect(all).toHaveLength(400)
    expectInclusion(all.map(recordOf), 200, seeded(5))
  })
})
