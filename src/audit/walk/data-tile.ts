/**
 * The records in a tile of them: a data tile of a checksum database, where an empty line is behind each record and, with
 * some servers, its number before it; or an entry bundle of c2sp.org/tlog-tiles, where its length is before it.
 *
 * A record may hold whatever the log put there, the empty line that should part it from the next included. So the leaf
 * hashes, which the caller has authenticated, decide where a record ends; how data tiles are usually written is only
 * tried first.
 *
 * Pure.
 */
import { equalBytes, fromUtf8, utf8 } from '../../tlog/bytes.js'
import { HASH_SIZE, hashLeaf, type Hash } from '../../tlog/hash.js'

/** How a log serves its records. */
export type RecordLayout = 'data' | 'entries'

/** What is asked of a tile of records. */
export interface RecordTile {
  /** Number of its first record. */
  readonly first: number
  /** How many records are in it, at most 256. */
  readonly width: number
  /** Their leaf hashes, one behind the other, authenticated. */
  readonly leaves: Uint8Array
}

export interface TileRecords {
  /** The bytes that the leaf hashes cover, in order; views of the tile. */
  readonly records: readonly Uint8Array[]
  /** Records before which another number is written than theirs. */
  readonly misnumbered: readonly { readonly id: number; readonly written: string }[]
}

/** The first record of a tile that is not in its bytes. */
export interface NotHeld {
  readonly missing: number
}

const NEWLINE = 0x0a
/**
 * How many bytes are hashed at most in the search for the records of one tile that is not written as usual: some
 * thousand times those of an honest one.
 */
const MAX_SEARCHED_BYTES = 64 * 1024 * 1024

/** The records of the tile in `data`, which may be longer than the tile: servers may give a wider one. */
export function readRecords(data: Uint8Array, tile: RecordTile, layout: RecordLayout): TileRecords | NotHeld {
  const usual = layout === 'data' ? splitAtEmptyLines(data, tile) : splitByLength(data, tile)
  const wrong = usual.findIndex((record, i) => !equalBytes(hashLeaf(record), leafOf(tile, i)))
  if (usual.length === tile.width && wrong === -1) return { records: usual, misnumbered: [] }
  if (layout === 'entries') return { missing: tile.first + (wrong === -1 ? usual.length : wrong) }
  return searchRecords(data, tile)
}

/** The leaf hashes of the records in `data` when it is written as usual, one behind the other; nothing vouches for them. */
export function claimedLeaves(data: Uint8Array, first: number, width: number, layout: RecordLayout): Uint8Array {
  const tile = { first, width }
  const leaves = new Uint8Array(width * HASH_SIZE)
  const records = layout === 'data' ? splitAtEmptyLines(data, tile) : splitByLength(data, tile)
  records.forEach((record, i) => leaves.set(hashLeaf(record), i * HASH_SIZE))
  return leaves.subarray(0, records.length * HASH_SIZE)
}

function leafOf({ leaves }: RecordTile, i: number): Hash {
  return leaves.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)
}

/** The records as data tiles are usually written, at most `width`: without an empty line in them, all numbered or none. */
function splitAtEmptyLines(data: Uint8Array, { first, width }: Pick<RecordTile, 'first' | 'width'>): Uint8Array[] {
  const records: Uint8Array[] = []
  const isNumbered = startsWith(data, 0, `${first}\n`)
  let start = 0
  while (start < data.length && records.length < width) {
    let end = data.indexOf(NEWLINE, start)
    while (end !== -1 && data[end + 1] !== NEWLINE) end = data.indexOf(NEWLINE, end + 1)
    const next = end === -1 ? data.length : end + 1
    const number = isNumbered ? `${first + records.length}\n` : ''
    records.push(data.subarray(startsWith(data, start, number) ? start + number.length : start, next))
    start = next + 1
  }
  return records
}

function startsWith(data: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (data[at + i] !== text.charCodeAt(i)) return false
  return true
}

/** SPEC: c2sp.org/tlog-tiles, Log Entries: each entry behind its length, a big-endian uint16. */
function splitByLength(data: Uint8Array, { width }: Pick<RecordTile, 'width'>): Uint8Array[] {
  const entries: Uint8Array[] = []
  let start = 0
  while (start + 2 <= data.length && entries.length < width) {
    const end = start + 2 + data[start]! * 256 + data[start + 1]!
    if (end > data.length) break
    entries.push(data.subarray(start + 2, end))
    start = end
  }
  return entries
}

/** Finds each record by its leaf hash: behind a number or not, up to any newline that may be the one behind it. */
function searchRecords(data: Uint8Array, tile: RecordTile): TileRecords | NotHeld {
  const records: Uint8Array[] = []
  const misnumbered: { id: number; written: string }[] = []
  let start = 0
  let budget = MAX_SEARCHED_BYTES
  for (let i = 0; i < tile.width; i++) {
    const id = tile.first + i
    const number = numberAt(data, start)
    const starts = number === undefined ? [start] : [start + number.length + 1, start]
    let found: Uint8Array | undefined
    for (const from of starts) {
      for (let end = nextEnd(data, from); found === undefined && budget > 0; end = nextEnd(data, end + 1)) {
        const reading = data.subarray(from, end)
        budget -= reading.length + HASH_SIZE
        if (equalBytes(hashLeaf(reading), leafOf(tile, i))) found = reading
        if (end >= data.length) break
      }
      if (found === undefined) continue
      if (number !== undefined && from !== start && number !== String(id)) misnumbered.push({ id, written: number })
      break
    }
    if (found === undefined) return { missing: id }
    records.push(found)
    start = found.byteOffset - data.byteOffset + found.length + 1
  }
  return { records, misnumbered }
}

/** Where a record that begins before may end: before the newline at or behind `from`, or with the tile. */
function nextEnd(data: Uint8Array, from: number): number {
  const end = data.indexOf(NEWLINE, from)
  return end === -1 ? data.length : end
}

/** The line of digits at `start`, without its newline. */
function numberAt(data: Uint8Array, start: number): string | undefined {
  const line = fromUtf8(data.subarray(start, Math.min(nextEnd(data, start), start + 17))) ?? ''
  return /^[0-9]{1,16}$/.test(line) && data[start + utf8(line).length] === NEWLINE ? line : undefined
}
