/** Tiles of one log for the go command: authenticated under a head of our own history, each fetched once. */
import { GossumError } from '../errors.js'
import type { SumdbClient } from '../sumdb/client.js'
import { SingleFlight } from '../sumdb/flight.js'
import { concatBytes, utf8 } from '../tlog/bytes.js'
import { HASH_SIZE } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { fullTile, TILE_HEIGHT, tileAncestor, tilePath, type Tile } from '../tlog/tile.js'
import type { Admit } from './admission.js'
import { Recent } from './recent.js'

export interface ProvenTilesParts {
  readonly client: Pick<SumdbClient, 'tile' | 'records'>
  /** The newest head that this node proved. */
  readonly head: () => Tree | undefined
  /** Looks at the log's newest head: a client may know one that this node has not proven yet. */
  readonly look: (signal: AbortSignal) => Promise<void>
}

/** Tiles in memory: 16 MiB when all are full. */
const MEMORY_TILES = 2048

export class ProvenTiles {
  readonly #parts: ProvenTilesParts
  /** By place, each at the widest that was read. Nothing of another history gets here. */
  readonly #tiles = new Recent<Uint8Array>(MEMORY_TILES)
  readonly #flights = new SingleFlight<Uint8Array>()

  constructor(parts: ProvenTilesParts) {
    this.#parts = parts
  }

  /**
   * The bytes of a tile, of hashes or of records. `admit` runs what may ask the log. Throws TILE_MALFORMED for another
   * height, TILE_MISSING when no head that this node can prove has it, and what SumdbClient throws.
   */
  async get(tile: Tile, admit: Admit, signal: AbortSignal): Promise<Uint8Array> {
    if (tile.height !== TILE_HEIGHT) throw new GossumError('TILE_MALFORMED', `tiles have height ${TILE_HEIGHT}`)
    const kept = this.#kept(tile)
    if (kept !== undefined) return kept
    const head = await this.#headWith(tile, admit, signal)
    return admit(() => (tile.level === -1 ? this.#records(tile, head, signal) : this.#hashes(tile, head, signal)))
  }

  #kept(tile: Tile): Uint8Array | undefined {
    const data = tile.level === -1 ? undefined : this.#tiles.get(placeOf(tile))
    const bytes = tile.width * HASH_SIZE
    return data === undefined || data.length < bytes ? undefined : data.subarray(0, bytes)
  }

  async #hashes(tile: Tile, head: Tree, signal: AbortSignal): Promise<Uint8Array> {
    // As wide as the tree has it: the next client's head is another one.
    const widest = tileAncestor(tile, 0, head.size)!
    const data = await this.#flights.run(tilePath(widest), signal, async (stop) => {
      const read = await this.#parts.client.tile(head, widest, { signal: stop })
      if (read.length > (this.#tiles.get(placeOf(tile))?.length ?? 0)) this.#tiles.put(placeOf(tile), read)
      return read
    })
    return data.subarray(0, tile.width * HASH_SIZE)
  }

  /** Records as a data tile has them, each proven and followed by an empty line. */
  async #records(tile: Tile, head: Tree, signal: AbortSignal): Promise<Uint8Array> {
    const first = tile.index * 2 ** TILE_HEIGHT
    const records = await this.#parts.client.records(head, first, first + tile.width, { signal })
    return concatBytes(...records.flatMap((record) => [record, utf8('\n')]))
  }

  async #headWith(tile: Tile, admit: Admit, signal: AbortSignal): Promise<Tree> {
    const { head, look } = this.#parts
    const before = head()
    if (before !== undefined && isIn(tile, before)) return before
    await admit(() => look(signal))
    const after = head()
    if (after !== undefined && isIn(tile, after)) return after
    throw new GossumError('TILE_MISSING', `${tilePath(tile)}; the newest head has ${after?.size ?? 0} records`)
  }
}

function placeOf(tile: Tile): string {
  return tilePath(fullTile(tile))
}

function isIn(tile: Tile, { size }: Tree): boolean {
  const hashes = tile.level === -1 ? { ...tile, level: 0 } : tile
  return (tileAncestor(hashes, 0, size)?.width ?? 0) >= tile.width
}
