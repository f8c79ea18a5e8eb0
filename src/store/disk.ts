/**
 * The database as the store uses it: tables, written one write after another, and opened anew after a write failed.
 *
 * LevelDB goes on after a failed write (a full disk) as if nothing had happened, but its log file is torn there, and
 * what it acknowledges from then on is gone at the next start. A new opening begins a new file behind what was whole.
 */
import type { AbstractLevel } from 'abstract-level'
import { GossumError, errorText } from '../errors.js'

/** The database underneath: level in life, memory-level in tests. */
export type Database = AbstractLevel<string | Buffer | Uint8Array>

export interface Range {
  readonly gte?: string
  readonly lt?: string
  readonly reverse?: boolean
  readonly limit?: number
}

export class Disk {
  #db: Database
  readonly #reopen: (() => Promise<Database>) | undefined
  /** Ends when all writes that were asked for have ended. */
  #tail: Promise<unknown> = Promise.resolve()
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
    let part: Database
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

  /** Runs a write when those before it have ended. Throws STORE_WRITE_FAILED. */
  write(act: () => Promise<void>): Promise<void> {
    const written = this.#tail.then(async () => {
      try {
        if (this.#torn && this.#reopen !== undefined) await this.#openAnew(this.#reopen)
        await act()
      } catch (error) {
        this.#torn = this.#reopen !== undefined
        throw new GossumError('STORE_WRITE_FAILED', errorText(error), error)
      }
    })
    this.#tail = written.catch(() => undefined)
    return written
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#tail
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
  readonly #part: () => Database

  constructor(disk: Disk, part: () => Database) {
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
    return this.#disk.write(() => this.#part().put(key, value, { sync: true } as object))
  }

  /** On disk sooner or later: for what can be had again. */
  putLazily(key: string, value: string): Promise<void> {
    return this.#disk.write(() => this.#part().put(key, value))
  }

  del(key: string): Promise<void> {
    return this.#disk.write(() => this.#part().del(key))
  }

  clear(range: Range = {}): Promise<void> {
    return this.#disk.write(() => this.#part().clear(range))
  }
}
