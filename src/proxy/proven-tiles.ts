/** Tiles of one log for the go command: authenticated under a head of our own history, each fetched once. */
import { GossumError } from '../errors.js'
import type { SumdbClient } from '../sumdb/client.js'
import { concatBytes, utf8 } from '../tlog/bytes.js'
import { HASH_SIZE, type Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { fullTile, TILE_HEIGHT, tileAncestor, tilePath, type Tile } from '../tlog/tile.js'
import type { Admission } from './admission.js'
import { Lru } from '../lib/lru.js'
import { Shared, type Asking } from './shared.js'

export interface ProvenTilesParts {
  readonly client: Pick<SumdbClient, 'tile' | 'records'>
  /** The newest head that this node has proven. */
  readonly head: () => Tree | undefined
  /** Polls the log for its newest head: a client may know one that this node has not proven yet. */
  readonly look: (signal: AbortSignal) => Promise<void>
  readonly admission: Admission
}

/** Tiles in memory: 16 MiB if all are full. */
const MEMORY_TILES = 2048

export class ProvenTiles {
  readonly #parts: ProvenTilesParts
  /** By position, each as wide as the widest that was read. All belong to our own history. */
  readonly #tiles = new Lru<Uint8Array>(MEMORY_TILES)
  readonly #flights: Shared<Uint8Array>
  readonly #looks: Shared<void>

  constructor(parts: ProvenTilesParts) {
    this.#parts = parts
    this.#flights = new Shared(parts.admission)
    this.#looks = new Shared(parts.admission)
  }

  /**
   * The bytes of a hash tile or data tile. Throws TILE_MALFORMED for another height, TILE_MISSING if no head that this
   * node can prove has it, TOO_MANY_REQUESTS, and what SumdbClient throws.
   */
  async get(tile: Tile, asking: Asking): Promise<Uint8Array> {
    if (tile.height !== TILE_HEIGHT) throw new GossumError('TILE_MALFORMED', `tiles have height ${TILE_HEIGHT}`)
    const kept = this.#kept(tile)
    if (kept !== undefined) return kept
    const head = await this.#headWith(tile, asking)
    return tile.level === -1 ? this.#records(tile, head, asking) : this.#hashes(tile, head, asking)
  }

  /**
   * The leaf hash of a record of our own history. It holds for every smaller head of that history that covers the
   * record, including the quorum head. Throws as get() does.
   */
  async leafHash(id: number, asking: Asking): Promise<Hash> {
    const index = Math.floor(id / 2 ** TILE_HEIGHT)
    const at = id - index * 2 ** TILE_HEIGHT
    const tile = { height: TILE_HEIGHT, level: 0, index, width: at + 1 }
    return (await this.get(tile, asking)).subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE)
  }

  #kept(tile: Tile): Uint8Array | undefined {
    const data = tile.level === -1 ? undefined : this.#tiles.get(placeOf(tile))
    const bytes = tile.width * HASH_SIZE
    return data === undefined || data.length < bytes ? undefined : data.subarray(0, bytes)
  }

  async #hashes(tile: Tile, head: Tree, asking: Asking): Promise<Uint8Array> {
    // As wide as in the tree: the next client will have another head.
    const widest = tileAncestor(tile, 0, head.size)!
    const data = await this.#flights.run(tilePath(widest), asking, async (turn, signal) => {
      const read = await turn(() => this.#parts.client.tile(head, widest, { signal }))
      if (read.length > (this.#tiles.get(placeOf(tile))?.length ?? 0)) this.#tiles.put(placeOf(tile), read)
      return read
    })
    return data.subarray(0, tile.width * HASH_SIZE)
  }

  /** Records in the form of a data tile, each proven and followed by an empty line. */
  #records(tile: Tile, head: Tree, asking: Asking): Promise<Uint8Array> {
    const first = tile.index * 2 ** TILE_HEIGHT
    return this.#flights.run(tilePath(tile), asking, async (turn, signal) => {
      const records = await turn(() => this.#parts.client.records(head, first, first + tile.width, { signal }))
      return concatBytes(...records.flatMap((record) => [record, utf8('\n')]))
    })
  }

  async #headWith(tile: Tile, asking: Asking): Promise<Tree> {
    const { head, look } = this.#parts
    const before = head()
    if (before !== undefined && isIn(tile, before)) return before
    await this.#looks.run('', asking, (turn, signal) => turn(() => look(signal)))
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
