/**
 * Reads hashes of a log from its tiles. Bytes from memory, from the cache and from the server are all treated alike
 * until openTiles has authenticated every tile under a head; only then are they stored.
 *
 * Trusted: the caller's head. Not trusted: the server, proxies, and the cache on disk.
 */
import { Lru } from '../lib/lru.js'
import { errorCode } from '../errors.js'
import { HASH_SIZE, type Hash } from '../tlog/hash.js'
import { storedHashIndex, type HashReader, type Tree } from '../tlog/merkle.js'
import { fullTile, isFullTile, openTiles, planTiles, tilePath, type Tile, type TilePlan } from '../tlog/tile.js'
import type { WaitOptions } from './fetcher.js'
import { StatusError } from './status-error.js'
import type { LogSource } from './log-source.js'
import { mapBounded, SingleFlight } from '../lib/single-flight.js'

/**
 * Stores tiles by path: full ones and, for each position that is not full, the widest that was read, under its path
 * followed by `.p`. Only authenticated tiles are put; what is read back is not trusted.
 */
export interface TileCache {
  get(path: string): Promise<Uint8Array | undefined>
  put(path: string, data: Uint8Array): Promise<void>
}

/** Another source for a tile that the log does not provide now; it is not trusted either. */
export type TileFallback = (path: string, bytes: number, options: { signal: AbortSignal }) => Promise<Uint8Array>

/** The default number of tiles of one plan that are fetched concurrently. */
const CONCURRENCY = 8
/** How many tiles the memory in front of the cache has: 8 MiB if all are full. */
const MEMORY_TILES = 1024
/**
 * The largest data tile that is read, in bytes: 256 records of 16 KiB on average. Data tiles of the public log have
 * about 50 KiB; one record may have MAX_RECORD_BYTES, but 256 such records are an attack on our memory.
 */
export const MAX_DATA_TILE_BYTES = 4 * 1024 * 1024

/**
 * Authenticated tiles by position, each in the width that was read last: at the edge of a growing log, a narrower one
 * is useless. Beyond MEMORY_TILES the least recently used one is dropped.
 */
class TileMemory {
  readonly #tiles = new Lru<Uint8Array>(MEMORY_TILES)

  /** At least as wide as the tile. */
  get(tile: Tile): Uint8Array | undefined {
    const data = this.#tiles.get(tilePath(fullTile(tile)))
    return data === undefined || data.length < tileBytes(tile) ? undefined : data
  }

  put(tile: Tile, data: Uint8Array): void {
    this.#tiles.put(tilePath(fullTile(tile)), data)
  }
}

/** The bytes of a tile and their source. */
interface Loaded {
  readonly data: Uint8Array
  readonly source: 'memory' | 'cache' | 'log'
}

/** The tiles of a plan, authenticated, and a reader of the hashes in them. */
interface Opened {
  readonly reader: HashReader
  /** In the order of the plan's tiles. */
  readonly data: readonly Uint8Array[]
}

function tileBytes(tile: Tile): number {
  return tile.width * HASH_SIZE
}

/** The requested tile or, if the log no longer has that width, the full tile instead. */
export async function eitherWidth<T>(tile: Tile, get: (tile: Tile) => Promise<T>): Promise<T> {
  try {
    return await get(tile)
  } catch (error) {
    const isGone = error instanceof StatusError && (error.status === 404 || error.status === 410)
    if (!isGone || isFullTile(tile)) throw error
    return get(fullTile(tile))
  }
}

/**
 * The bytes of a tile, cut from one that may be wider. A copy, so that a few hashes do not keep a full tile in memory.
 */
function cut(tile: Tile, data: Uint8Array): Uint8Array {
  return data.length > tileBytes(tile) ? new Uint8Array(data.subarray(0, tileBytes(tile))) : data
}

export interface TileReaderParts {
  readonly source: LogSource
  /** The path of a tile in the log. Cached tiles are stored under tilePath, whatever the log's layout. */
  readonly address: (tile: Tile) => string
  readonly cache?: TileCache | undefined
  readonly fallback?: TileFallback | undefined
  readonly atOnce?: number | undefined
}

export class TileReader {
  readonly #source: LogSource
  readonly #address: (tile: Tile) => string
  readonly #cache: TileCache | undefined
  readonly #fallback: TileFallback | undefined
  readonly #atOnce: number
  readonly #memory = new TileMemory()
  readonly #flights = new SingleFlight<Uint8Array>()

  constructor({ source, address, cache, fallback, atOnce = CONCURRENCY }: TileReaderParts) {
    this.#source = source
    this.#address = address
    this.#cache = cache
    this.#fallback = fallback
    this.#atOnce = atOnce
  }

  /**
   * A reader of the stored hashes `indexes` of the tree with this head; every tile is authenticated. Throws what
   * planTiles, openTiles and Fetcher.get throw.
   */
  async read(head: Tree, indexes: readonly number[], options: WaitOptions = {}): Promise<HashReader> {
    return (await this.#open(planTiles(head.size, indexes), head.root, options)).reader
  }

  /**
   * The authenticated bytes of a hash tile (level >= 0) in the tree with this head. Throws ProofError if the tree is
   * too small for its width, and what read() throws.
   */
  async readTile(head: Tree, tile: Tile, options: WaitOptions = {}): Promise<Uint8Array> {
    const { height, level, index, width } = tile
    const last = storedHashIndex(height * level, index * 2 ** height + width - 1)
    const plan = planTiles(head.size, [last], height)
    const { data } = await this.#open(plan, head.root, options)
    return cut(tile, data[plan.tiles.findIndex((planned) => planned.level === level && planned.index === index)]!)
  }

  async #open(plan: TilePlan, root: Hash, options: WaitOptions): Promise<Opened> {
    const open = (loaded: readonly Loaded[]): Opened => {
      const data = loaded.map((tile) => tile.data)
      return { reader: openTiles(plan, data, root), data }
    }
    let loaded = await this.#loadAll(plan.tiles, true, options)
    let opened: Opened
    try {
      opened = open(loaded)
    } catch (error) {
      // Our copy may be damaged, or of another history: the log itself is asked, once.
      if (loaded.every(({ source }) => source === 'log')) throw error
      loaded = await this.#loadAll(plan.tiles, false, options)
      opened = open(loaded)
    }
    await this.#save(plan.tiles, loaded)
    return opened
  }

  /** The bytes of a data tile, with at least as many records as its width if the log is honest; unverified. */
  async readData(tile: Tile, options: WaitOptions = {}): Promise<Uint8Array> {
    return this.#fetchEither(tile, () => MAX_DATA_TILE_BYTES, options)
  }

  #loadAll(tiles: readonly Tile[], kept: boolean, { signal }: WaitOptions): Promise<Loaded[]> | Loaded[] {
    const found = kept ? tiles.map((tile) => this.#fromMemory(tile)) : []
    if (kept && found.every((tile) => tile !== undefined)) return found
    const places = tiles.map((tile, i) => ({ tile, known: found[i] }))
    return mapBounded(places, this.#atOnce, signal, async ({ tile, known }, stop) => {
      const cached = kept ? (known ?? (await this.#fromCache(tile))) : undefined
      if (cached !== undefined) return cached
      const data = await this.#fetchEither(tile, tileBytes, { signal: stop })
      return { data: cut(tile, data), source: 'log' }
    })
  }

  #fromMemory(tile: Tile): Loaded | undefined {
    const data = this.#memory.get(tile)
    return data && { data: cut(tile, data), source: 'memory' }
  }

  async #fromCache(tile: Tile): Promise<Loaded | undefined> {
    const path = tilePath(fullTile(tile))
    for (const kept of isFullTile(tile) ? [path] : [path, `${path}.p`]) {
      // A failing cache is treated as empty: it must not keep us from the log.
      const data = await this.#cache?.get(kept).catch(() => undefined)
      if (data !== undefined && data.length >= tileBytes(tile) && data.length <= tileBytes(fullTile(tile)))
        return { data: cut(tile, data), source: 'cache' }
    }
    return undefined
  }

  #fetchEither(tile: Tile, bound: (tile: Tile) => number, options: WaitOptions): Promise<Uint8Array> {
    return eitherWidth(tile, (asked) => this.#fetch(asked, bound(asked), options))
  }

  #fetch(tile: Tile, maxBytes: number, { signal }: WaitOptions): Promise<Uint8Array> {
    const path = tilePath(tile)
    return this.#flights.run(path, signal, async (stop) => {
      try {
        return await this.#source.get(this.#address(tile), maxBytes, { signal: stop })
      } catch (error) {
        const isHashes = tile.level >= 0 && isFullTile(tile)
        if (this.#fallback === undefined || !isHashes || errorCode(error) !== 'LOG_UNREACHABLE') throw error
        // The log's own error is more useful than that of the fallback.
        return this.#fallback(path, maxBytes, { signal: stop }).catch(() => {
          throw error
        })
      }
    })
  }

  /** Stores authenticated tiles: in memory, and in the cache those that came from the log. */
  async #save(tiles: readonly Tile[], loaded: readonly Loaded[]): Promise<void> {
    const puts: Promise<void>[] = []
    tiles.forEach((tile, i) => {
      const { data, source } = loaded[i]!
      if (source === 'memory') return
      this.#memory.put(tile, data)
      const path = tilePath(fullTile(tile))
      // A tile that could not be stored is fetched again: no reason to withhold what is proven.
      if (source === 'log' && this.#cache !== undefined)
        puts.push(this.#cache.put(isFullTile(tile) ? path : `${path}.p`, data).catch(() => undefined))
    })
    await Promise.all(puts)
  }
}
