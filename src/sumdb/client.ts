/**
 * A client of a log. Every answer except that of latestNote is verified before it is returned: heads by the log's
 * signature, records and older roots by tiles that are authenticated, level by level, under a head.
 *
 * The client stores no head: the caller decides which heads to believe, and whether they belong to one history.
 */
import { GossumError, ProofError } from '../errors.js'
import { equalBytes } from '../tlog/bytes.js'
import { parseCheckpoint, SUMDB_ORIGIN, type Checkpoint } from '../tlog/checkpoint.js'
import { EMPTY_ROOT, hashLeaf, type Hash } from '../tlog/hash.js'
import {
  proveRecord,
  proveRecordIndexes,
  proveTree,
  proveTreeIndexes,
  subtreeIndexes,
  treeRoot,
  type HashReader,
  type Tree,
} from '../tlog/merkle.js'
import { proveRecords, proveRecordsIndexes } from '../tlog/multi-proof.js'
import { signedHeadsIn } from '../tlog/cut.js'
import { formatNote, MAX_READ_NOTE_BYTES, parseNote, verifyNote, type VerifierKey } from '../tlog/note.js'
import { recordHashIndex, TILE_HEIGHT, tilePath, type Tile } from '../tlog/tile.js'
import { dialectOf } from './log-layout.js'
import { openSource } from '#open-source'
import type { LogSource } from './log-source.js'
import type { FetcherOptions, WaitOptions } from './fetcher.js'
import { mapBounded } from '../lib/single-flight.js'
import {
  escapeModule,
  type LookupAnswer,
  MAX_LOOKUP_BYTES,
  MAX_TILE_RECORDS,
  parseLookup,
  recordReadings,
  splitDataTile,
} from './module.js'
import { goSumLines } from '../tlog/record.js'
import { TileReader, type TileCache, type TileFallback } from './tiles.js'

export type { TileCache, TileFallback }

/** How many data tiles are fetched concurrently. */
const DATA_CONCURRENCY = 4

export interface SumdbClientOptions extends FetcherOptions {
  /** The log's key, of type 0x01. */
  readonly key: VerifierKey
  /** SUMDB_ORIGIN by default: a log with another origin is served according to c2sp.org/tlog-tiles (log-layout.ts). */
  readonly origin?: string
  /** Stores proven tiles from one run to the next. */
  readonly cache?: TileCache
  /** Asked for full hash tiles when the log cannot be reached. */
  readonly fallback?: TileFallback
  /** Receives the log's clock with each newest head, in milliseconds since 1970. */
  readonly onDate?: (ms: number) => void
  /** How many tiles are fetched concurrently (8). */
  readonly tilesAtOnce?: number
  /** Asked instead of `url`. */
  readonly source?: LogSource
}

export interface LookupOptions extends WaitOptions {
  /**
   * Receives, as a note, each head that the log signed in an answer that is refused: flaws around a head, or an
   * impossible size, are no reason not to judge it.
   */
  readonly onHead?: (note: Uint8Array) => void
}

export interface VerifiedHead {
  readonly head: Checkpoint
  /** The bytes as received. */
  readonly note: Uint8Array
}

export interface VerifiedLookup extends VerifiedHead {
  /** Number of the record in the tree of `head`. */
  readonly id: number
  readonly record: Uint8Array
  /** The go.sum lines of the requested module version from the proven record; at least one. */
  readonly lines: string[]
}

/** Throws RECORD_INVALID unless the record has this leaf hash. */
export function requireRecord(record: Uint8Array, id: number, { size }: Tree, leaf: Hash): void {
  if (!equalBytes(hashLeaf(record), leaf)) {
    throw new GossumError('RECORD_INVALID', `the answer is not record ${id} of the tree of ${size}`)
  }
}

/** A reader of only these stored hashes, each computed once. */
function memoized(indexes: readonly number[], reader: HashReader): HashReader {
  const wanted = [...new Set(indexes)]
  const hashes = reader(wanted)
  const byIndex = new Map(wanted.map((index, i) => [index, hashes[i]!]))
  return (list) => list.map((index) => byIndex.get(index)!)
}

/**
 * A client of one log. All methods throw LOG_UNREACHABLE and LOG_ANSWER_INVALID (see Fetcher), the codes of notes and
 * checkpoints for heads, TILE_INVALID if tiles do not hash to the head, RECORD_INVALID for records that are not in the
 * tree or not the requested ones, and the reason of their signal if it is aborted. Only checksum databases have lookups
 * and records; of other logs, heads and hashes are read.
 */
export class SumdbClient {
  readonly #source: LogSource
  readonly #tiles: TileReader
  readonly #key: VerifierKey
  readonly #origin: string
  readonly #newestHead: string
  readonly #onDate: SumdbClientOptions['onDate']
  /** The last verified head: many consecutive lookups return the same one. */
  #verified: VerifiedHead | undefined

  constructor({
    key,
    origin = SUMDB_ORIGIN,
    cache,
    fallback,
    onDate,
    tilesAtOnce,
    source,
    ...fetching
  }: SumdbClientOptions) {
    this.#source = source ?? openSource(fetching)
    const { newestHead, tilePath } = dialectOf(origin)
    this.#tiles = new TileReader({
      source: this.#source,
      address: tilePath,
      cache,
      fallback,
      atOnce: tilesAtOnce,
    })
    this.#key = key
    this.#origin = origin
    this.#newestHead = newestHead
    this.#onDate = onDate
  }

  /**
   * The answer to /latest, or /checkpoint: at most MAX_READ_NOTE_BYTES, NOT verified. If it is not a note but contains
   * a head signed by the log, that head.
   */
  async latestNote(options?: WaitOptions): Promise<Uint8Array> {
    // Not with tiles: they may come from a cache that does not say how old they are.
    const onDate = this.#onDate
    const get = { ...options, ...(onDate && { onDate }) }
    const answer = await this.#source.get(this.#newestHead, MAX_READ_NOTE_BYTES, get)
    try {
      parseNote(answer)
      return answer
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      const [head] = signedHeadsIn(answer, this.#key, this.#origin)
      return head === undefined ? answer : formatNote(head)
    }
  }

  /** The newest head that the log shows, with verified signature and origin. */
  async latest(options?: WaitOptions): Promise<VerifiedHead> {
    const note = await this.latestNote(options)
    return { head: this.#verifyHead(note), note }
  }

  /**
   * Looks up a module version: its record, proven to be in the tree of the head that came with it. That head is
   * verified but may be old, and is not compared with other heads. Throws MODULE_INVALID for a module version that
   * cannot be requested.
   */
  async lookup(path: string, version: string, options?: LookupOptions): Promise<VerifiedLookup> {
    const { id, record, head, note } = await this.ask(path, version, options)
    const [leaf] = await this.leafHashes(head, [id], options)
    requireRecord(record, id, head, leaf!)
    // SPEC: golang.org/design/25530-sumdb, Proposal: the record is checked against the tree before its lines are used.
    // Only the record is used: the text around it in the answer is unproven.
    return { id, record, lines: goSumLines(record, path, version), head, note }
  }

  /**
   * The log's answer to a lookup: the record and its number are NOT proven; the head that came with them is verified,
   * and large enough to cover the record. For callers that prove the record under a head of their own.
   */
  async ask(path: string, version: string, options?: LookupOptions): Promise<LookupAnswer & VerifiedHead> {
    const answer = await this.#source.get(`lookup/${escapeModule(path, version)}`, MAX_LOOKUP_BYTES, options)
    try {
      const { id, record, note } = parseLookup(answer)
      const head = this.#verifyHead(note)
      if (id >= head.size) throw new GossumError('RECORD_INVALID', `record ${id} in a tree of ${head.size}`)
      return { id, record, head, note }
    } catch (error) {
      const heads = options?.onHead === undefined ? [] : signedHeadsIn(answer, this.#key, this.#origin)
      for (const head of heads) options?.onHead?.(formatNote(head))
      throw error
    }
  }

  /** The leaf hashes of these records of the head's tree, in their order, each 0 <= id < head.size. */
  async leafHashes(head: Tree, ids: readonly number[], options?: WaitOptions): Promise<Hash[]> {
    const indexes = ids.map(recordHashIndex)
    return (await this.#tiles.read(head, indexes, options))(indexes)
  }

  /** The authenticated bytes of a hash tile of the head's tree. Throws ProofError beyond its size. */
  tile(head: Tree, tile: Tile, options?: WaitOptions): Promise<Uint8Array> {
    return this.#tiles.readTile(head, tile, options)
  }

  /** The records [from, to) of the head's tree, each proven under it; 0 <= from <= to <= head.size. */
  async records(head: Tree, from: number, to: number, options: WaitOptions = {}): Promise<Uint8Array[]> {
    if (!Number.isSafeInteger(from) || from < 0 || from > to || to > head.size) {
      throw new ProofError('PROOF_INVALID', `no records ${from} to ${to} in a tree of ${head.size}`)
    }
    const tiles: Tile[] = []
    for (let index = Math.floor(from / MAX_TILE_RECORDS); index * MAX_TILE_RECORDS < to; index++) {
      const width = Math.min(MAX_TILE_RECORDS, head.size - index * MAX_TILE_RECORDS)
      tiles.push({ height: TILE_HEIGHT, level: -1, index, width })
    }
    const parts = await mapBounded(tiles, DATA_CONCURRENCY, options.signal, async (tile, signal) => {
      const first = tile.index * MAX_TILE_RECORDS
      const [data, leaves] = await Promise.all([
        this.#tiles.readData(tile, { signal }),
        this.leafHashes(
          head,
          Array.from({ length: tile.width }, (_, i) => first + i),
          { signal },
        ),
      ])
      const records = splitDataTile(data)
      const proven = leaves.map((leaf, i) => {
        const record = recordReadings(records[i] ?? new Uint8Array()).find((reading) =>
          equalBytes(hashLeaf(reading), leaf),
        )
        if (record === undefined)
          throw new GossumError('RECORD_INVALID', `${tilePath(tile)} does not hold record ${first + i}`)
        return record
      })
      return proven.slice(Math.max(from - first, 0), to - first)
    })
    return parts.flat()
  }

  /** The leaf hash of a record of the head's tree, and its proof (checkRecord); 0 <= index < head.size. */
  async recordProof(head: Tree, index: number, options?: WaitOptions): Promise<{ leaf: Hash; proof: Hash[] }> {
    const indexes = [recordHashIndex(index), ...proveRecordIndexes(head.size, index)]
    const read = await this.#tiles.read(head, indexes, options)
    return { leaf: read([recordHashIndex(index)])[0]!, proof: proveRecord(head.size, index, read) }
  }

  /**
   * The root of the first `size` records of the head's tree and its proof (checkTree), both from tiles authenticated
   * under the head; 0 <= size <= head.size. Size 0 gives EMPTY_ROOT and no proof, head.size the root of the head and no
   * proof. A head of that size with another root belongs to another history.
   */
  async prefix(head: Tree, size: number, options?: WaitOptions): Promise<{ root: Hash; proof: Hash[] }> {
    if (size === 0) return { root: EMPTY_ROOT, proof: [] }
    if (size === head.size) return { root: head.root, proof: [] }
    const indexes = [...proveTreeIndexes(head.size, size), ...subtreeIndexes(0, size)]
    const read = memoized(indexes, await this.#tiles.read(head, indexes, options))
    return { root: treeRoot(size, read), proof: proveTree(head.size, size, read) }
  }

  /** The roots of the first `sizes` records of the head's tree, as from prefix(); each tile is read once for all. */
  async roots(head: Tree, sizes: readonly number[], options?: WaitOptions): Promise<Hash[]> {
    const inner = sizes.filter((size) => size !== head.size)
    const indexes = [...new Set(inner.flatMap((size) => subtreeIndexes(0, size)))]
    const read = await this.#tiles.read(head, indexes, options)
    return sizes.map((size) => (size === head.size ? head.root : treeRoot(size, read)))
  }

  /** The proof that these records, with ascending numbers, are in the head's tree (checkRecords). */
  async recordsProof(head: Tree, ids: readonly number[], options?: WaitOptions): Promise<Hash[]> {
    const read = await this.#tiles.read(head, proveRecordsIndexes(head.size, ids), options)
    return proveRecords(head.size, ids, read)
  }

  #verifyHead(bytes: Uint8Array): Checkpoint {
    if (this.#verified !== undefined && equalBytes(this.#verified.note, bytes)) return this.#verified.head
    const note = parseNote(bytes)
    verifyNote(note, this.#key)
    const head = parseCheckpoint(note.text)
    // SPEC: c2sp.org/tlog-checkpoint, Note text: the origin identifies the log, whoever's URL served the head.
    if (head.origin !== this.#origin)
      throw new GossumError('ORIGIN_MISMATCH', JSON.stringify(head.origin.slice(0, 100)))
    this.#verified = { head, note: bytes.slice() }
    return head
  }
}
