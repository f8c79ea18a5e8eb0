/**
 * How a log is served: where its newest head and its tiles are. Two dialects are spoken, of one and the same tree: that
 * of Go's checksum databases (golang.org/design/25530-sumdb), and c2sp.org/tlog-tiles, that of all other logs.
 *
 * Pure.
 */
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import { TILE_HEIGHT, tilePath, type Tile } from '../tlog/tile.js'

export interface Dialect {
  /** Where the newest head is. */
  readonly newestHead: string
  /** Where a tile of height TILE_HEIGHT is. */
  readonly tilePath: (tile: Tile) => string
}

const SUMDB: Dialect = { newestHead: 'latest', tilePath }

/** SPEC: c2sp.org/tlog-tiles, Merkle Tree: `tile/<L>/<N>[.p/<W>]`, without the height, which is always 8; records are `tile/entries`. */
const TLOG_TILES: Dialect = {
  newestHead: 'checkpoint',
  tilePath: (tile) => tilePath(tile).replace(`tile/${TILE_HEIGHT}/`, 'tile/').replace('tile/data/', 'tile/entries/'),
}

/** A log says by its origin how it is served: checksum databases all have the same one, and nobody else has it. */
export function dialectOf(origin: string): Dialect {
  return origin === SUMDB_ORIGIN ? SUMDB : TLOG_TILES
}
