import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import type { Hash } from '../../src/tlog/hash.js'
import {
  checkRecord,
  checkTree,
  proveRecord,
  proveTree,
  splitStoredHashIndex,
  storedHashCount,
  storedHashIndex,
  treeRoot,
} from '../../src/tlog/merkle.js'
import { openTiles, parseTilePath, planTiles, tileForIndex, tilePath, type Tile } from '../../src/tlog/tile.js'
import { codeOf } from '../helpers/codes.js'
import { flipBit, MemoryLog, naiveRecordProof, naiveRoot, naiveTreeProof, seeded } from '../helpers/tree.js'

/** Runs are bounded and reproducible. */
const RUNS = { numRuns: 1000, seed: 46786 }

const same = (a: readonly Hash[], b: readonly Hash[]): boolean => Buffer.concat(a).equals(Buffer.concat(b))

describe('proofs match the definitions of RFC 6962 at every size up to 130', () => {
  const log = new MemoryLog()
  for (let i = 0; i < 130; i++) log.append(Uint8Array.of(i))
  const roots = Array.from({ length: 131 }, (_, size) => naiveRoot(log.leaves.slice(0, size)))

  it('roots', () => {
    for (let size = 0; size <= 130; size++) expect(treeRoot(size, log.read)).toEqual(roots[size])
  })

  it('record proofs', () => {
    const next = seeded(6)
    for (let size = 1; size <= 130; size++) {
      const leaves = log.leaves.slice(0, size)
      for (let index = 0; index < size; index++) {
        const proof = proveRecord(size, index, log.read)
        if (!same(proof, naiveRecordProof(leaves, index))) expect.fail(`size ${size}, record ${index}`)
        checkRecord(proof, size, roots[size]!, index, log.leaves[index]!)
        expectRefused(proof, next, (changed) => checkRecord(changed, size, roots[size]!, index, log.leaves[index]!))
        const other = (index + 1) % size
        if (
          other !== index &&
          codeOf(() => checkRecord(proof, size, roots[size]!, other, log.leaves[index]!)) === 'accepted'
        ) {
          expect.fail(`record ${index} of ${size} passes as ${other}`)
        }
      }
    }
  })

  it('tree proofs', () => {
    const next = seeded(7)
    for (let size = 1; size <= 130; size++) {
      const leaves = log.leaves.slice(0, size)
      for (let old = 1; old <= size; old++) {
        const proof = proveTree(size, old, log.read)
        if (!same(proof, naiveTreeProof(leaves, old))) expect.fail(`size ${size}, old size ${old}`)
        checkTree(proof, size, roots[size]!, old, roots[old]!)
        expectRefused(proof, next, (changed) => checkTree(changed, size, roots[size]!, old, roots[old]!))
        for (const [newRoot, oldRoot] of [
          [roots[size]!, roots[old - 1]!],
          [roots[size - 1]!, roots[old]!],
        ] as const) {
          if (codeOf(() => checkTree(proof, size, newRoot, old, oldRoot)) === 'accepted')
            expect.fail(`${old} -> ${size}`)
        }
      }
    }
  })

  /** Shorter, longer and reordered proofs, and one flipped bit, are refused. */
  function expectRefused(proof: Hash[], next: () => number, check: (proof: Hash[]) => void): void {
    const spoiled = [[...proof, log.leaves[0]!]]
    if (proof.length > 0) {
      const i = next() % proof.length
      spoiled.push(proof.slice(1), proof.slice(0, -1))
      spoiled.push(proof.map((hash, at) => (at === i ? flipBit(hash, next() % 256) : hash)))
      spoiled.push(proof.map((hash, at) => (at === i ? hash.subarray(0, 31) : hash)))
    }
    if (proof.length > 1) spoiled.push(proof.toReversed())
    for (const changed of spoiled) {
      if (codeOf(() => check(changed)) !== 'PROOF_INVALID') expect.fail('a spoiled proof passes')
    }
  }
})

describe('stored hash indices', () => {
  it('round trip up to 2^50', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (index) => {
        const { level, n } = splitStoredHashIndex(index)
        expect(storedHashIndex(level, n)).toBe(index)
      }),
      RUNS,
    )
    fc.assert(
      fc.property(fc.nat(49), fc.nat(), (level, seed) => {
        const n = seed % 2 ** (50 - level)
        const index = storedHashIndex(level, n)
        expect(splitStoredHashIndex(index)).toEqual({ level, n })
        // The last leaf below it is the one with which its tree gains it.
        const leaves = (n + 1) * 2 ** level
        expect(index).toBeLessThan(storedHashCount(leaves))
        expect(index).toBeGreaterThanOrEqual(storedHashCount(leaves - 1))
      }),
      RUNS,
    )
  })

  it('round trip around every power of two', () => {
    for (let bit = 0; bit <= 50; bit++) {
      for (const index of [2 ** bit - 2, 2 ** bit - 1, 2 ** bit, 2 ** bit + 1]) {
        if (index < 0) continue
        const { level, n } = splitStoredHashIndex(index)
        expect(storedHashIndex(level, n)).toBe(index)
      }
    }
  })
})

const tile: fc.Arbitrary<Tile> = fc
  .record({
    height: fc.integer({ min: 1, max: 30 }),
    level: fc.integer({ min: -1, max: 63 }),
    index: fc.oneof(fc.nat(2000), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
    width: fc.nat(),
  })
  .map((t) => ({ ...t, width: 1 + (t.width % 2 ** t.height) }))

describe('tile paths', () => {
  it('round trip', () => {
    fc.assert(
      fc.property(tile, (t) => {
        expect(parseTilePath(tilePath(t))).toEqual(t)
      }),
      RUNS,
    )
  })

  it('are accepted only in the form that is written', () => {
    const near = fc
      .tuple(tile, fc.nat(), fc.constantFrom('', '0', '1', 'x', '/', '.p/', '-', '+', ' ', '000', 'x000/'))
      .map(([t, at, piece]) => {
        const path = tilePath(t)
        const cut = at % (path.length + 1)
        return path.slice(0, cut) + piece + path.slice(cut + (at % 2))
      })
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (path) => {
        let parsed: Tile
        try {
          parsed = parseTilePath(path)
        } catch {
          return
        }
        expect(tilePath(parsed)).toBe(path)
      }),
      { ...RUNS, numRuns: 5000 },
    )
  })

  it('lead to the tile of a stored hash at every height', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 0, max: 2 ** 50 }), (height, index) => {
        const { level, n } = splitStoredHashIndex(index)
        const t = tileForIndex(height, index)
        // In exact integers: the leaves below the hash are the last ones below the tile's entries.
        const below = BigInt(2) ** BigInt(height * t.level)
        expect(t.level).toBe(Math.floor(level / height))
        expect((BigInt(t.index) * 2n ** BigInt(height) + BigInt(t.width)) * below).toBe(
          BigInt(n + 1) * 2n ** BigInt(level),
        )
        expect(t.width).toBeLessThanOrEqual(2 ** height)
      }),
      RUNS,
    )
  })
})

describe('reading through tiles', () => {
  it('gives the proofs of any size at any height, from authenticated tiles', () => {
    const log = new MemoryLog()
    for (let i = 0; i < 600; i++) log.append(utf8(`record ${i}`))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600 }), fc.nat(), fc.integer({ min: 1, max: 9 }), (size, pick, height) => {
        const old = 1 + (pick % size)
        const wanted: number[] = []
        const proof = proveTree(size, old, (indexes) => {
          wanted.push(...indexes)
          return log.read(indexes)
        })
        const plan = planTiles(size, wanted, height)
        expect(new Set(plan.tiles.map(tilePath)).size).toBe(plan.tiles.length)
        const read = openTiles(
          plan,
          plan.tiles.map((t) => log.tile(t)),
          treeRoot(size, log.read),
        )
        expect(same(proveTree(size, old, read), proof)).toBe(true)
      }),
      { ...RUNS, numRuns: 150 },
    )
  })
})
