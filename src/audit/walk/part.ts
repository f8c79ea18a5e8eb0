/**
 * Audits a range of records of one tree: reads them, each proven to be in the tree, and judges them. Faults are
 * reported, and the rest continues; if something is unavailable, that is reported, and the range is not done.
 *
 * Trusted: the head of the tree. Not trusted: the source of tiles.
 */
import { errorCode, GossumError } from '../../errors.js'
import { attempted } from '../../errors/attempt.js'
import { dialectOf } from '../../sumdb/log-layout.js'
import type { LogSource } from '../../sumdb/log-source.js'
import { StatusError } from '../../sumdb/fetcher.js'
import { eitherWidth, MAX_DATA_TILE_BYTES } from '../../sumdb/tiles.js'
import { equalBytes } from '../../tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../tlog/checkpoint.js'
import { HASH_SIZE, type Hash } from '../../tlog/hash.js'
import { subtreeIndexes } from '../../tlog/merkle.js'
import { tilePath, tileRoot, type Tile } from '../../tlog/tile.js'
import type { Finding } from '../finding.js'
import { claimedLeaves, readRecords, type RecordLayout, type TileRecords } from './data-tile.js'
import { WrongTile, type HashTiles } from './hash-tiles.js'
import { KeyCollector, type KeySeed } from './module-keys.js'
import { RecordJudge } from './record-judge.js'
import { MAX_FINDINGS, TILE_RECORDS, UNIT_RECORDS, type Missing, type Part, type PartRange } from './unit.js'
import { walkFinding } from './walk-rules.js'

/** The largest entry bundle, in bytes: 256 entries of 65,535 bytes, each preceded by its length. */
const MAX_BUNDLE_BYTES = TILE_RECORDS * (2 ** 16 + 1)
/** The sources of records. */
export interface RecordReading {
  readonly tiles: HashTiles
  readonly source: LogSource
  readonly origin: string
  readonly signal?: AbortSignal | undefined
}

export interface PartReading extends RecordReading {
  readonly seed: KeySeed
  /** How many tiles are fetched concurrently. */
  readonly atOnce: number
  /** Receives the proven records, tile by tile, in order. */
  readonly onRecords?: ((first: number, records: readonly Uint8Array[]) => void) | undefined
}

/** The records of one tile, as read. */
interface ReadTile {
  readonly index: number
  /** Undefined if the records were unavailable, or are not those of the tree. */
  readonly read: TileRecords | undefined
  readonly findings: readonly Finding[]
  readonly missing: readonly Missing[]
}

/** Audits the range. Throws the signal's reason, and nothing that a log or a network can cause. */
export async function auditPart(range: PartRange, reading: PartReading): Promise<Part> {
  const { tiles, origin, seed, atOnce, onRecords } = reading
  const [first, end] = [Math.floor(range.from / TILE_RECORDS), Math.ceil(range.to / TILE_RECORDS)]
  const result = new PartCollector(range)
  const judge = new RecordJudge(origin === SUMDB_ORIGIN, seed)
  // Without the tile above, none of these can be authenticated, and each would request it again.
  const above = await attempted(parentOf(first, reading))
  if (above instanceof GossumError) return result.refused(above, tilePath(dataTile(first, tiles)))
  for (let from = first; from < end; from += atOnce) {
    reading.signal?.throwIfAborted()
    const indexes = Array.from({ length: Math.min(atOnce, end - from) }, (_, i) => from + i)
    const batch = await Promise.all(indexes.map((index) => readTile(index, reading)))
    for (const { index, read, findings, missing } of batch) {
      result.add(findings, missing)
      if (read === undefined) continue
      const start = Math.max(range.from - index * TILE_RECORDS, 0)
      const stop = Math.min(read.count, range.to - index * TILE_RECORDS)
      for (const { id: at, written } of read.misnumbered)
        if (at >= range.from && at < range.to)
          result.add([walkFinding('record-number', `it is numbered ${written}`, { id: at })], [])
      result.judge(index * TILE_RECORDS, read, { from: start, to: stop }, judge)
      onRecords?.(index * TILE_RECORDS + start, read.slice(start, stop))
    }
  }
  const isAligned = range.from % UNIT_RECORDS === 0
  return result.done(isAligned && result.isWhole ? await hashesOf(range, tiles, reading.signal) : [])
}

async function parentOf(index: number, { tiles, signal }: RecordReading): Promise<unknown> {
  return tiles.isEdge(0, index) ? undefined : tiles.rootOf(0, index, signal)
}

function hashesOf({ from, to }: PartRange, tiles: HashTiles, signal?: AbortSignal): Promise<Hash[]> {
  return Promise.all(subtreeIndexes(from, to).map((index) => tiles.hash(index, signal)))
}

function dataTile(index: number, tiles: HashTiles): Tile {
  return { ...tiles.tileAt(0, index), level: -1 }
}

/**
 * The bytes of one record, proven to be in the tree. Throws what prevents that: RECORD_INVALID if its tile does not
 * contain it.
 */
export async function provenRecord(id: number, reading: RecordReading): Promise<Uint8Array> {
  const index = Math.floor(id / TILE_RECORDS)
  const { read, findings, missing } = await readTile(index, reading)
  if (read !== undefined) return read.records[id - index * TILE_RECORDS]!
  throw new GossumError('RECORD_INVALID', findings[0]?.detail ?? missing[0]?.why)
}

/** Reads the records of one tile, and reports why some cannot be read. */
async function readTile(index: number, reading: RecordReading): Promise<ReadTile> {
  const { tiles, source, origin, signal } = reading
  const layout: RecordLayout = origin === SUMDB_ORIGIN ? 'data' : 'entries'
  const tile = dataTile(index, tiles)
  const address = dialectOf(origin).tilePath
  const bound = layout === 'data' ? MAX_DATA_TILE_BYTES : MAX_BUNDLE_BYTES
  const options = signal === undefined ? {} : { signal }
  const [hashes, data] = await Promise.all([
    attempted(tiles.read(0, index, signal)),
    attempted(eitherWidth(tile, (asked) => source.get(address(asked), bound, options))),
  ])
  const problems = new Problems(index)
  if (hashes instanceof GossumError) problems.add(hashes, tilePath(tiles.tileAt(0, index)), 'hash-tile')
  if (data instanceof GossumError) problems.add(data, tilePath(tile), 'data-tile')
  if (data instanceof GossumError) return problems.without()
  const first = index * TILE_RECORDS
  const leaves = hashes instanceof GossumError ? await leavesOf(data, tile, layout, reading) : hashes
  if (leaves === undefined) return problems.without()
  const read = readRecords(data, { first, width: tile.width, leaves }, layout)
  if ('records' in read) return problems.beside(read)
  problems.wrong('data-tile', tilePath(tile), `${tilePath(tile)} does not hold record ${read.missing}`)
  return problems.without()
}

/**
 * The leaf hashes of a tile whose hashes are unavailable: those of its records, if they fold to the entry in the tile
 * above. So a wrong or missing hash tile hides no record.
 */
async function leavesOf(
  data: Uint8Array,
  tile: Tile,
  layout: RecordLayout,
  { tiles, signal }: RecordReading,
): Promise<Uint8Array | undefined> {
  if (tile.width < TILE_RECORDS) return undefined
  const leaves = claimedLeaves(data, tile.index * TILE_RECORDS, tile.width, layout)
  const expected = await attempted(tiles.rootOf(0, tile.index, signal))
  if (expected instanceof GossumError || leaves.length !== TILE_RECORDS * HASH_SIZE) return undefined
  return equalBytes(tileRoot(leaves), expected) ? leaves : undefined
}

/** The problems of one tile. */
class Problems {
  readonly #index: number
  readonly #findings: Finding[] = []
  readonly #missing: Missing[] = []

  constructor(index: number) {
    this.#index = index
  }

  add(error: GossumError, tile: string, rule: 'hash-tile' | 'data-tile'): void {
    if (error instanceof WrongTile) this.wrong(rule, error.tile, error.message)
    else if (isWrongAnswer(error)) this.wrong(rule, tile, error.message)
    // An error of our own disk, not of the log.
    else if (errorCode(error) === 'FILE_UNWRITABLE') throw error
    else this.#missing.push({ what: tile, why: error.message })
  }

  wrong(rule: 'hash-tile' | 'data-tile', tile: string, why: string): void {
    this.#findings.push(walkFinding(rule, why, { tile }))
  }

  without(): ReadTile {
    return this.beside(undefined)
  }

  beside(read: TileRecords | undefined): ReadTile {
    return { index: this.#index, read, findings: this.#findings, missing: this.#missing }
  }
}

/** Whether there is an answer that cannot be a tile: it is larger than any. */
function isWrongAnswer(error: GossumError): boolean {
  return errorCode(error) === 'LOG_ANSWER_INVALID' && !(error instanceof StatusError)
}

class PartCollector {
  readonly #range: PartRange
  readonly #keys = new KeyCollector()
  readonly #findings: Finding[] = []
  readonly #missing: Missing[] = []
  readonly #counts = { error: 0, note: 0 }
  #audited = 0

  constructor(range: PartRange) {
    this.#range = range
  }

  /** Whether every record was read, and nothing except records was wrong. */
  get isWhole(): boolean {
    return this.#audited === this.#range.to - this.#range.from
  }

  add(findings: readonly Finding[], missing: readonly Missing[]): void {
    for (const finding of findings) {
      this.#counts[finding.level]++
      if (this.#findings.length < MAX_FINDINGS) this.#findings.push(finding)
    }
    this.#missing.push(...missing)
  }

  /** Judges the records [from, to) that are in the tile whose first record is numbered `first`. */
  judge(first: number, read: TileRecords, { from, to }: PartRange, judge: RecordJudge): void {
    this.#audited += to - from
    if (!judge.hasRules) return
    read.each(from, to, (data, start, end, i) => {
      const { findings, key } = judge.judgeAt(data, start, end, first + i)
      if (findings.length > 0) this.add(findings, [])
      if (key !== undefined) this.#keys.add(key, first + i - this.#range.from)
    })
  }

  /** The result if nothing of the range can be read. */
  refused(error: GossumError, tile: string): Part {
    const problems = new Problems(0)
    problems.add(error, tile, 'hash-tile')
    const { findings, missing } = problems.without()
    this.add(findings, missing)
    return this.done([])
  }

  done(hashes: readonly Hash[]): Part {
    const { from, to } = this.#range
    const [audited, counts, findings, missing] = [this.#audited, this.#counts, this.#findings, this.#missing]
    return { from, to, audited, counts, findings, hashes, keys: this.#keys.take(), missing }
  }
}
