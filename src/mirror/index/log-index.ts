/**
 * The index of one checksum database: which module version each record is about, by number and by module. The auditor
 * fills it, so its content was proven; it can be rebuilt from the log at any time. A range of records is either
 * completely in it, on disk, or not at all.
 *
 * Trusted: the folder. Whoever fills it has proven the records.
 */
import { mkdir } from 'node:fs/promises'
import { GossumError, errorText } from '../../errors.js'
import { Serial } from '../../lib/serial.js'
import type { Database } from '../../store/disk.js'
import { obstacleIn } from '../../store/obstacle.js'
import { openDatabase } from '../../store/open-database.js'
import {
  blockKey,
  BLOCK_RECORDS,
  idIn,
  keysOfPath,
  lineOf,
  blockLines,
  moduleIn,
  versionKey,
  blockWith,
  type IndexedRecord,
} from './indexed-records.js'
import { formatRanges, gapsIn, parseRanges, withRange, type RecordRange } from './ranges.js'

/** The key of the completed ranges. */
const RANGES = 'ranges'
/** Blocks read at once. */
const AT_ONCE = 64
/** Records about no module version that are skipped at once: an honest log has none. */
const MAX_PASSED = 2 ** 20
/** The most records of one path that are examined: in the public log, the most active paths have about ten thousand. */
const MAX_OF_PATH = 200_000

/** Writes per batch: a batch is prepared in one turn of the event loop, during which nothing else is answered. */
const MAX_BATCH = 1024

interface Put {
  readonly type: 'put'
  readonly key: string
  readonly value: string
}

/** Lines of consecutive records, and the number of the first. */
type Given = readonly [first: number, lines: readonly string[]]

export class LogIndex {
  #db: Database
  readonly #reopen: (() => Promise<Database>) | undefined
  /** Whether a write failed: what LevelDB accepts after that would be lost at the next start (store/disk.ts). */
  #isTorn = false
  readonly #serial = new Serial()
  #ranges: readonly RecordRange[]
  /** Lines that are not stored yet, by the number of their first record: those of two units at most. */
  readonly #given = new Map<number, readonly string[]>()

  private constructor(db: Database, ranges: readonly RecordRange[], reopen?: () => Promise<Database>) {
    this.#db = db
    this.#ranges = ranges
    this.#reopen = reopen
  }

  /** Opens or creates the index in a folder. Throws STORE_LOCKED, STORE_DAMAGED and HOME_UNUSABLE. */
  static async open(dir: string): Promise<LogIndex> {
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      return await LogIndex.over(await openDatabase(dir, true), () => openDatabase(dir, false))
    } catch (error) {
      throw await obstacleIn(dir, error)
    }
  }

  /**
   * An index in any open database. Unreadable ranges count as none: everything is read again. `reopen` is used after a
   * failed write.
   */
  static async over(db: Database, reopen?: () => Promise<Database>): Promise<LogIndex> {
    return new LogIndex(db, parseRanges((await db.get<string, string>(RANGES, {})) ?? '[]') ?? [], reopen)
  }

  /** The number of records that are in it without a gap, from the first one of the log. */
  get size(): number {
    const [first] = this.#ranges
    return first?.from === 0 ? first.to : 0
  }

  // ---- filling ---------------------------------------------------------------------------------------------------

  /** The parts of a range that are not in it. */
  missing(range: RecordRange): RecordRange[] {
    return gapsIn(this.#ranges, range)
  }

  /** Receives proven records, the first of which is numbered `first`; they count only once their range is complete. */
  take(first: number, records: readonly Uint8Array[]): void {
    this.#given.set(first, records.map(lineOf))
  }

  /**
   * The range was given completely: it is on disk when this returns. Throws STORE_WRITE_FAILED, and then stores nothing
   * of it.
   */
  keep(range: RecordRange): Promise<void> {
    const given = this.#taken(range)
    return this.#serial.run(RANGES, async () => {
      await this.#mend()
      const ranges = withRange(this.#ranges, range)
      try {
        for (const operations of this.#chunked(await this.#puts(given))) await this.#write(operations)
        // Written last: if the process ends before, nothing of the range counts.
        await this.#write([{ type: 'put', key: RANGES, value: formatRanges(ranges) }])
      } catch (error) {
        this.#isTorn = this.#reopen !== undefined
        throw new GossumError('STORE_WRITE_FAILED', errorText(error), error)
      }
      this.#ranges = ranges
    })
  }

  /** Discards what was given of a range, which was not completely available. */
  drop(range: RecordRange): void {
    this.#taken(range)
  }

  /** The writes for these records: their blocks, merged with what partial blocks have, and a key for each record. */
  async #puts(given: readonly Given[]): Promise<Put[]> {
    const blocks = new Map<number, string>()
    const keys: Put[] = []
    for (const [first, lines] of given) {
      for (let id = first; id < first + lines.length;) {
        const block = Math.floor(id / BLOCK_RECORDS)
        const end = Math.min((block + 1) * BLOCK_RECORDS, first + lines.length)
        const known = blocks.get(block) ?? (await this.#block(block))
        blocks.set(block, blockWith(known, id % BLOCK_RECORDS, lines.slice(id - first, end - first)))
        id = end
      }
      lines.forEach((line, i) => {
        const module = moduleIn(line)
        if (module !== undefined) keys.push({ type: 'put', key: versionKey(module.path, first + i), value: '' })
      })
    }
    return [...[...blocks].map(([block, text]): Put => ({ type: 'put', key: blockKey(block), value: text })), ...keys]
  }

  /** Each write is synced: once LevelDB has switched to another log file, a later sync does not cover it. */
  #write(operations: Put[]): Promise<void> {
    return this.#db.batch(operations, { sync: true } as object)
  }

  *#chunked(puts: readonly Put[]): Generator<Put[]> {
    for (let at = 0; at < puts.length; at += MAX_BATCH) yield puts.slice(at, at + MAX_BATCH)
  }

  /** Reopens the database after a failed write. Reads fail meanwhile. */
  async #mend(): Promise<void> {
    if (!this.#isTorn) return
    try {
      await this.#db.close()
      this.#db = await this.#reopen!()
      this.#isTorn = false
    } catch (error) {
      throw new GossumError('STORE_WRITE_FAILED', errorText(error), error)
    }
  }

  /** Removes and returns what was given of a range. */
  #taken({ from, to }: RecordRange): Given[] {
    const given = [...this.#given].filter(([first]) => first >= from && first < to)
    for (const [first] of given) this.#given.delete(first)
    return given
  }

  // ---- asking ----------------------------------------------------------------------------------------------------

  /**
   * The module versions of the records from `from` on, in order, at most `limit`; fewer before the end only if
   * MAX_PASSED records are about none.
   */
  async records(from: number, limit: number): Promise<IndexedRecord[]> {
    const end = Math.min(this.size, from + limit + MAX_PASSED)
    const found: IndexedRecord[] = []
    for (let block = Math.floor(from / BLOCK_RECORDS); block * BLOCK_RECORDS < end; block += AT_ONCE) {
      const blocks = await this.#blocks(Array.from({ length: AT_ONCE }, (_, i) => block + i))
      for (const [i, text] of blocks.entries()) {
        const first = (block + i) * BLOCK_RECORDS
        for (const [at, line] of blockLines(text).entries()) {
          const id = first + at
          const module = id >= from && id < end ? moduleIn(line) : undefined
          if (module === undefined) continue
          found.push({ id, ...module })
          if (found.length === limit) return found
        }
      }
    }
    return found
  }

  /** The versions of a path with the first record of each, in the log's order. */
  async versions(path: string): Promise<{ version: string; id: number }[]> {
    const range = { ...keysOfPath(path), limit: MAX_OF_PATH }
    const keys = await this.#reading(() => this.#db.keys<string>(range).all())
    const ids = keys.map(idIn).filter((id) => id < this.size)
    const first = new Map<string, number>()
    for (let at = 0; at < ids.length; at += AT_ONCE) {
      const some = ids.slice(at, at + AT_ONCE)
      const blocks = await this.#blocks(some.map((id) => Math.floor(id / BLOCK_RECORDS)))
      for (const [i, id] of some.entries()) {
        const version = moduleIn(blockLines(blocks[i])[id % BLOCK_RECORDS])?.version
        if (version !== undefined && !first.has(version)) first.set(version, id)
      }
    }
    return [...first].map(([version, id]) => ({ version, id }))
  }

  async close(): Promise<void> {
    await this.#serial.run(RANGES, () => this.#db.close())
  }

  #block(block: number): Promise<string | undefined> {
    return this.#reading(() => this.#db.get<string, string>(blockKey(block), {}))
  }

  #blocks(blocks: readonly number[]): Promise<(string | undefined)[]> {
    return this.#reading(() => this.#db.getMany<string, string>(blocks.map(blockKey), {}))
  }

  async #reading<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      throw new GossumError('STORE_DAMAGED', errorText(error), error)
    }
  }
}
