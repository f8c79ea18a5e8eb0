/**
 * The hash tiles of one tree, each authenticated individually: the right edge under the head, every other tile against
 * its entry in the tile above. An auditor must know which tile is wrong and continue with the others, so this does one
 * by one what openTiles does for a plan.
 *
 * Trusted: the caller's head. Not trusted: the source of the tiles.
 */
import { GossumError } from '../../errors.js'
import { Lru } from '../../lib/lru.js'
import { dialectOf } from '../../sumdb/log-layout.js'
import type { LogSource } from '../../sumdb/log-source.js'
import { eitherWidth } from '../../sumdb/tiles.js'
import { equalBytes } from '../../tlog/bytes.js'
import { HASH_SIZE, type Hash } from '../../tlog/hash.js'
import type { Tree } from '../../tlog/merkle.js'
import {
  hashFromTile,
  openTiles,
  planTiles,
  TILE_HEIGHT,
  tileAncestor,
  tileForIndex,
  tilePath,
  tileRoot,
  type Tile,
} from '../../tlog/tile.js'

const TILE_ENTRIES = 2 ** TILE_HEIGHT
/** How many tiles above the lowest level are cached: those of 16 million records, and all above. */
const KEPT_TILES = 512

/** A tile that exists but does not authenticate (TILE_INVALID). */
export class WrongTile extends GossumError {
  override readonly name = 'WrongTile'
  /** In the form of tilePath. */
  readonly tile: string

  constructor(tile: Tile, why: string) {
    super('TILE_INVALID', `${tilePath(tile)} ${why}`)
    this.tile = tilePath(tile)
  }
}

export class HashTiles {
  readonly tree: Tree
  readonly #source: LogSource
  readonly #address: (tile: Tile) => string
  /** The tiles that hash to the root, by tilePath. */
  readonly #edge: ReadonlyMap<string, Uint8Array>
  readonly #kept = new Lru<Uint8Array>(KEPT_TILES)

  private constructor(tree: Tree, source: LogSource, address: (tile: Tile) => string, edge: Map<string, Uint8Array>) {
    this.tree = tree
    this.#source = source
    this.#address = address
    this.#edge = edge
  }

  /**
   * Reads the right edge of the tree. Throws what LogSource.get throws, and TILE_INVALID if it belongs to another tree.
   */
  static async open(tree: Tree, source: LogSource, origin: string, signal?: AbortSignal): Promise<HashTiles> {
    const address = dialectOf(origin).tilePath
    const plan = planTiles(tree.size, [])
    const data = await Promise.all(plan.tiles.map((tile) => fetchTile(tile, source, address, signal)))
    openTiles(plan, data, tree.root)
    return new HashTiles(tree, source, address, new Map(plan.tiles.map((tile, i) => [tilePath(tile), data[i]!])))
  }

  /**
   * The authenticated bytes of the tile at this position, as wide as the tree makes it. Throws WrongTile, what
   * LogSource.get throws, and both also for a tile above it.
   */
  async read(level: number, index: number, signal?: AbortSignal): Promise<Uint8Array> {
    const tile = this.tileAt(level, index)
    const path = tilePath(tile)
    const known = this.#edge.get(path) ?? this.#kept.get(path)
    if (known !== undefined) return known
    const expected = await this.#entryOf(tile, signal)
    const data = await fetchTile(tile, this.#source, this.#address, signal)
    if (!equalBytes(tileRoot(data), expected))
      throw new WrongTile(tile, `does not match its parent at size ${this.tree.size}`)
    if (level > 0) this.#kept.put(path, data)
    return data
  }

  /** The hash of the tile in the tile above it, which is authenticated. */
  async rootOf(level: number, index: number, signal?: AbortSignal): Promise<Hash> {
    return this.#entryOf(this.tileAt(level, index), signal)
  }

  /** Whether the tile is on the right edge, and so authenticated by the head itself. */
  isEdge(level: number, index: number): boolean {
    return this.#edge.has(tilePath(this.tileAt(level, index)))
  }

  /** A stored hash of the tree (storedHashIndex). */
  async hash(storedIndex: number, signal?: AbortSignal): Promise<Hash> {
    const { level, index } = tileForIndex(TILE_HEIGHT, storedIndex)
    return hashFromTile(this.tileAt(level, index), await this.read(level, index, signal), storedIndex)
  }

  /** The tile at this position, as wide as the tree makes it. Throws WrongTile if the tree has none. */
  tileAt(level: number, index: number): Tile {
    const full = { height: TILE_HEIGHT, level, index, width: TILE_ENTRIES }
    const tile = tileAncestor(full, 0, this.tree.size)
    if (tile === undefined) throw new WrongTile(full, `is not in a tree of ${this.tree.size} records`)
    return tile
  }

  async #entryOf(tile: Tile, signal?: AbortSignal): Promise<Hash> {
    const parent = await this.read(tile.level + 1, Math.floor(tile.index / TILE_ENTRIES), signal)
    const at = (tile.index % TILE_ENTRIES) * HASH_SIZE
    return parent.subarray(at, at + HASH_SIZE)
  }
}

/** The bytes of a hash tile, exactly those of its width; unverified. Throws WrongTile if there are fewer. */
async function fetchTile(
  tile: Tile,
  source: LogSource,
  address: (tile: Tile) => string,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const options = signal === undefined ? {} : { signal }
  const data = await eitherWidth(tile, (asked) => source.get(address(asked), asked.width * HASH_SIZE, options))
  if (data.length < tile.width * HASH_SIZE) throw new WrongTile(tile, `has ${data.length} bytes`)
  return data.subarray(0, tile.width * HASH_SIZE)
}
