/**
 * The database as the store uses it: tables, written one batch after another, and opened anew after a write failed.
 *
 * Writes that come while one is under way go into the next batch together, and share its fsync: of fifty logs that
 * move at once each waits for two or three fsyncs, not for a hundred and fifty.
 *
 * LevelDB goes on after a failed write (a full disk) as if nothing had happened, but its log file is torn there, and
 * what it acknowledges from then on is gone at the next start. A new opening begins a new file behind what was whole.
 */
import type { AbstractLevel, AbstractSublevel } from 'abstract-level'
import { GossumError, errorText } from '../errors.js'
import { endOfTurn } from '../timed.js'

/** The database underneath: level in life, memory-level in tests. */
export type Database = AbstractLevel<string | Buffer | Uint8Array>

export interface Range {
  readonly gte?: string
  readonly lt?: string
  readonly reverse?: boolean
  readonly limit?: number
}

type Part = AbstractSublevel<Database, string | Buffer | Uint8Array, string, string>

/** One change of one record. */
type Operation = { readonly part: () => Part; readonly key: string } & (
  { readonly type: 'put'; readonly value: string } | { readonly type: 'del' }
)

/** Operations that may share a batch, durable when it ends if one of them says so; or an act that has to be alone. */
type Write = { readonly operation: Operation; readonly sync: boolean } | { readonly act: () => Promise<void> }

type Waiting = Write & { readonly resolve: () => void; readonly reject: (error: unknown) => void }

/** Operations, and characters in their values, in one batch: a batch under way is held in memory twice. */
const MAX_BATCH = { operations: 1024, characters: 1024 * 1024 }

export class Disk {
  #db: Database
  readonly #reopen: (() => Promise<Database>) | undefined
  readonly #waiting: Waiting[] = []
  /** Ends when all writes that were asked for have ended. */
  #writing: Promise<void> | undefined
  #torn = false
  #closed = false
  /** Under way while the database is opened anew: reads wait for it. */
  #opening: Promise<void> = Promise.resolve()

  /** `reopen` opens the same database again, the one before being closed by then; not for a database in memory. */
  constructor(db: Database, reopen?: () => Promise<Database>) {
    this.#db = db
    this.#reopen = reopen
  }

  table(name: string): Table {
    let from: Database | undefined
    let part: Part
    return new Table(this, () => {
      if (from !== this.#db) part = (from = this.#db).sublevel(name)
      return part
    })
  }

  /** Runs a read. Throws STORE_DAMAGED for what the database cannot read. */
  async read<T>(act: () => Promise<T>): Promise<T> {
    await this.#opening
    try {
      return await act()
    } catch (error) {
      if (this.#torn) throw new GossumError('STORE_WRITE_FAILED', 'it is closed since a write failed', error)
      if (this.#closed) throw error
      throw new GossumError('STORE_DAMAGED', errorText(error), error)
    }
  }

  /** Writes when all writes before it have ended. Throws STORE_WRITE_FAILED. */
  write(write: Write): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ ...write, resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  async #writeAll(): Promise<void> {
    // What is asked for in one turn of the event loop is one batch, also when nothing is under way.
    await endOfTurn()
    for (let batch = this.#nextBatch(); batch.length > 0; batch = this.#nextBatch()) {
      try {
        if (this.#torn && this.#reopen !== undefined) await this.#openAnew(this.#reopen)
        await this.#commit(batch)
        for (const { resolve } of batch) resolve()
      } catch (error) {
        this.#torn = this.#reopen !== undefined
        for (const { reject } of batch) reject(new GossumError('STORE_WRITE_FAILED', errorText(error), error))
      }
    }
    this.#writing = undefined
  }

  /** What is written next: as many operations as may go together, in their order, or one act. */
  #nextBatch(): Waiting[] {
    let characters = 0
    const end = this.#waiting.findIndex((write, i) => {
      if ('act' in write) return true
      if (write.operation.type === 'put') characters += write.operation.value.length
      return i >= MAX_BATCH.operations || (i > 0 && characters > MAX_BATCH.characters)
    })
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1))
  }

  #commit(batch: readonly Waiting[]): Promise<void> {
    const [first] = batch
    if (first !== undefined && 'act' in first) return first.act()
    const shared = batch.flatMap((write) => ('operation' in write ? write : []))
    const operations = shared.map(({ operation: { part, key, ...operation } }) => {
      return { ...operation, key: part().prefixKey(key, 'utf8') }
    })
    return this.#db.batch(operations, { sync: shared.some(({ sync }) => sync) } as object)
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#writing
    await this.#db.close()
  }

  async #openAnew(reopen: () => Promise<Database>): Promise<void> {
    const opened = (async () => {
      await this.#db.close()
      this.#db = await reopen()
      this.#torn = false
    })()
    this.#opening = opened.catch(() => undefined)
    await opened
  }
}

/** One table of the database: text by text. Its reads throw STORE_DAMAGED, its writes STORE_WRITE_FAILED. */
export class Table {
  readonly #disk: Disk
  readonly #part: () => Part

  constructor(disk: Disk, part: () => Part) {
    this.#disk = disk
    this.#part = part
  }

  get(key: string): Promise<string | undefined> {
    return this.#disk.read(() => this.#part().get(key))
  }

  entries(range: Range = {}): Promise<[key: string, value: string][]> {
    return this.#disk.read(() => this.#part().iterator(range).all())
  }

  keys(range: Range = {}): Promise<string[]> {
    return this.#disk.read(() => this.#part().keys(range).all())
  }

  values(range: Range = {}): Promise<string[]> {
    return this.#disk.read(() => this.#part().values(range).all())
  }

  /** Durable when it returns. */
  put(key: string, value: string): Promise<void> {
    return this.#disk.write({ operation: { type: 'put', part: this.#part, key, value }, sync: true })
  }

  /** On disk sooner or later: for what can be had again. */
  putLazily(key: string, value: string): Promise<void> {
    return this.#disk.write({ operation: { type: 'put', part: this.#part, key, value }, sync: false })
  }

  del(key: string): Promise<void> {
    return this.#disk.write({ operation: { type: 'del', part: this.#part, key }, sync: false })
  }

  clear(range: Range = {}): Promise<void> {
    return this.#disk.write({ act: () => this.#part().clear(range) })
  }
}
