/**
 * At what time each record of a log was first covered by a quorum head: of each log the quorum heads that became known,
 * as a table of sizes and times that both ascend. What is before the first of them was there already, and nobody can say for
 * how long.
 *
 * Trusted: the times, which are those of the witnesses' cosignatures (witness/quorum-time.ts), and the database.
 */
import { GossumError } from '../errors.js'
import { Serial } from '../lib/serial.js'
import type { Table } from './disk.js'
import { areCounts } from '../lib/is-object.js'

/** A quorum head: its size, and its time in seconds since 1970. */
export interface CoveringHead {
  readonly size: number
  readonly time: number
}

/** The first quorum head that covers a record. */
export interface Covering extends CoveringHead {
  /** The first record that this second covers: the number of records that were covered before it. */
  readonly from: number
  /** False for what was there before the first quorum head that this node knew of: it may be any amount older. */
  readonly isExact: boolean
}

interface Ends {
  readonly first: CoveringHead
  readonly last: CoveringHead
}

/**
 * Two tables, written in one batch: `sizes` has the time of each head, and `times` the largest size of each second. The very
 * first head stays even if another one of its second follows: what it covers is not exact.
 */
export class Covered {
  readonly #sizes: Table
  readonly #times: Table
  readonly #ends = new Map<string, Ends>()
  readonly #serial = new Serial()

  constructor(sizes: Table, times: Table) {
    this.#sizes = sizes
    this.#times = times
  }

  /**
   * Adds a quorum head; on disk when it returns. A head that is no larger than one that is known adds nothing. Times never go
   * back: of a head whose time is before that of a smaller one, that of the smaller one counts. `notAfter` is the latest time that
   * is believed now: what is kept with a later one was a lie, or our clock's fault, and is forgotten, for it would make
   * everything after it young for as long. Throws STORE_WRITE_FAILED and STORE_DAMAGED.
   */
  add(log: string, { size, time }: CoveringHead, notAfter = Infinity): Promise<void> {
    return this.#serial.run(log, async () => {
      if (time > notAfter) return
      const known = await this.#endsOf(log)
      const ends = known !== undefined && known.last.time > notAfter ? await this.#forget(log, notAfter) : known
      if (ends !== undefined && size <= ends.last.size) return
      const last = { size, time: Math.max(time, ends?.last.time ?? 0) }
      // In this order any part of them would be right by itself; asked for at once, they are one write.
      const writes = [
        this.#sizes.put(keyOf(log, size), String(last.time)),
        this.#times.put(keyOf(log, last.time), String(size)),
      ]
      if (ends !== undefined && ends.last.time === last.time && ends.last.size !== ends.first.size)
        writes.push(this.#sizes.del(keyOf(log, ends.last.size)))
      await Promise.all(writes)
      this.#ends.set(log, { first: ends?.first ?? last, last })
    })
  }

  /** The first head that is known, and the last; undefined before there is one. Throws STORE_DAMAGED, as all that is asked here. */
  async ends(log: string): Promise<Ends | undefined> {
    return this.#serial.run(log, () => this.#endsOf(log))
  }

  /** The first quorum head that covers the record of this number; undefined when none does. Waits for what is being added. */
  async of(log: string, id: number): Promise<Covering | undefined> {
    const ends = await this.ends(log)
    if (ends === undefined || id >= ends.last.size) return undefined
    const [entry] = await this.#sizes.entries({ gte: keyOf(log, id + 1), lt: endOf(log), limit: 1 })
    if (entry === undefined) return undefined
    const head = headIn(entry)
    const from = await this.#before(log, head.time)
    return { ...head, from, isExact: id >= ends.first.size }
  }

  /** The first record that is covered at this second or later: how many were covered before it. */
  async since(log: string, time: number): Promise<number> {
    await this.ends(log)
    return this.#before(log, time)
  }

  /** How many records were covered before this second. */
  async #before(log: string, time: number): Promise<number> {
    if (time <= 0) return 0
    const range = { gte: startOf(log), lt: keyOf(log, time), reverse: true, limit: 1 }
    const [entry] = await this.#times.entries(range)
    return entry === undefined ? 0 : numbersIn(...entry)[1]
  }

  async #endsOf(log: string): Promise<Ends | undefined> {
    const known = this.#ends.get(log)
    if (known !== undefined) return known
    const range = { gte: startOf(log), lt: endOf(log), limit: 1 }
    const [[first], [last]] = await Promise.all([
      this.#sizes.entries(range),
      this.#sizes.entries({ ...range, reverse: true }),
    ])
    if (first === undefined || last === undefined) return undefined
    const ends = { first: headIn(first), last: headIn(last) }
    this.#ends.set(log, ends)
    return ends
  }

  async #forget(log: string, notAfter: number): Promise<Ends | undefined> {
    const believed = await this.#before(log, notAfter + 1)
    const [sizes, times] = await Promise.all([
      this.#sizes.keys({ gte: keyOf(log, believed + 1), lt: endOf(log) }),
      this.#times.keys({ gte: keyOf(log, notAfter + 1), lt: endOf(log) }),
    ])
    await Promise.all([...sizes.map((key) => this.#sizes.del(key)), ...times.map((key) => this.#times.del(key))])
    this.#ends.delete(log)
    return this.#endsOf(log)
  }
}

/** Sizes and times in one width, so that they stand in order. */
function keyOf(log: string, number: number): string {
  return `${startOf(log)}${String(number).padStart(16, '0')}`
}

function startOf(log: string): string {
  return `${log}!`
}

/** Behind all keys of a log. */
function endOf(log: string): string {
  return `${log}"`
}

/** What stands in a row of `sizes`. Throws STORE_DAMAGED. */
function headIn([key, value]: readonly [key: string, value: string]): CoveringHead {
  const [size, time] = numbersIn(key, value)
  return { size, time }
}

/** The number in a key, and the one that is kept for it. Throws STORE_DAMAGED. */
function numbersIn(key: string, value: string): [number, number] {
  const numbers = [key.slice(key.indexOf('!') + 1), value].map((digits) =>
    /^\d{1,16}$/.test(digits) ? Number(digits) : NaN,
  )
  if (!areCounts(...numbers)) throw new GossumError('STORE_DAMAGED', `when records were covered, record ${key}`)
  return numbers as [number, number]
}
