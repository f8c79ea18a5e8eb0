/**
 * What waits to be written lazily: the newest value of each record, where reads find it until it is on disk.
 *
 * Pure.
 */

/** A range of keys of a table: from `gte`, below `lt`. */
export interface Range {
  readonly gte?: string
  readonly lt?: string
  readonly reverse?: boolean
  readonly limit?: number
}

/** The value of one record that is waiting to be written, or being written. */
export interface LazyWrite {
  readonly table: string
  readonly key: string
  value: string
  /** Whether a newer value may replace it: it is not being written, and nothing else was requested after it. */
  isOpen: boolean
  /** Whether a later write was requested for its record: then that one counts, whatever becomes of this. */
  isOutdated: boolean
}

/** From MANY on they are written at once; at MOST, a caller that adds one has to wait. */
const MANY = { records: 1024, characters: 1024 * 1024 }
const MOST = { records: 8192, characters: 8 * 1024 * 1024 }

export class LazyWrites {
  /** Table -> key -> the newest write. */
  readonly #newest = new Map<string, Map<string, LazyWrite>>()
  #records = 0
  #characters = 0

  areMany(): boolean {
    return this.#records >= MANY.records || this.#characters >= MANY.characters
  }

  isFull(): boolean {
    return this.#records >= MOST.records || this.#characters >= MOST.characters
  }

  /** Adds a new value. Returns the write that has to be performed for it; undefined when a waiting one covers it. */
  put(table: string, key: string, value: string): LazyWrite | undefined {
    const ofTable = this.#of(table)
    const known = ofTable.get(key)
    if (known?.isOpen === true) {
      this.#characters += value.length - known.value.length
      known.value = value
      return undefined
    }
    if (known !== undefined) known.isOutdated = true
    const write: LazyWrite = { table, key, value, isOpen: true, isOutdated: false }
    ofTable.set(key, write)
    this.#records++
    this.#characters += value.length
    return write
  }

  /** A later write was requested: for one record, or for a whole table. */
  outdate(table: string, key?: string): void {
    const ofTable = this.#newest.get(table)
    const writes = key === undefined ? (ofTable?.values() ?? []) : [ofTable?.get(key)]
    for (const write of writes) if (write !== undefined) Object.assign(write, { isOpen: false, isOutdated: true })
  }

  /** It was written, or given up. */
  forget(write: LazyWrite): void {
    this.#records--
    this.#characters -= write.value.length
    const ofTable = this.#newest.get(write.table)
    if (ofTable?.get(write.key) !== write) return
    ofTable.delete(write.key)
    if (ofTable.size === 0) this.#newest.delete(write.table)
  }

  get(table: string, key: string): string | undefined {
    return this.#newest.get(table)?.get(key)?.value
  }

  /** The records in a range, unordered, ignoring its limit. */
  in(table: string, { gte, lt }: Range): [key: string, value: string][] {
    return [...(this.#newest.get(table)?.values() ?? [])]
      .filter(({ key }) => (gte === undefined || key >= gte) && (lt === undefined || key < lt))
      .map(({ key, value }) => [key, value])
  }

  #of(table: string): Map<string, LazyWrite> {
    let ofTable = this.#newest.get(table)
    if (ofTable === undefined) this.#newest.set(table, (ofTable = new Map<string, LazyWrite>()))
    return ofTable
  }
}

/** The content of a range when some of its records wait to be written. `stored` is what the database has. */
export function merged(
  stored: readonly [key: string, value: string][],
  waiting: readonly [key: string, value: string][],
  { reverse = false, limit = Infinity }: Range,
): [key: string, value: string][] {
  const direction = reverse ? -1 : 1
  const all = [...new Map([...stored, ...waiting])]
  return all.sort(([a], [b]) => (a < b ? -direction : direction)).slice(0, limit)
}
