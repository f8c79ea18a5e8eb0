import { describe, expect, it } from 'vitest'
import { errorCode } from '../../src/errors.js'
import { fromBase64, utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatHash, hashLeaf, parseHash, type Hash } from '../../src/tlog/hash.js'
import {
  checkRecord,
  checkTree,
  proveRecord,
  proveRecordIndexes,
  proveTree,
  proveTreeIndexes,
  splitStoredHashIndex,
  storedHashCount,
  storedHashIndex,
  subtreeIndexes,
  treeRoot,
} from '../../src/tlog/merkle.js'
import { parseNote, parseVerifierKey, verifyNote } from '../../src/tlog/note.js'
import {
  fullTile,
  hashFromTile,
  newTiles,
  openTiles,
  parseTilePath,
  planTiles,
  recordHashIndex,
  tileAncestor,
  tileForIndex,
  tilePath,
  type Tile,
} from '../../src/tlog/tile.js'
import { codeOf } from '../helpers/codes.js'
import { expectEqual } from '../helpers/expect-equal.js'
import { flipBit, MemoryLog } from '../helpers/tree.js'
import { readVectors } from '../helpers/vectors.js'

const math = readVectors('tlog-math.json') as {
  tile_paths: {
    good: { path: string; H: number; L: number; N: number; W: number }[]
    bad: string[]
    bad_derived: string[]
  }
  tile_index_path: { cases: { n: number; path: string }[] }
  new_tiles: { height: number; cases: { old: number; new: number; count: number; paths: string[] }[] }
}

describe('tile paths', () => {
  it.each(math.tile_paths.good)('$path', (c) => {
    const tile: Tile = { height: c.H, level: c.L, index: c.N, width: c.W }
    expect(tilePath(tile)).toBe(c.path)
    expect(parseTilePath(c.path)).toEqual(tile)
  })

  it.each([
    ...math.tile_paths.bad,
    ...math.tile_paths.bad_derived,
    'tile/8/64/001',
    'tile/8/-1/001',
    'tile/8/0/+01',
    'tile/8/0/001.p/1.p/1',
    'tile/8/0/001\n',
    'tile/8/0/x009/x007/x199/x254/x740/992',
    `tile/8/0/${'x001/'.repeat(100)}001`,
    '',
  ])('%j is refused', (path) => {
    expect(codeOf(() => parseTilePath(path))).toBe('TILE_MALFORMED')
  })

  it.each(math.tile_index_path.cases)('of number $n', (c) => {
    expect(tilePath({ height: 8, level: 0, index: c.n, width: 256 })).toBe(`tile/8/0/${c.path}`)
  })

  it.each(math.new_tiles.cases)('of new tiles between $old and $new: $count', (c) => {
    expect(newTiles(math.new_tiles.height, c.old, c.new).map(tilePath)).toEqual(c.paths)
    expect(c.paths).toHaveLength(c.count)
  })

  it('of new tiles from size 0 are those of all tiles', () => {
    const tiles = newTiles(8, 0, 70_000)
    expect(tiles).toHaveLength(273 + 1 + 1 + 1 + 1)
    expect(tiles.slice(-4).map(tilePath)).toEqual([
      'tile/8/0/273.p/112',
      'tile/8/1/000',
      'tile/8/1/001.p/17',
      'tile/8/2/000.p/1',
    ])
  })

  it('of a full tile and the tiles above it', () => {
    const tile = parseTilePath('tile/8/0/x053/226.p/7')
    expect(tilePath(fullTile(tile))).toBe('tile/8/0/x053/226')
    expect(tilePath(tileAncestor(tile, 0, 29_614_696)!)).toBe('tile/8/0/x053/226')
    expect(tilePath(tileAncestor(tile, 1, 29_614_696)!)).toBe('tile/8/1/207')
    expect(tilePath(tileAncestor(tile, 2, 29_614_696)!)).toBe('tile/8/2/000')
    expect(tilePath(tileAncestor(tile, 3, 29_614_696)!)).toBe('tile/8/3/000.p/1')
    expect(tileAncestor(tile, 4, 29_614_696)).toBeUndefined()
  })
})

describe('a slice of sum.golang.org', () => {
  const slice = readVectors('sumdb-real-tiles.json') as {
    vkey: string
    heads: { size: number; root: string; note: string; tiles_for_root: string[] }[]
    consistency: { old_size: number; old_root: string; new_size: number; new_root: string; proof: string[] }[]
    inclusion: {
      record_id: number
      record_text: string
      leaf_hash: string
      tree_size: number
      tree_root: string
      proof: string[]
    }[]
    tiles: Record<string, string>
  }
  const tileBytes = (tile: Tile): Uint8Array => {
    const place = tilePath(fullTile(tile))
    const key = Object.keys(slice.tiles).find((path) => path === place || path.startsWith(`${place}.p/`))
    const bytes = fromBase64(slice.tiles[key ?? ''] ?? '')!
    if (bytes.length < tile.width * 32) throw new Error(`${tilePath(tile)} is not in the slice`)
    return bytes.subarray(0, tile.width * 32)
  }

  it.each(slice.heads)('has a head of size $size with a valid signature, and tiles with its root', (head) => {
    const note = parseNote(utf8(head.note))
    verifyNote(note, parseVerifierKey(slice.vkey))
    const { size, root } = parseCheckpoint(note.text)
    expect([size, formatHash(root)]).toEqual([head.size, head.root])
    const plan = planTiles(size, [])
    // The vector names the widest copy of each tile; the plan requests the width of this size.
    const place = (path: string): string => tilePath(fullTile(parseTilePath(path)))
    expect(plan.tiles.map((tile) => tilePath(fullTile(tile)))).toEqual(head.tiles_for_root.map(place))
    expect(formatHash(treeRoot(size, openTiles(plan, plan.tiles.map(tileBytes), root)))).toBe(head.root)
  })

  it.each(slice.consistency)('proves that $old_size is a prefix of $new_size', (c) => {
    const [newRoot, oldRoot] = [parseHash(c.new_root)!, parseHash(c.old_root)!]
    const plan = planTiles(c.new_size, proveTreeIndexes(c.new_size, c.old_size))
    const proof = proveTree(c.new_size, c.old_size, openTiles(plan, plan.tiles.map(tileBytes), newRoot))
    expect(proof.map(formatHash)).toEqual(c.proof)
    checkTree(proof, c.new_size, newRoot, c.old_size, oldRoot)
  })

  it.each(slice.inclusion)('proves that record $record_id is in $tree_size', (c) => {
    const root = parseHash(c.tree_root)!
    const plan = planTiles(c.tree_size, [...proveRecordIndexes(c.tree_size, c.record_id), recordHashIndex(c.record_id)])
    const read = openTiles(plan, plan.tiles.map(tileBytes), root)
    const proof = proveRecord(c.tree_size, c.record_id, read)
    expect(proof.map(formatHash)).toEqual(c.proof)
    const [leaf] = read([recordHashIndex(c.record_id)]) as [Hash]
    expect(formatHash(leaf)).toBe(c.leaf_hash)
    expect(leaf).toEqual(hashLeaf(utf8(c.record_text)))
    checkRecord(proof, c.tree_size, root, c.record_id, leaf)
  })

  it('has no tile in which a changed hash goes unnoticed', () => {
    const c = slice.inclusion[0]!
    const plan = planTiles(c.tree_size, proveRecordIndexes(c.tree_size, c.record_id))
    const data = plan.tiles.map(tileBytes)
    expect(plan.tiles.length).toBeGreaterThan(plan.edge)
    data.forEach((bytes, i) => {
      for (let entry = 0; entry < bytes.length / 32; entry++) {
        const changed = [...data]
        changed[i] = flipBit(bytes, entry * 256 + ((7 * entry) % 256))
        const verdict = codeOf(() => openTiles(plan, changed, parseHash(c.tree_root)!))
        expectEqual(verdict, 'TILE_INVALID')
      }
    })
  })
})

describe('reading through tiles of height 2', () => {
  const log = new MemoryLog()
  for (let i = 0; i < 100; i++) log.append(utf8(`leaf ${i}`))

  it('returns every stored hash of every size up to 100', () => {
    for (let size = 1; size <= 100; size++) {
      const root = treeRoot(size, log.read)
      const fetched = new Map<string, Uint8Array>()
      const fetch = (tile: Tile): Uint8Array => {
        const bytes = fetched.get(tilePath(tile)) ?? log.tile(tile)
        fetched.set(tilePath(tile), bytes)
        return bytes
      }
      for (let index = 0; index < storedHashCount(size); index++) {
        const plan = planTiles(size, [index], 2)
        const [hash] = openTiles(plan, plan.tiles.map(fetch), root)([index]) as [Hash]
        if (formatHash(hash) !== formatHash(log.stored[index]!)) expect.fail(`size ${size}, stored hash ${index}`)
      }
    }
  })

  it('refuses a hash beyond the tree', () => {
    for (let size = 1; size <= 100; size++) {
      expect(codeOf(() => planTiles(size, [storedHashIndex(0, size)], 2))).toBe('PROOF_INVALID')
      expect(codeOf(() => planTiles(size, [2 * size + 20], 2))).toBe('PROOF_INVALID')
    }
    expect(codeOf(() => planTiles(0, [0], 2))).toBe('PROOF_INVALID')
  })

  it('accepts no zeroed hash (the regression test of CVE-2026-56865)', () => {
    for (const size of [1, 2, 3, 4, 5, 7, 8, 13, 16, 21, 37, 63, 64, 65, 99, 100]) {
      const root = treeRoot(size, log.read)
      const all = Array.from({ length: storedHashCount(size) }, (_, index) => index)
      const plan = planTiles(size, all, 2)
      const data = plan.tiles.map((tile) => log.tile(tile))
      plan.tiles.forEach((tile, t) => {
        for (let i = 0; i < tile.width; i++) {
          const zeroed = data.map((bytes, at) => {
            return at === t ? bytes.map((byte, k) => (Math.floor(k / 32) === i ? 0 : byte)) : bytes
          })
          const verdict = codeOf(() => openTiles(plan, zeroed, root))
          expectEqual(verdict, 'TILE_INVALID')
        }
      })
    }
  })

  it('refuses missing, short and long tiles', () => {
    const root = treeRoot(100, log.read)
    const plan = planTiles(100, [storedHashIndex(0, 3)], 2)
    const data = plan.tiles.map((tile) => log.tile(tile))
    openTiles(plan, data, root)
    expect(codeOf(() => openTiles(plan, data.slice(1), root))).toBe('TILE_INVALID')
    expect(codeOf(() => openTiles(plan, data.slice(0, -1), root))).toBe('TILE_INVALID')
    data.forEach((bytes, i) => {
      const changed = [...data]
      changed[i] = bytes.subarray(32)
      expect(codeOf(() => openTiles(plan, changed, root))).toBe('TILE_INVALID')
      changed[i] = new Uint8Array([...bytes, ...new Uint8Array(32)])
      expect(codeOf(() => openTiles(plan, changed, root))).toBe('TILE_INVALID')
    })
  })

  it('returns nothing that was not planned', () => {
    const plan = planTiles(100, [], 2)
    const data = plan.tiles.map((tile) => log.tile(tile))
    const read = openTiles(plan, data, treeRoot(100, log.read))
    expect(codeOf(() => read([storedHashIndex(0, 0)]))).toBe('PROOF_INVALID')
  })

  it('takes from a tile the hashes that it has, and no others', () => {
    const tile: Tile = { height: 2, level: 1, index: 2, width: 4 }
    const held = [0, 1, 2, 3].map((i) => storedHashIndex(2, 8 + i))
    for (const index of [...held, storedHashIndex(3, 4), storedHashIndex(3, 5)]) {
      expect(hashFromTile(tile, log.tile(tile), index)).toEqual(log.stored[index])
      expect(tileForIndex(2, index)).toMatchObject({ level: 1, index: 2 })
    }
    for (const index of [storedHashIndex(2, 7), storedHashIndex(2, 12), storedHashIndex(0, 8), storedHashIndex(4, 2)]) {
      expect(codeOf(() => hashFromTile(tile, log.tile(tile), index))).toBe('PROOF_INVALID')
    }
    expect(codeOf(() => hashFromTile(tile, log.tile(tile).subarray(1), held[0]!))).toBe('PROOF_INVALID')
    expect(codeOf(() => hashFromTile({ ...tile, width: 2 }, log.tile(tile).subarray(64), held[2]!))).toBe(
      'PROOF_INVALID',
    )
  })
})

describe('a log that masks its fork with tiles of two views (CVE-2026-56865)', () => {
  const { cases } = (readVectors('fork.json') as { tile_masking_recipe: { cases: number } }).tile_masking_recipe
  const honest = new MemoryLog()
  for (let i = 0; i < 64; i++) honest.append(utf8(`r${i}`))

  it(`hides none of ${cases} forks`, () => {
    let tried = 0
    let refused = 0
    let shown = 0
    for (let f = 0; f < 59; f++) {
      const forked = new MemoryLog()
      for (let i = 0; i < 64; i++) forked.append(utf8(i >= f ? `r${i}B` : `r${i}`))
      for (let m = Math.max(2, f + 1); m <= Math.min(59, f + 3); m++) {
        for (let n = m + 1; n <= 60; n++) {
          tried++
          // The client holds view A at m and is shown view B at n: the right edge comes from B, all else from A.
          const indexes = subtreeIndexes(0, m)
          const plan = planTiles(n, indexes, 2)
          const data = plan.tiles.map((tile, i) => (i < plan.edge ? forked : honest).tile(tile))
          let root: Hash | undefined
          try {
            root = treeRoot(m, openTiles(plan, data, treeRoot(n, forked.read)))
          } catch (error) {
            expectEqual(errorCode(error), 'TILE_INVALID')
            refused++
            continue
          }
          if (formatHash(root) !== formatHash(treeRoot(m, honest.read))) shown++
        }
      }
    }
    expect(tried).toBe(cases)
    // Either the tiles are refused, or the other root shows: the fork is never hidden.
    expect(refused + shown).toBe(tried)
    expect(refused).toBeGreaterThan(2000)
  })
})

describe('splitStoredHashIndex', () => {
  it('inverts storedHashIndex on every hash of 5000 records', () => {
    for (let index = 0; index < storedHashCount(5000); index++) {
      const { level, n } = splitStoredHashIndex(index)
      expectEqual(storedHashIndex(level, n), index)
    }
  })
})
