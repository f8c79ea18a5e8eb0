/**
 * The index of one checksum database: which module version each of its records is about, by number and by module. The auditor's
 * walk fills it, so that what is in it was proven; it can be made again from the log at any time. A range of records is in it
 * as a whole, on disk, or not at all.
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

/** The key of the ranges that are whole. */
const RANGES = 'ranges'
/** Blocks that are read at once. */
const AT_ONCE = 64
/** Records about no module version that are passed over at once: no honest log has any. */
const MAX_PASSED = 2 ** 20
/** The most records of one path that are looked at: the public log has some ten thousand of the most active ones. */
const MAX_OF_PATH = 200_000

/** Writes in one batch: they are prepared in one turn of the event loop, in which nothing else is answered. */
const MAX_BATCH = 1024

interface Put {
  readonly type: 'put'
  readonly key: string
  readonly value: string
}

/** Lines of records, the first of which has this number. */
type Given = readonly [first: number, lines: readonly string[]]

export class LogIndex {
  #db: Database
  readonly #reopen: (() => Promise<Database>) | undefined
  /** Whether a write failed: what LevelDB takes from then on would be gone at the next start (store/disk.ts). */
  #isTorn = false
  readonly #serial = new Serial()
  #ranges: readonly RecordRange[]
  /** What was given and is not kept yet, by the number of its first record: of two units at most. */
  readonly #given = new Map<number, readonly string[]>()

  private constructor(db: Database, ranges: readonly RecordRange[], reopen?: () => Promise<Database>) {
    this.#db = db
    this.#ranges = ranges
    this.#reopen = reopen
  }

  /** Opens the index in a folder, or makes it. Throws STORE_LOCKED, STORE_DAMAGED and HOME_UNUSABLE. */
  static async open(dir: string): Promise<LogIndex> {
    try {
      await mkdir(dir, { recursive: true, mode: 0o700 })
      return await LogIndex.over(await openDatabase(dir, true), () => openDatabase(dir, false))
    } catch (error) {
      throw await obstacleIn(dir, error)
    }
  }

  /** An index over any open database. Ranges that cannot be read are none: all is read again. `reopen` is for after a write that failed. */
  static async over(db: Database, reopen?: () => Promise<Database>): Promise<LogIndex> {
    return new LogIndex(db, parseRanges((await db.get<string, string>(RANGES, {})) ?? '[]') ?? [], reopen)
  }

  /** Up to which record all are in it, from the first of the log on. */
  get size(): number {
    const [first] = this.#ranges
    return first?.from === 0 ? first.to : 0
  }

  // ---- filling ---------------------------------------------------------------------------------------------------

  /** What of a range is not in it. */
  missing(range: RecordRange): RecordRange[] {
    return gapsIn(this.#ranges, range)
  }

  /** Takes proven records, the first of which has the number `first`; they count with the whole range only. */
  take(first: number, records: readonly Uint8Array[]): void {
    this.#given.set(first, records.map(lineOf))
  }

  /** A range was given whole: it is on disk when this returns. Throws STORE_WRITE_FAILED, and keeps nothing of it then. */
  keep(range: RecordRange): Promise<void> {
    const given = this.#taken(range)
    return this.#serial.run(RANGES, async () => {
      await this.#mend()
      const ranges = withRange(this.#ranges, range)
      try {
        for (const operations of this.#chunked(await this.#puts(given))) await this.#write(operations)
        // Last: a process that ends before has kept nothing that counts.
        await this.#write([{ type: 'put', key: RANGES, value: formatRanges(ranges) }])
      } catch (error) {
        this.#isTorn = this.#reopen !== undefined
        throw new GossumError('STORE_WRITE_FAILED', errorText(error), error)
      }
      this.#ranges = ranges
    })
  }

  /** What was given of a range does not count: not all of it could be had. */
  drop(range: RecordRange): void {
    this.#taken(range)
  }

  /** What is written of records: their blocks, those that are there in part with what they have, and a key for each. */
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

  /** Each is synced: of a log file that LevelDB has left behind, a later sync says nothing. */
  #write(operations: Put[]): Promise<void> {
    return this.#db.batch(operations, { sync: true } as object)
  }

  *#chunked(puts: readonly Put[]): Generator<Put[]> {
    for (let at = 0; at < puts.length; at += MAX_BATCH) yield puts.slice(at, at + MAX_BATCH)
  }

  /** Opens the database anew after a write failed. Reads that come meanwhile fail. */
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

  /** What was given of a range, which is forgotten. */
  #taken({ from, to }: RecordRange): Given[] {
    const given = [...this.#given].filter(([first]) => first >= from && first < to)
    for (const [first] of given) this.#given.delete(first)
    return given
  }

  // ---- asking ----------------------------------------------------------------------------------------------------

  /**
   * The module versions of the records from `from` on, below the size, in order, `limit` of them at most; fewer before the
   * end only when MAX_PASSED records are about none.
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
