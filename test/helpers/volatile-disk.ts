/**
 * A disk in memory that distinguishes what was written from what is durable, and that can be made to fail: the
 * journal's file, and a database. A crash drops or tears at random what was not synced.
 */
import { MemoryLevel } from 'memory-level'
import type { JournalFile } from '../../src/store/journal-file.js'

/** Where the file can be made to fail. `renamed` is the point of a replacement before the directory is synced. */
export type Place = 'read' | 'append' | 'datasync' | 'truncate' | 'replace' | 'renamed'

/** What happens there: a system error or, for an append, that only a part of the bytes is written. */
export type Fault = 'EIO' | 'ENOSPC' | 'short'

/** Numbers from 0 to below 1. */
export type Chance = () => number

/** The same numbers for the same seed (mulberry32). */
export function seeded(seed: number): Chance {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const PAGE = 512

/** The file of a journal, in memory. It does not exist at first. */
export class MemoryJournal implements JournalFile {
  /** Called at each place: a fault, or undefined. */
  fault: (place: Place) => Fault | undefined = () => undefined
  /** What a read returns; undefined without a file. */
  #written: Uint8Array | undefined
  /** What was on disk at the last sync, and each version of the file since. */
  #images: (Uint8Array | undefined)[]
  /** Bytes that a failed sync dropped: no later sync writes them to disk. */
  #dropped: [from: number, to: number][] = []
  #crashed = false

  constructor(content?: Uint8Array) {
    this.#written = content
    this.#images = [content]
  }

  /** What a read returns. */
  get content(): Uint8Array | undefined {
    return this.#written
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#passing('read', () => this.#written)
  }

  append(bytes: Uint8Array): number {
    const fault = this.#pass('append')
    const taken = fault === undefined ? bytes.length : Math.floor(bytes.length / 2)
    this.#become(Buffer.concat([this.#written ?? new Uint8Array(), bytes.subarray(0, taken)]))
    if (fault === 'short' || fault === undefined) return taken
    throw failure(fault)
  }

  datasync(): Promise<void> {
    const durable = this.#images[0]?.length ?? 0
    const fault = this.#pass('datasync')
    if (fault !== undefined) {
      this.#dropped.push([durable, this.#written?.length ?? 0])
      return Promise.reject(failure(fault))
    }
    const synced = this.#written === undefined ? undefined : Uint8Array.from(this.#written)
    for (const [from, to] of this.#dropped) synced?.fill(0, from, to)
    this.#images = [synced]
    return Promise.resolve()
  }

  truncate(length: number): Promise<void> {
    return this.#passing('truncate', () => this.#become((this.#written ?? new Uint8Array()).slice(0, length)))
  }

  async replace(bytes: Uint8Array): Promise<void> {
    await this.#passing('replace', () => undefined)
    this.#become(Uint8Array.from(bytes))
    await this.#passing('renamed', () => undefined)
    this.#images = [this.#written]
    this.#dropped = []
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  /** The file as it is after a crash: what was not synced is dropped or torn. This object cannot be used any more. */
  crash(chance: Chance): MemoryJournal {
    this.#crashed = true
    return this.afterCrash(chance)
  }

  /** The file as it would be after a crash now. */
  afterCrash(chance: Chance): MemoryJournal {
    const durable = this.#images[0]
    const image = this.#images[Math.floor(chance() * this.#images.length)]
    // A replacement was synced before it was renamed.
    const isAppended = image !== undefined && durable !== undefined && startsWith(image, durable)
    if (!isAppended || image.length === durable.length) return new MemoryJournal(image)
    const length = durable.length + Math.floor(chance() * (image.length - durable.length + 1))
    const left = Uint8Array.from(image.subarray(0, length))
    for (let from = durable.length; from < left.length; from = (Math.floor(from / PAGE) + 1) * PAGE)
      if (chance() < 0.3) left.fill(0, from, Math.min(left.length, (Math.floor(from / PAGE) + 1) * PAGE))
    return new MemoryJournal(left)
  }

  #become(content: Uint8Array): void {
    this.#written = content
    this.#images.push(content)
  }

  #pass(place: Place): Fault | undefined {
    if (this.#crashed) throw new Error('this disk is gone')
    return this.fault(place)
  }

  async #passing<T>(place: Place, act: () => T): Promise<T> {
    await Promise.resolve()
    const fault = this.#pass(place)
    if (fault !== undefined) throw failure(fault)
    return act()
  }
}

function startsWith(bytes: Uint8Array, start: Uint8Array): boolean {
  return Buffer.compare(bytes.subarray(0, start.length), start) === 0
}

function failure(fault: Fault): Error {
  const [code, text] = fault === 'ENOSPC' ? ['ENOSPC', 'no space left on device'] : ['EIO', 'i/o error']
  return Object.assign(new Error(`${code}: ${text}`), { code })
}

/**
 * A database in memory whose crash loses any number of the latest batches that were not synced, as the log file of
 * LevelDB does. A sync makes everything durable that was written before it.
 */
export class VolatileDatabase {
  readonly db: MemoryLevel
  /** Its contents at the last sync, and after each write since. */
  #images: Content[]
  #crashed = false

  private constructor(db: MemoryLevel, content: Content) {
    this.db = db
    this.#images = [content]
    const batch = db.batch.bind(db) as (...args: unknown[]) => Promise<void>
    const clear = db.clear.bind(db) as unknown as (range: unknown) => Promise<void>
    const syncing = async (operations: unknown, options?: { readonly sync?: boolean }): Promise<void> => {
      if (this.#crashed) return never()
      await batch(operations, options)
      const now = await db.iterator().all()
      this.#images = options?.sync === true ? [now] : [...this.#images, now]
    }
    const clearing = async (range: unknown): Promise<void> => {
      if (this.#crashed) return never()
      await clear(range)
      this.#images.push(await db.iterator().all())
    }
    db.batch = syncing as typeof db.batch
    db.clear = clearing as typeof db.clear
  }

  static async make(content: Content = []): Promise<VolatileDatabase> {
    const db = new MemoryLevel()
    await db.open()
    await db.batch(content.map(([key, value]) => ({ type: 'put', key, value })))
    return new VolatileDatabase(db, content)
  }

  /**
   * The database as it is after a crash. This one cannot be read any more, and its writes never end: one that failed
   * would be retried as long as the test process lives, beside other tests, since nobody is left to stop that.
   */
  async crash(chance: Chance): Promise<VolatileDatabase> {
    this.#crashed = true
    const image = this.#images[Math.floor(chance() * this.#images.length)]
    await this.db.close()
    return VolatileDatabase.make(image)
  }
}

/** A new one for each, which keeps nothing alive. */
const never = (): Promise<never> => new Promise(() => undefined)

/** All records of a database, of all its tables. */
export type Content = readonly [key: string, value: string][]
