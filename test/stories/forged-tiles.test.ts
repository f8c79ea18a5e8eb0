/**
 * A proxy forges a record that the log never had (CVE-2026-56865). This was possible because a tile reader started
 * checking tiles against their parents too late: several hashes of the right edge share a tile, and it counted the
 * hashes.
 */
import { describe, expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { HASH_SIZE, hashLeaf, type Hash } from '../../src/tlog/hash.js'
import {
  splitStoredHashIndex,
  storedHashCount,
  storedHashesForRecord,
  storedHashIndex,
  treeRoot,
} from '../../src/tlog/merkle.js'
import { newTiles, openTiles, planTiles, type Tile } from '../../src/tlog/tile.js'

const HEIGHT = 2
const LARGEST = 300

/** All stored hashes of a tree of LARGEST records; the first of them are those of every smaller tree. */
const stored: Hash[] = []
const readStored = (indexes: readonly number[]): Hash[] => indexes.map((index) => stored[index]!)
for (let n = 0; n < LARGEST; n++) stored.push(...storedHashesForRecord(n, hashLeaf(utf8(`record ${n}\n`)), readStored))

/** The hashes of every full tile; partial tiles are prefixes of these. */
const tiles = new Map<string, Uint8Array>()
for (const tile of newTiles(HEIGHT, 0, LARGEST)) {
  const indexes = Array.from({ length: tile.width }, (_, i) => entryIndex(tile, i))
  tiles.set(`${tile.level}/${tile.index}`, concatBytes(...readStored(indexes)))
}

/** The stored hash that is entry `i` of a tile. */
function entryIndex(tile: Tile, i: number): number {
  return storedHashIndex(tile.level * HEIGHT, tile.index * 2 ** HEIGHT + i)
}

/** A tile as sent by a server that has forged one stored hash. */
function serve(tile: Tile, forged: number): Uint8Array {
  const data = tiles.get(`${tile.level}/${tile.index}`)!.slice(0, tile.width * HASH_SIZE)
  for (let i = 0; i < tile.width; i++) {
    if (entryIndex(tile, i) === forged) data.fill(0, i * HASH_SIZE, (i + 1) * HASH_SIZE)
  }
  return data
}

/** Reads one stored hash of a tree through its tiles; undefined if the tiles were refused. */
function read(size: number, root: Hash, index: number, forged: number): Hash | undefined {
  const plan = planTiles(size, [index], HEIGHT)
  try {
    return openTiles(
      plan,
      plan.tiles.map((tile) => serve(tile, forged)),
      root,
    )([index])[0]
  } catch (error) {
    if (error instanceof GossumError && error.code === 'TILE_INVALID') return undefined
    throw error
  }
}

/** Whether the stored hash itself is in a tile: the levels between are computed. */
function isServed(index: number): boolean {
  return splitStoredHashIndex(index).level % HEIGHT === 0
}

describe('a forged hash', () => {
  test.each([1, 50, 100, 150, 200, 250, 300])('is never accepted, in any tree of up to %d records', (largest) => {
    for (let size = Math.max(largest - 49, 1); size <= largest; size++) {
      const root = treeRoot(size, readStored)
      for (let index = 0; index < storedHashCount(size); index++) {
        if (!isServed(index) || read(size, root, index, index) === undefined) continue
        expect.fail(`hash ${index} was forged in a tree of ${size} records, and believed`)
      }
    }
  })

  test('makes the difference: honest tiles are accepted', () => {
    for (let size = 1; size <= LARGEST; size += 13) {
      const root = treeRoot(size, readStored)
      for (let index = 0; index < storedHashCount(size); index++) {
        expect(read(size, root, index, -1)).toEqual(stored[index])
      }
    }
  })

  test('spoils every read that needs its tile, and no other', () => {
    for (let size = 1; size <= 24; size++) {
      const root = treeRoot(size, readStored)
      for (let forged = 0; forged < storedHashCount(size); forged++) {
        if (!isServed(forged)) continue
        const { level, n } = splitStoredHashIndex(forged)
        for (let index = 0; index < storedHashCount(size); index++) {
          const needed = planTiles(size, [index], HEIGHT).tiles.some(
            (tile) =>
              tile.level === level / HEIGHT &&
              tile.index === Math.floor(n / 2 ** HEIGHT) &&
              n % 2 ** HEIGHT < tile.width,
          )
          expect(read(size, root, index, forged)).toEqual(needed ? undefined : stored[index])
        }
      }
    }
  })
})

test('the trees include some whose edge hashes share an edge tile', () => {
  // In a tree of 7 records with tiles of height 2, the edge is 3 hashes in 2 tiles: the case that was miscounted.
  const { tiles, edge } = planTiles(7, [0], HEIGHT)
  expect([edge, tiles.length]).toEqual([2, 3])
})
