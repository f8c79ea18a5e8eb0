/**
 * The database as the store uses it: tables, written one batch after another, and reopened after a write failed.
 *
 * Writes that are requested while one is in progress go into the next batch together and share its fsync. Lazy ones go
 * with it, or after a moment; until then reads find them in memory, and one that fails is retried.
 *
 * LevelDB continues after a failed write (a full disk) as if nothing had happened, but its log file is torn there, and
 * what it acknowledges from then on is gone at the next start. Reopening begins a new file after the intact part.
 */
import type { AbstractLevel, AbstractSublevel } from 'abstract-level'
import { GossumError, errorText } from '../errors.js'
import { endOfTurn } from '../lib/timed.js'
import { LazyWrites, merged, type LazyWrite, type Range } from './lazy-writes.js'

/** The underlying database: level in production, memory-level in tests. */
export type Database = AbstractLevel<string | Buffer | Uint8Array>

type Part = AbstractSublevel<Database, string | Buffer | Uint8Array, string, string>

/** A table of a database that may be reopened. */
export interface TableHandle {
  readonly table: string
  readonly part: () => Part
}

/** One change of one record: its new value, or undefined to delete it. */
interface Change {
  readonly key: string
  readonly value: string | undefined
}

/** A change, durable when it ends if `sync`; or an act that must be alone in its batch. */
type Write = { readonly change: Change; readonly sync: boolean } | { readonly act: () => Promise<void> }

interface WaitingLazily {
  readonly place: TableHandle
  readonly lazy: LazyWrite
}

type Waiting =
  | WaitingLazily
  | (Write & {
      readonly place: TableHandle
      readonly resolve: () => void
      readonly reject: (error: unknown) => void
    })

/** The most changes, and characters in their values, in one batch: a batch in progress is held in memory twice. */
const MAX_BATCH = { changes: 1024, characters: 1024 * 1024 }
/** The most milliseconds that a lazy write waits, and that a failed one waits until it is retried. */
const LAZY_MS = 1000

/** How a database is reopened after a write failed. */
export interface Reopening {
  /** Rejects when it could not be opened now: then the previous one stays open, for reads. */
  readonly ready: () => Promise<void>
  /** Opens the same database; the previous one is closed by then. */
  readonly open: () => Promise<Database>
}

export class Disk {
  #db: Database
  readonly #reopening: Reopening | undefined
  /** In the order of the requests. */
  #waiting: Waiting[] = []
  /** How many of the waiting writes are not lazy. */
  #urgent = 0
  readonly lazy = new LazyWrites()
  #lazyTimer: NodeJS.Timeout | undefined
  /** Whether the lazy ones have waited long enough. */
  #lazyAreDue = false
  /** Ends when all requested writes have ended. */
  #writing: Promise<void> | undefined
  #torn = false
  #failure: string | undefined
  #closed = false
  /** Pending while the database is reopened: reads wait for it. */
  #opening: Promise<void> = Promise.resolve()

  /** `reopening` is absent for a database in memory. */
  constructor(db: Database, reopening?: Reopening) {
    this.#db = db
    this.#reopening = reopening
  }

  /** Why the last write failed; undefined if it succeeded. */
  get failure(): string | undefined {
    return this.#failure
  }

  table(name: string): Table {
    let from: Database | undefined
    let part: Part
    return new Table(this, {
      table: name,
      part: () => {
        if (from !== this.#db) part = (from = this.#db).sublevel(name)
        return part
      },
    })
  }

  /** Runs a read. Throws STORE_DAMAGED if the database cannot read it. */
  async read<T>(act: () => Promise<T>): Promise<T> {
    await this.#opening
    try {
      return await act()
    } catch (error) {
      if (this.#torn) throw new GossumError('STORE_WRITE_FAILED', 'it has been closed since a write failed', error)
      if (this.#closed) throw error
      throw new GossumError('STORE_DAMAGED', errorText(error), error)
    }
  }

  /** Writes once all earlier writes have ended. Throws STORE_WRITE_FAILED. */
  write(place: TableHandle, write: Write): Promise<void> {
    this.lazy.outdate(place.table, 'change' in write ? write.change.key : undefined)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ place, ...write, resolve, reject })
      this.#urgent++
      this.#writing ??= this.#writeAll()
    })
  }

  /**
   * Writes with the next batch, or after a moment. Throws STORE_WRITE_FAILED when too much is waiting and cannot be
   * written.
   */
  async writeLazily(place: TableHandle, key: string, value: string): Promise<void> {
    if (this.lazy.isFull()) {
      await this.#writeLazyOnes()
      if (this.lazy.isFull()) throw new GossumError('STORE_WRITE_FAILED', 'too much is waiting to be written')
    }
    const lazy = this.lazy.put(place.table, key, value)
    if (lazy !== undefined) this.#waiting.push({ place, lazy })
    if (this.lazy.areMany()) void this.#writeLazyOnes()
    else this.#writeLazyOnesIn()
  }

  #writeLazyOnesIn(): void {
    if (this.#closed || this.#lazyTimer !== undefined) return
    this.#lazyTimer = setTimeout(() => void this.#writeLazyOnes(), LAZY_MS).unref()
  }

  #writeLazyOnes(): Promise<void> {
    clearTimeout(this.#lazyTimer)
    this.#lazyTimer = undefined
    this.#lazyAreDue = true
    return (this.#writing ??= this.#writeAll())
  }

  async #writeAll(): Promise<void> {
    // What is requested in one turn of the event loop is one batch, even if nothing is in progress.
    await endOfTurn()
    const failed: WaitingLazily[] = []
    while (this.#urgent > 0 || (this.#lazyAreDue && this.#waiting.length > 0)) {
      const batch = this.#nextBatch()
      try {
        if (this.#torn && this.#reopening !== undefined) await this.#openAnew(this.#reopening)
        await this.#commit(batch)
        this.#failure = undefined
        for (const write of batch) {
          if ('lazy' in write) this.lazy.forget(write.lazy)
          else write.resolve()
        }
      } catch (error) {
        this.#torn = this.#reopening !== undefined
        this.#failure = errorText(error)
        for (const write of batch) {
          if ('lazy' in write) failed.push(write)
          else write.reject(new GossumError('STORE_WRITE_FAILED', errorText(error), error))
        }
      }
    }
    this.#lazyAreDue = false
    this.#tryAgain(failed)
    this.#writing = undefined
  }

  /** Failed lazy writes wait for the next round, unless a later write has replaced them. */
  #tryAgain(failed: readonly WaitingLazily[]): void {
    const again = failed.filter(({ lazy }) => {
      if (lazy.isOutdated) this.lazy.forget(lazy)
      else lazy.isOpen = true
      return !lazy.isOutdated
    })
    this.#waiting = [...again, ...this.#waiting]
    if (again.length > 0) this.#writeLazyOnesIn()
  }

  /** What is written next: as many changes as may go together, in order, or one act. */
  #nextBatch(): Waiting[] {
    let characters = 0
    const end = this.#waiting.findIndex((write, i) => {
      if ('act' in write) return true
      characters += ('lazy' in write ? write.lazy : write.change).value?.length ?? 0
      return i >= MAX_BATCH.changes || (i > 0 && characters > MAX_BATCH.characters)
    })
    const batch = this.#waiting.splice(0, end === -1 ? this.#waiting.length : Math.max(end, 1))
    for (const write of batch) {
      if ('lazy' in write) write.lazy.isOpen = false
      else this.#urgent--
    }
    return batch
  }

  #commit(batch: readonly Waiting[]): Promise<void> {
    const [first] = batch
    if (first !== undefined && 'act' in first) return first.act()
    const operations = batch.flatMap((write) => {
      if ('act' in write) return []
      const { key, value } = 'lazy' in write ? write.lazy : write.change
      const prefixed = write.place.part().prefixKey(key, 'utf8')
      return value === undefined
        ? { type: 'del' as const, key: prefixed }
        : { type: 'put' as const, key: prefixed, value }
    })
    return this.#db.batch(operations, { sync: batch.some((write) => 'sync' in write && write.sync) } as object)
  }

  /** Resolves when everything requested was written, or could not be. */
  async flush(): Promise<void> {
    await this.#writing
    await this.#writeLazyOnes()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.flush()
    await this.#db.close()
  }

  async #openAnew(reopening: Reopening): Promise<void> {
    await reopening.ready()
    const opened = (async () => {
      await this.#db.close()
      this.#db = await reopening.open()
      this.#torn = false
    })()
    this.#opening = opened.catch(() => undefined)
    await opened
  }
}

/** One table of the database: text keys, text values. Its reads throw STORE_DAMAGED, its writes STORE_WRITE_FAILED. */
export class Table {
  readonly #disk: Disk
  readonly #place: TableHandle

  constructor(disk: Disk, place: TableHandle) {
    this.#disk = disk
    this.#place = place
  }

  async get(key: string): Promise<string | undefined> {
    const { table, part } = this.#place
    const waiting = this.#disk.lazy.get(table, key)
    if (waiting !== undefined) return waiting
    const stored = await this.#disk.read(() => part().get(key))
    // What was put during this read is what the next read would find.
    return this.#disk.lazy.get(table, key) ?? stored
  }

  async entries(range: Range = {}): Promise<[key: string, value: string][]> {
    const waiting = this.#disk.lazy.in(this.#place.table, range)
    const stored = await this.#disk.read(() => this.#place.part().iterator(range).all())
    return waiting.length === 0 ? stored : merged(stored, waiting, range)
  }

  async keys(range: Range = {}): Promise<string[]> {
    const waiting = this.#disk.lazy.in(this.#place.table, range)
    const stored = await this.#disk.read(() => this.#place.part().keys(range).all())
    if (waiting.length === 0) return stored
    const entries = stored.map((key): [string, string] => [key, ''])
    return merged(entries, waiting, range).map(([key]) => key)
  }

  async values(range: Range = {}): Promise<string[]> {
    return (await this.entries(range)).map(([, value]) => value)
  }

  /** Durable when it resolves. */
  put(key: string, value: string): Promise<void> {
    return this.#disk.write(this.#place, { change: { key, value }, sync: true })
  }

  /** Visible to reads from now on, and written to disk later: for what can be had again. */
  putLazily(key: string, value: string): Promise<void> {
    return this.#disk.writeLazily(this.#place, key, value)
  }

  del(key: string): Promise<void> {
    return this.#disk.write(this.#place, { change: { key, value: undefined }, sync: false })
  }

  clear(range: Range = {}): Promise<void> {
    return this.#disk.write(this.#place, { act: () => this.#place.part().clear(range) })
  }
}
