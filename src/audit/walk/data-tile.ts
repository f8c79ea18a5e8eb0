/**
 * The records in a tile: a data tile of a checksum database, where an empty line follows each record and, on some
 * servers, its number precedes it; or an entry bundle of c2sp.org/tlog-tiles, where its length precedes it.
 *
 * A record may contain anything, including the empty line that should separate it from the next. So the leaf hashes,
 * which the caller has authenticated, decide where a record ends; the usual form of data tiles is only tried first.
 *
 * Pure.
 */
import { equalBytes, fromUtf8, toLatin1, utf8, writeLatin1 } from '../../tlog/bytes.js'
import { HASH_SIZE, hashLeaf, leafHashes, type Hash } from '../../tlog/hash.js'

/** How a log serves its records. */
export type RecordLayout = 'data' | 'entries'

/** A tile of records to be read. */
export interface RecordTile {
  /** Number of its first record. */
  readonly first: number
  /** How many records are in it, at most 256. */
  readonly width: number
  /** Their authenticated leaf hashes, concatenated. */
  readonly leaves: Uint8Array
}

/** A record that is preceded by a number other than its own. */
export interface Misnumbered {
  readonly id: number
  readonly written: string
}

/** The records of a tile, as positions in its bytes: most are examined there, without making a view. */
export class TileRecords {
  readonly misnumbered: readonly Misnumbered[]
  readonly #data: Uint8Array
  readonly #spans: Int32Array

  /** `spans` has the beginning and the end of each record. */
  constructor(data: Uint8Array, spans: Int32Array, misnumbered: readonly Misnumbered[] = []) {
    this.#data = data
    this.#spans = spans
    this.misnumbered = misnumbered
  }

  get count(): number {
    return this.#spans.length / 2
  }

  /** The bytes covered by the leaf hashes, in order, as views of the tile. */
  get records(): readonly Uint8Array[] {
    return this.slice(0, this.count)
  }

  /** The records [from, to) of the tile. */
  slice(from: number, to: number): readonly Uint8Array[] {
    const records: Uint8Array[] = []
    this.each(from, to, (data, start, end) => records.push(data.subarray(start, end)))
    return records
  }

  /**
   * Calls `act` for each of the records [from, to) with the bytes of the tile, and the record's beginning and end in
   * them.
   */
  each(from: number, to: number, act: (data: Uint8Array, start: number, end: number, i: number) => void): void {
    for (let i = from; i < to; i++) act(this.#data, this.#spans[2 * i]!, this.#spans[2 * i + 1]!, i)
  }
}

/** The first record of a tile that is not in its bytes. */
export interface NotHeld {
  readonly missing: number
}

const NEWLINE = 0x0a
/**
 * The most bytes hashed in the search for the records of one tile of unusual form: several thousand times those of an
 * honest one.
 */
const MAX_SEARCHED_BYTES = 64 * 1024 * 1024

/** The records of the tile in `data`, which may be longer than the tile: servers may return a wider one. */
export function readRecords(data: Uint8Array, tile: RecordTile, layout: RecordLayout): TileRecords | NotHeld {
  const usual = split(data, tile, layout)
  const hashes = leafHashes(data, usual)
  const leaves = toLatin1(tile.leaves)
  if (usual.length === 2 * tile.width && hashes === leaves) return new TileRecords(data, usual)
  if (layout === 'data') return searchRecords(data, tile)
  let same = 0
  while (same < hashes.length && hashes.startsWith(leaves.slice(same, same + HASH_SIZE), same)) same += HASH_SIZE
  return { missing: tile.first + same / HASH_SIZE }
}

/** The leaf hashes, unverified and concatenated, of the records in `data` if it has the usual form. */
export function claimedLeaves(data: Uint8Array, first: number, width: number, layout: RecordLayout): Uint8Array {
  const text = leafHashes(data, split(data, { first, width }, layout))
  const leaves = new Uint8Array(text.length)
  writeLatin1(text, leaves, 0)
  return leaves
}

function leafOf({ leaves }: RecordTile, i: number): Hash {
  return leaves.subarray(i * HASH_SIZE, (i + 1) * HASH_SIZE)
}

/** Which records are wanted. */
type Wanted = Pick<RecordTile, 'first' | 'width'>

/** The beginning and end of each record in a tile of the usual form; at most `width` of them. */
function split(data: Uint8Array, wanted: Wanted, layout: RecordLayout): Int32Array {
  const spans = new Int32Array(2 * wanted.width)
  const count = layout === 'data' ? splitAtEmptyLines(data, wanted, spans) : splitByLength(data, wanted, spans)
  return spans.subarray(0, 2 * count)
}

/** The usual form of data tiles: no empty line within a record, all numbered or none. Returns the number of records. */
function splitAtEmptyLines(data: Uint8Array, { first, width }: Wanted, spans: Int32Array): number {
  const isNumbered = startsWith(data, 0, `${first}\n`)
  // As text, in which newlines are found three times as fast.
  const text = toLatin1(data)
  let start = 0
  let count = 0
  while (start < data.length && count < width) {
    const end = text.indexOf('\n\n', start)
    const next = end === -1 ? data.length : end + 1
    const number = isNumbered ? `${first + count}\n` : ''
    spans[2 * count] = isNumbered && startsWith(data, start, number) ? start + number.length : start
    spans[2 * count + 1] = next
    count++
    start = next + 1
  }
  return count
}

function startsWith(data: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (data[at + i] !== text.charCodeAt(i)) return false
  return true
}

/** SPEC: c2sp.org/tlog-tiles, Log Entries: each entry behind its length, a big-endian uint16. Returns how many there are. */
function splitByLength(data: Uint8Array, { width }: Wanted, spans: Int32Array): number {
  let start = 0
  let count = 0
  while (start + 2 <= data.length && count < width) {
    const end = start + 2 + data[start]! * 256 + data[start + 1]!
    if (end > data.length) break
    spans[2 * count] = start + 2
    spans[2 * count + 1] = end
    count++
    start = end
  }
  return count
}

/**
 * Finds each record by its leaf hash: with or without a number before it, up to any newline that may be the one after
 * it.
 */
function searchRecords(data: Uint8Array, tile: RecordTile): TileRecords | NotHeld {
  const spans = new Int32Array(2 * tile.width)
  const misnumbered: Misnumbered[] = []
  let start = 0
  let budget = MAX_SEARCHED_BYTES
  for (let i = 0; i < tile.width; i++) {
    const id = tile.first + i
    const number = numberAt(data, start)
    const starts = number === undefined ? [start] : [start + number.length + 1, start]
    let found: number | undefined
    for (const from of starts) {
      for (let end = nextEnd(data, from); found === undefined && budget > 0; end = nextEnd(data, end + 1)) {
        const reading = data.subarray(from, end)
        budget -= reading.length + HASH_SIZE
        if (equalBytes(hashLeaf(reading), leafOf(tile, i))) found = end
        if (end >= data.length) break
      }
      if (found === undefined) continue
      spans[2 * i] = from
      if (number !== undefined && from !== start && number !== String(id)) misnumbered.push({ id, written: number })
      break
    }
    if (found === undefined) return { missing: id }
    spans[2 * i + 1] = found
    start = found + 1
  }
  return new TileRecords(data, spans, misnumbered)
}

/**
 * Where a record that begins before `from` may end: before the next newline from there on, or at the end of the tile.
 */
function nextEnd(data: Uint8Array, from: number): number {
  const end = data.indexOf(NEWLINE, from)
  return end === -1 ? data.length : end
}

/** The line of digits at `start`, without its newline. */
function numberAt(data: Uint8Array, start: number): string | undefined {
  const line = fromUtf8(data.subarray(start, Math.min(nextEnd(data, start), start + 17))) ?? ''
  return /^[0-9]{1,16}$/.test(line) && data[start + utf8(line).length] === NEWLINE ? line : undefined
}
