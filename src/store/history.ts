/** The past cosigned heads, by log and size, which `heads` shows. Bounded: the oldest go first. */
import type { Table } from './disk.js'

/** Heads kept per log: more than a month for a log that grows every five minutes. */
export const HISTORY_LENGTH = 10_000

function key(log: string, size: number): string {
  return `${log}!${String(size).padStart(16, '0')}`
}

export class History {
  readonly #table: Table
  /** Heads kept per log, counted at the first write to the log. */
  readonly #counts = new Map<string, number>()
  /** The largest size kept per log, 0 for none, once looked up: larger sizes need no lookup. */
  readonly #largest = new Map<string, number>()

  constructor(table: Table) {
    this.#table = table
  }

  /** The cosigned head of exactly this size, as a note. */
  async get(log: string, size: number): Promise<string | undefined> {
    const largest = this.#largest.get(log) ?? (await this.#findLargest(log))
    return size > largest ? undefined : this.#table.get(key(log, size))
  }

  /** Keeps a cosigned head; durable when it resolves, or, lazily, with the next durable write. */
  async put(log: string, size: number, note: string, how: 'durably' | 'lazily' = 'durably'): Promise<void> {
    const isNew = !(await this.#has(log, size))
    await (how === 'durably' ? this.#table.put(key(log, size), note) : this.#table.putLazily(key(log, size), note))
    this.#largest.set(log, Math.max(size, this.#largest.get(log)!))
    if (!isNew) return
    const count = (this.#counts.get(log) ?? (await this.#count(log)) - 1) + 1
    this.#counts.set(log, Math.min(count, HISTORY_LENGTH))
    if (count > HISTORY_LENGTH)
      await this.#table.clear({ gte: `${log}!`, lt: `${log}"`, limit: count - HISTORY_LENGTH })
  }

  /** The newest heads, newest first, among those smaller than `below`. */
  async latest(log: string, limit: number, below = Infinity): Promise<{ size: number; note: string }[]> {
    const lt = below === Infinity ? `${log}"` : key(log, below)
    const entries = await this.#table.entries({ gte: `${log}!`, lt, reverse: true, limit })
    return entries.map(([entryKey, note]) => ({ size: Number(entryKey.slice(log.length + 1)), note }))
  }

  /** Asks the disk only about heads that are not the largest, which gets most of the cosignatures. */
  async #has(log: string, size: number): Promise<boolean> {
    return (size > 0 && size === this.#largest.get(log)) || (await this.get(log, size)) !== undefined
  }

  async #findLargest(log: string): Promise<number> {
    const [newest] = await this.latest(log, 1)
    const largest = newest?.size ?? 0
    this.#largest.set(log, Math.max(largest, this.#largest.get(log) ?? 0))
    return largest
  }

  async #count(log: string): Promise<number> {
    return (await this.#table.keys({ gte: `${log}!`, lt: `${log}"` })).length
  }
}
