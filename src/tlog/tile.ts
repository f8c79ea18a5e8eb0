/**
 * Tiles: the form in which a log is served (golang.org/design/25530-sumdb, golang.org/x/mod/sumdb/tlog). A tile of
 * height H at tile level L holds up to 2^H consecutive hashes of tree level H*L; the levels in between are computed,
 * not transmitted.
 *
 * Reading hashes from tiles takes three steps, so that this file needs no I/O: planTiles determines the tiles that are
 * needed, the caller fetches them, and openTiles authenticates every one of them against the head before it returns any
 * hash.
 *
 * Pure.
 */
import { GossumError, ProofError } from '../errors.js'
import { equalBytes } from './bytes.js'
import { HASH_SIZE, hashNode, perfectRoot, type Hash } from './hash.js'
import { splitStoredHashIndex, storedHashIndex, subtreeIndexes, type HashReader } from './merkle.js'

/** The tile height that the go command and every public log use. */
export const TILE_HEIGHT = 8

export interface Tile {
  /** Levels of the tree that the tile spans, 1..30. */
  height: number
  /** Tile level, 0..63; -1 is the level of the records themselves ("data"). */
  level: number
  /** Number of the tile in its level, from 0. */
  index: number
  /** How many hashes (or records) it holds, 1..2^height; 2^height is a full tile. */
  width: number
}

// ---- paths -----------------------------------------------------------------------------------------------------

/** The path of a tile, without a leading slash: `tile/8/0/x001/x234/067.p/5`. */
export function tilePath(tile: Tile): string {
  let n = String(tile.index % 1000).padStart(3, '0')
  for (let rest = Math.floor(tile.index / 1000); rest > 0; rest = Math.floor(rest / 1000)) {
    n = `x${String(rest % 1000).padStart(3, '0')}/${n}`
  }
  const level = tile.level === -1 ? 'data' : String(tile.level)
  const partial = isFullTile(tile) ? '' : `.p/${tile.width}`
  return `tile/${tile.height}/${level}/${n}${partial}`
}

const TILE_PATH = /^tile\/(\d{1,2})\/(data|\d{1,2})\/((?:x\d{3}\/)*\d{3})(?:\.p\/(\d{1,10}))?$/

/** The tile with this path. Throws TILE_MALFORMED unless it is exactly what tilePath writes. */
export function parseTilePath(path: string): Tile {
  const match = TILE_PATH.exec(path)
  if (match !== null) {
    const height = Number(match[1])
    const tile: Tile = {
      height,
      level: match[2] === 'data' ? -1 : Number(match[2]),
      index: Number(match[3]!.replace(/[x/]/g, '')),
      width: match[4] === undefined ? 2 ** height : Number(match[4]),
    }
    const inRange = height >= 1 && height <= 30 && tile.level <= 63 && tile.width >= 1 && tile.width <= 2 ** height
    if (inRange && Number.isSafeInteger(tile.index) && tilePath(tile) === path) return tile
  }
  throw new GossumError('TILE_MALFORMED', JSON.stringify(path.slice(0, 100)))
}

export function isFullTile(tile: Tile): boolean {
  return tile.width === 2 ** tile.height
}

/** The full tile in the same place. */
export function fullTile(tile: Tile): Tile {
  return { ...tile, width: 2 ** tile.height }
}

// ---- coordinates -----------------------------------------------------------------------------------------------

/** The position of a stored hash: its tile, and the range of the tile's entries whose root it is. */
function locate(height: number, storedIndex: number): { tile: Tile; from: number; to: number } {
  const { level, n } = splitStoredHashIndex(storedIndex)
  const tileLevel = Math.floor(level / height)
  const span = 2 ** (level - tileLevel * height)
  const entriesPerTile = 2 ** height
  const index = Math.floor((n * span) / entriesPerTile)
  const from = n * span - index * entriesPerTile
  return { tile: { height, level: tileLevel, index, width: from + span }, from, to: from + span }
}

/** The narrowest tile of this height that holds the stored hash with this index. */
export function tileForIndex(height: number, storedIndex: number): Tile {
  return locate(height, storedIndex).tile
}

/** The tile `steps` levels above, as wide as a tree of `size` records makes it; undefined when nothing is there. */
export function tileAncestor(tile: Tile, steps: number, size: number): Tile | undefined {
  const entriesPerTile = 2 ** tile.height
  const level = tile.level + steps
  const index = Math.floor(tile.index / entriesPerTile ** steps)
  const available = Math.floor(size / entriesPerTile ** level) - index * entriesPerTile
  if (available <= 0) return undefined
  return { height: tile.height, level, index, width: Math.min(available, entriesPerTile) }
}

/** The tiles that a log of `newSize` records publishes and one of `oldSize` did not. */
export function newTiles(height: number, oldSize: number, newSize: number): Tile[] {
  const entriesPerTile = 2 ** height
  const tiles: Tile[] = []
  for (let level = 0, span = 1; Math.floor(newSize / span) > 0; level++, span *= entriesPerTile) {
    const oldCount = Math.floor(oldSize / span)
    const newCount = Math.floor(newSize / span)
    if (oldCount === newCount) continue
    let index = Math.floor(oldCount / entriesPerTile)
    for (; index < Math.floor(newCount / entriesPerTile); index++) {
      tiles.push({ height, level, index, width: entriesPerTile })
    }
    const width = newCount - index * entriesPerTile
    if (width > 0) tiles.push({ height, level, index, width })
  }
  return tiles
}

// ---- reading hashes --------------------------------------------------------------------------------------------

function entry(data: Uint8Array, i: number): Hash {
  return data.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)
}

/** The hash that represents a full tile with these bytes in the tile above it. */
export function tileRoot(data: Uint8Array): Hash {
  return perfectRoot(data)
}

/** The hash at a stored hash index, computed from a tile's bytes. */
export function hashFromTile(tile: Tile, data: Uint8Array, storedIndex: number): Hash {
  const where = locate(tile.height, storedIndex)
  const sameTile = where.tile.level === tile.level && where.tile.index === tile.index && where.to <= tile.width
  if (!sameTile || data.length !== tile.width * HASH_SIZE) {
    throw new ProofError('PROOF_INVALID', `${tilePath(tile)} does not hold stored hash ${storedIndex}`)
  }
  return perfectRoot(data.subarray(where.from * HASH_SIZE, where.to * HASH_SIZE))
}

/** Which tiles authenticate a set of stored hashes under a head of this size. */
export interface TilePlan {
  readonly size: number
  /** Each tile once, every tile after the one that authenticates it. */
  readonly tiles: readonly Tile[]
  /** The first `edge` tiles are the right edge of the tree: together they fold to its root. */
  readonly edge: number
}

function tileKey(tile: Tile): string {
  return `${tile.level}/${tile.index}`
}

/**
 * Plans the tiles for the stored hashes `indexes` in a tree of `size` records. Throws ProofError when a hash is
 * not in such a tree.
 */
export function planTiles(size: number, indexes: readonly number[], height = TILE_HEIGHT): TilePlan {
  const tiles: Tile[] = []
  const planned = new Set<string>()
  const add = (tile: Tile): void => {
    planned.add(tileKey(tile))
    tiles.push(tile)
  }
  for (const index of subtreeIndexes(0, size)) {
    const tile = tileAncestor(tileForIndex(height, index), 0, size)!
    if (!planned.has(tileKey(tile))) add(tile)
  }
  const edge = tiles.length
  for (const index of indexes) {
    // Up to the first ancestor that is already planned, then back down, so that parents come before children.
    const missing: Tile[] = []
    const lowest = tileForIndex(height, index)
    for (let steps = 0; ; steps++) {
      const tile = tileAncestor(lowest, steps, size)
      if (tile === undefined || (steps === 0 && tile.width < lowest.width)) {
        throw new ProofError('PROOF_INVALID', `stored hash ${index} is not in a tree of ${size} records`)
      }
      if (planned.has(tileKey(tile))) break
      missing.push(tile)
    }
    for (const tile of missing.reverse()) add(tile)
  }
  return { size, tiles, edge }
}

/**
 * Authenticates the bytes of every planned tile under the head (plan.size, root) and returns a reader for the hashes in
 * them. `data` is in the order of `plan.tiles`. Throws TILE_INVALID naming the first wrong tile.
 */
export function openTiles(plan: TilePlan, data: readonly Uint8Array[], root: Hash): HashReader {
  const bytesOf = new Map<string, { tile: Tile; data: Uint8Array }>()
  plan.tiles.forEach((tile, i) => {
    const bytes = data[i]
    if (bytes?.length !== tile.width * HASH_SIZE) {
      throw new GossumError(
        'TILE_INVALID',
        `${tilePath(tile)} has ${bytes?.length ?? 0} bytes, not ${tile.width * HASH_SIZE}`,
      )
    }
    bytesOf.set(tileKey(tile), { tile, data: bytes })
  })
  const read = (index: number): Hash => {
    const held = bytesOf.get(tileKey(tileForIndex(plan.tiles[0]!.height, index)))
    if (held === undefined) throw new ProofError('PROOF_INVALID', `stored hash ${index} was not planned for`)
    return hashFromTile(held.tile, held.data, index)
  }

  if (plan.size > 0) {
    const computed = subtreeIndexes(0, plan.size)
      .map(read)
      .reduceRight((right, left) => hashNode(left, right))
    // SPEC: golang.org/design/25530-sumdb, Checksum Database: tiles are believed once they hash up to a signed root.
    if (!equalBytes(computed, root)) {
      throw new GossumError('TILE_INVALID', `the right edge does not hash to the root of size ${plan.size}`)
    }
  }
  // Every tile that is not on the edge must match its entry in its parent. This counts from the number of edge TILES,
  // not of edge HASHES (several of which share a tile): confusing the two was CVE-2026-56865.
  for (let i = plan.edge; i < plan.tiles.length; i++) {
    const tile = plan.tiles[i]!
    const parent = tileAncestor(tile, 1, plan.size)
    const held = parent && bytesOf.get(tileKey(parent))
    if (held === undefined) throw new GossumError('TILE_INVALID', `${tilePath(tile)} has no parent in the plan`)
    const expected = entry(held.data, tile.index % 2 ** tile.height)
    if (!equalBytes(tileRoot(data[i]!), expected)) {
      throw new GossumError('TILE_INVALID', `${tilePath(tile)} does not match its parent at size ${plan.size}`)
    }
  }
  return (indexes) => indexes.map(read)
}

/** The level-0 stored hash index of a record, with which openTiles returns its leaf hash. */
export function recordHashIndex(record: number): number {
  return storedHashIndex(0, record)
}
