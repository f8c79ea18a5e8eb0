/**
 * When each record of a log was first covered by a quorum head: for each log, a table of the quorum heads that became
 * known, whose sizes and times both ascend. What the first of them covers existed before, for an unknown time.
 *
 * Trusted: the times, which come from the witnesses' cosignatures (witness/quorum-time.ts), and the database.
 */
import { GossumError } from '../errors.js'
import { allEnded } from '../lib/all-ended.js'
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
  /** The first record that this second covers: the number of records covered before it. */
  readonly from: number
  /** False for what existed before the first quorum head that this node knew: it may be any amount older. */
  readonly isExact: boolean
}

interface Ends {
  readonly first: CoveringHead
  readonly last: CoveringHead
}

/**
 * Two tables, written in one batch: `sizes` maps each head to its time, and `times` maps each second to the largest
 * size in it. The very first head stays even if another one of the same second follows, since what it covers is not
 * exact.
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
   * Adds a quorum head; on disk when it resolves. A head that is no larger than a known one adds nothing. Times never
   * go back: if a head is older than a smaller one, it gets the time of the smaller one. `notAfter` is the latest time
   * that is believable now: entries with a later time came from a lie or from a wrong clock of ours, and are forgotten,
   * because they would make everything after them look young until then. Throws STORE_WRITE_FAILED and STORE_DAMAGED.
   */
  add(log: string, { size, time }: CoveringHead, notAfter = Infinity): Promise<void> {
    return this.#serial.run(log, async () => {
      if (time > notAfter) return
      const known = await this.#endsOf(log)
      const ends = known !== undefined && known.last.time > notAfter ? await this.#forget(log, notAfter) : known
      if (ends !== undefined && size <= ends.last.size) return
      const last = { size, time: Math.max(time, ends?.last.time ?? 0) }
      // In this order any prefix of the writes would be valid by itself; requested at once, they are one write.
      const writes = [
        this.#sizes.put(keyOf(log, size), String(last.time)),
        this.#times.put(keyOf(log, last.time), String(size)),
      ]
      if (ends !== undefined && ends.last.time === last.time && ends.last.size !== ends.first.size)
        writes.push(this.#sizes.del(keyOf(log, ends.last.size)))
      await allEnded(writes)
      this.#ends.set(log, { first: ends?.first ?? last, last })
    })
  }

  /** The first and the last known head; undefined if there is none. Throws STORE_DAMAGED, like all queries here. */
  async ends(log: string): Promise<Ends | undefined> {
    return this.#serial.run(log, () => this.#endsOf(log))
  }

  /**
   * The first quorum head that covers the record with this number; undefined if none does. Waits for heads being added.
   */
  async of(log: string, id: number): Promise<Covering | undefined> {
    const ends = await this.ends(log)
    // A head that is still being added may not survive a crash: it answers nothing yet.
    if (ends === undefined || id >= ends.last.size) return undefined
    const [entry] = await this.#sizes.entries({ gte: keyOf(log, id + 1), lt: endOf(log), limit: 1 })
    if (entry === undefined) return undefined
    const head = headIn(entry)
    const from = await this.#before(log, head.time)
    return { ...head, from, isExact: id >= ends.first.size }
  }

  /** The number of the first record covered at this second or later: how many were covered before it. */
  async since(log: string, time: number): Promise<number> {
    await this.ends(log)
    return this.#before(log, time)
  }

  /** How many records were covered before this second. */
  async #before(log: string, time: number): Promise<number> {
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
    if (first === undefined) return undefined
    const ends = { first: headIn(first), last: headIn(last!) }
    this.#ends.set(log, ends)
    return ends
  }

  async #forget(log: string, notAfter: number): Promise<Ends | undefined> {
    const believed = await this.#before(log, notAfter + 1)
    const [sizes, times] = await Promise.all([
      this.#sizes.keys({ gte: keyOf(log, believed + 1), lt: endOf(log) }),
      this.#times.keys({ gte: keyOf(log, notAfter + 1), lt: endOf(log) }),
    ])
    await allEnded([...sizes.map((key) => this.#sizes.del(key)), ...times.map((key) => this.#times.del(key))])
    this.#ends.delete(log)
    return this.#endsOf(log)
  }
}

/** Sizes and times at a fixed width, so that they sort in order. */
function keyOf(log: string, number: number): string {
  return `${startOf(log)}${String(number).padStart(16, '0')}`
}

function startOf(log: string): string {
  return `${log}!`
}

/** After all keys of a log. */
function endOf(log: string): string {
  return `${log}"`
}

/** The head in a row of `sizes`. Throws STORE_DAMAGED. */
function headIn([key, value]: readonly [key: string, value: string]): CoveringHead {
  const [size, time] = numbersIn(key, value)
  return { size, time }
}

/** The number in a key, and the number stored for it. Throws STORE_DAMAGED. */
function numbersIn(key: string, value: string): [number, number] {
  const numbers = [key.slice(key.indexOf('!') + 1), value].map((digits) =>
    /^\d{1,16}$/.test(digits) ? Number(digits) : NaN,
  )
  if (!areCounts(...numbers)) throw new GossumError('STORE_DAMAGED', `when records were covered, record ${key}`)
  return numbers as [number, number]
}
