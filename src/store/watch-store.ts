/**
 * How far the records of each log were searched for watched modules, and the versions that need attention until the
 * owner has authorised them.
 */
import type { Table } from './disk.js'

/** A version that is not authorised, or whose authorisation could not be checked yet. */
export interface OpenVersion {
  readonly log: string
  readonly id: number
  /** The text of the record. */
  readonly record: string
  /** Whether an alarm was raised. */
  readonly isAlarmed: boolean
}

/**
 * Versions kept open: an owner who has authorised nothing is notified of every version, but only so many are kept here.
 */
const MAX_OPEN = 1000

export class WatchStore {
  readonly #table: Table
  readonly #open = new Map<string, OpenVersion>()

  constructor(table: Table) {
    this.#table = table
  }

  /** Loads the positions and open versions; unreadable records are skipped. */
  async load(): Promise<void> {
    for (const [key, text] of await this.#table.entries()) {
      const [kind, log, id] = key.split(' ')
      const kept = kind === 'open' ? read(text) : undefined
      if (kept !== undefined) this.#open.set(key, { log: log!, id: Number(id), ...kept })
    }
  }

  /** How many records of a log were searched; undefined before the first search. */
  async position(log: string): Promise<number | undefined> {
    const size = Number(await this.#table.get(`position ${log}`))
    return Number.isSafeInteger(size) && size > 0 ? size - 1 : undefined
  }

  /** Throws STORE_WRITE_FAILED. */
  async move(log: string, size: number): Promise<void> {
    await this.#table.put(`position ${log}`, String(size + 1))
  }

  /** In the order in which they were added. */
  get open(): readonly OpenVersion[] {
    return [...this.#open.values()]
  }

  /** Keeps one open. Throws STORE_WRITE_FAILED. */
  async put(version: OpenVersion): Promise<void> {
    const { log, id, record, isAlarmed } = version
    const key = `open ${log} ${id}`
    if (!this.#open.has(key) && this.#open.size >= MAX_OPEN) return
    await this.#table.put(key, JSON.stringify({ record, isAlarmed }))
    this.#open.set(key, version)
  }

  /** Throws STORE_WRITE_FAILED. */
  async close({ log, id }: OpenVersion): Promise<void> {
    const key = `open ${log} ${id}`
    await this.#table.del(key)
    this.#open.delete(key)
  }
}

function read(text: string): Pick<OpenVersion, 'record' | 'isAlarmed'> | undefined {
  try {
    const { record, isAlarmed } = JSON.parse(text) as Partial<OpenVersion>
    return typeof record === 'string' ? { record, isAlarmed: isAlarmed === true } : undefined
  } catch {
    return undefined
  }
}
