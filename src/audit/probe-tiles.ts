/**
 * Checks the tiles of a server: whether each of them verifies up to its head (CVE-2026-56865), is the same when
 * requested again, and begins with its own narrower versions.
 */
import { GossumError } from '../errors.js'
import { StatusError, type WaitOptions } from '../sumdb/fetcher.js'
import { equalBytes } from '../tlog/bytes.js'
import { HASH_SIZE } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { isFullTile, TILE_HEIGHT, tilePath, type Tile } from '../tlog/tile.js'
import { findingOfAll, gather, type ProbeFinding, type Vantage } from './probe-session.js'

/** A record that is proven to be in the tree. */
export interface SampledRecord {
  readonly id: number
  readonly record: Uint8Array
}

export interface TilesResult {
  readonly finding: ProbeFinding
  /** One record of each tile of records that was read; none if the server has no such tiles. */
  readonly records: readonly SampledRecord[]
}

/** A random number, uniform in [0, 1). */
export type Random = () => number

interface Known {
  readonly tile: Tile
  /** Verified. */
  readonly data: Uint8Array
}

const WIDTH = 2 ** TILE_HEIGHT

/** Distinct whole numbers in [0, below): `count` of them, or all if there are fewer. */
function choose(count: number, below: number, random: Random): number[] {
  if (below <= count) return Array.from({ length: below }, (_, i) => i)
  const chosen = new Set<number>()
  while (chosen.size < count) chosen.add(Math.floor(random() * below))
  return [...chosen]
}

/** The rightmost tile of every level, and `samples` others of each level that has that many. */
function chooseTiles(size: number, samples: number, random: Random): Tile[] {
  const tiles: Tile[] = []
  for (let level = 0, count = size; count > 0; level++, count = Math.floor(count / WIDTH)) {
    const last = Math.ceil(count / WIDTH) - 1
    tiles.push({ height: TILE_HEIGHT, level, index: last, width: count - last * WIDTH })
    for (const index of choose(samples, last, random)) tiles.push({ height: TILE_HEIGHT, level, index, width: WIDTH })
  }
  return tiles
}

/** Reads tiles of every level of the head's tree, and records from some. */
export async function checkTiles(
  vantage: Vantage,
  head: Tree,
  samples: number,
  random: Random,
  options: WaitOptions,
): Promise<TilesResult> {
  if (head.size === 0) return { finding: { verdict: 'ok', detail: 'none: the tree is empty' }, records: [] }
  const problems: ProbeFinding[] = []
  const chosen = chooseTiles(head.size, samples, random)
  const known = await gather(chosen, problems, options, async (tile, waiting): Promise<Known> => {
    return { tile, data: await vantage.client.tile(head, tile, waiting) }
  })
  const full = known.filter(({ tile }) => isFullTile(tile))
  const twice = await gather(full, problems, options, (one, waiting) => askAgain(vantage, one, waiting))
  const wide = known.filter(({ tile }) => tile.width > 1)
  const narrower = await gather(wide, problems, options, (one, waiting) => askNarrower(vantage, one, random, waiting))
  const leaves = known.filter(({ tile }) => tile.level === 0).map(({ tile }) => tile)
  const records = await readRecords(vantage, head, leaves, random, problems, options)

  const levels = new Set(chosen.map(({ level }) => level)).size
  const done = [
    `${known.length} of ${chosen.length} tiles of ${levels} levels, the right edge among them, authenticate up to the head`,
    `${twice.length} were the same when requested again`,
    `${narrower.filter(Boolean).length} begin with their narrower copies`,
    records === undefined ? 'there are no tiles of records' : `${records.length} tiles of records match the tree`,
  ].join('; ')
  return { finding: findingOfAll(problems, done), records: records ?? [] }
}

/**
 * One record from each of these tiles, with all records in them verified; undefined if there are no tiles of records.
 */
async function readRecords(
  vantage: Vantage,
  head: Tree,
  leaves: readonly Tile[],
  random: Random,
  problems: ProbeFinding[],
  options: WaitOptions,
): Promise<SampledRecord[] | undefined> {
  const read = async ({ index, width }: Tile, waiting: WaitOptions): Promise<SampledRecord> => {
    const id = index * WIDTH + Math.floor(random() * width)
    const [record] = await vantage.client.records(head, id, id + 1, waiting)
    return { id, record: record! }
  }
  const [first] = await gather(leaves.slice(0, 1), problems, options, (tile, waiting) => statusOr(read(tile, waiting)))
  if (first instanceof StatusError) return undefined
  const others = await gather(leaves.slice(1), problems, options, read)
  return first === undefined ? others : [first, ...others]
}

/** The result, or the status with which it was refused. */
async function statusOr<T>(work: Promise<T>): Promise<T | StatusError> {
  try {
    return await work
  } catch (error) {
    if (error instanceof StatusError) return error
    throw error
  }
}

/** Throws TILE_INVALID for a full tile that is different when requested again. */
async function askAgain(vantage: Vantage, { tile, data }: Known, options: WaitOptions): Promise<void> {
  const again = await vantage.fetcher.get(tilePath(tile), data.length, options)
  if (!equalBytes(again, data)) {
    throw new GossumError('TILE_INVALID', `${tilePath(tile)} is different when requested again`)
  }
}

/**
 * Whether a narrower version of the tile is served; a client with an older head requests one, and may get the full one
 * instead. Throws TILE_INVALID if it differs from the beginning of the tile.
 */
async function askNarrower(
  vantage: Vantage,
  { tile, data }: Known,
  random: Random,
  options: WaitOptions,
): Promise<boolean> {
  const width = 1 + Math.floor(random() * (tile.width - 1))
  const path = tilePath({ ...tile, width })
  try {
    const copy = await vantage.fetcher.get(path, data.length, options)
    if (equalBytes(copy, data.subarray(0, width * HASH_SIZE))) return true
  } catch (error) {
    if (error instanceof StatusError) return false
    throw error
  }
  throw new GossumError('TILE_INVALID', `${path} is not the beginning of ${tilePath(tile)}`)
}
