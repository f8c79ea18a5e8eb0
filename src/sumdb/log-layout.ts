/**
 * How a log is served: the paths of its newest head and its tiles. There are two layouts of the same tree: that of Go's
 * checksum databases (golang.org/design/25530-sumdb), and c2sp.org/tlog-tiles, that of all other logs.
 *
 * Pure.
 */
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import { TILE_HEIGHT, tilePath, type Tile } from '../tlog/tile.js'

export interface Dialect {
  /** The path of the newest head. */
  readonly newestHead: string
  /** The path of a tile of height TILE_HEIGHT. */
  readonly tilePath: (tile: Tile) => string
}

const SUMDB: Dialect = { newestHead: 'latest', tilePath }

/** SPEC: c2sp.org/tlog-tiles, Merkle Tree: `tile/<L>/<N>[.p/<W>]`, without the height, which is always 8; records are `tile/entries`. */
const TLOG_TILES: Dialect = {
  newestHead: 'checkpoint',
  tilePath: (tile) => tilePath(tile).replace(`tile/${TILE_HEIGHT}/`, 'tile/').replace('tile/data/', 'tile/entries/'),
}

/** The origin of a log determines its layout: all checksum databases have the same origin, and no other log has it. */
export function dialectOf(origin: string): Dialect {
  return origin === SUMDB_ORIGIN ? SUMDB : TLOG_TILES
}
