/**
 * Which module versions are in a range of records, in 10 bytes each: a hash of the module version and the position of
 * its record. If two hashes are equal, reading the two records decides; so a collision, by chance or by design, costs
 * two reads and no error. Stored in 256 buckets by hash, so that one bucket of all ranges fits into memory.
 *
 * Pure.
 */
import { utf8 } from '../../tlog/bytes.js'
import type { Hash } from '../../tlog/hash.js'

export const BUCKETS = 256
/** Bytes of one entry: the hash, high half first, and the record's offset in the range, all little-endian. */
export const ENTRY_BYTES = 10
/** Bytes of the table before the entries: the beginning of each bucket, in entries, and the end of the last one. */
export const TABLE_BYTES = (BUCKETS + 1) * 4
/** The most records of one range: an offset has 16 bits. */
export const MAX_KEYED_RECORDS = 2 ** 16

/** The seed of the hashes: two 32-bit numbers, the same for all ranges that are compared. */
export type KeySeed = readonly [number, number]

/** Whether a value from JSON is a seed. */
export function isSeed(value: unknown): value is KeySeed {
  const isHalf = (half: unknown): boolean =>
    Number.isInteger(half) && (half as number) >= 0 && (half as number) < 2 ** 32
  return Array.isArray(value) && value.length === 2 && value.every(isHalf)
}

/**
 * The seed of an audit that begins with a tree of this root: the log cannot have chosen its records by their hashes.
 */
export function seedOf(root: Hash): KeySeed {
  const view = new DataView(root.buffer, root.byteOffset)
  return [view.getUint32(0), view.getUint32(4)]
}

/** Where bytes have a module version: the path at the beginning of the record, a space, the version. */
export interface ModuleSpan {
  readonly pathEnd: number
  readonly versionStart: number
  readonly versionEnd: number
}

/** The halves of a hash of 64 bits. */
interface KeyHash {
  high: number
  low: number
}

/** One instance suffices, since hashing is synchronous. */
const scratch: KeyHash = { high: 0, low: 0 }

/**
 * Hashes the `path@version` in the bytes of a record that begins at `start`. Two lanes of MurmurHash3's mixing, with a
 * seed each. The result is overwritten by the next call.
 */
export function hashModule(data: Uint8Array, at: ModuleSpan, seed: KeySeed, start = 0): Readonly<KeyHash> {
  scratch.high = seed[0]
  scratch.low = seed[1]
  mixRange(data, start, at.pathEnd)
  mixRange(data, at.versionStart - 1, at.versionEnd)
  scratch.high = finish(scratch.high)
  scratch.low = finish(scratch.low ^ scratch.high)
  return scratch
}

/** The same for a module version given as text. */
export function hashModuleText(path: string, version: string, seed: KeySeed): Readonly<KeyHash> {
  const data = utf8(`${path} ${version}`)
  const pathEnd = utf8(path).length
  return hashModule(data, { pathEnd, versionStart: pathEnd + 1, versionEnd: data.length }, seed)
}

/** Four bytes at a time, then the rest one by one. */
function mixRange(data: Uint8Array, from: number, to: number): void {
  let i = from
  for (; i + 4 <= to; i += 4) mix(data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24))
  for (; i < to; i++) mix(data[i]!)
}

/** Mixes 32 bits into both lanes, each with its own constants. */
function mix(word: number): void {
  const high = scratch.high ^ Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593)
  const low = scratch.low ^ Math.imul(rotate(Math.imul(word, 0x239b961b), 16), 0xab0e9789)
  scratch.high = (Math.imul(rotate(high, 13), 5) + 0xe6546b64) | 0
  scratch.low = (Math.imul(rotate(low, 17), 5) + 0x561ccd1b) | 0
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}

function finish(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** Collects the keys of a range, record by record. */
export class KeyCollector {
  readonly #high = new Uint32Array(MAX_KEYED_RECORDS)
  readonly #low = new Uint32Array(MAX_KEYED_RECORDS)
  readonly #offset = new Uint16Array(MAX_KEYED_RECORDS)
  #count = 0

  /** `offset` is that of the record in the range, below MAX_KEYED_RECORDS. */
  add({ high, low }: Readonly<KeyHash>, offset: number): void {
    this.#high[this.#count] = high
    this.#low[this.#count] = low
    this.#offset[this.#count] = offset
    this.#count++
  }

  /** Returns the table and the entries by bucket, each bucket ordered by offset; the collector is empty afterwards. */
  take(): Uint8Array {
    const starts = new Uint32Array(BUCKETS + 1)
    for (let i = 0; i < this.#count; i++) starts[(this.#high[i]! >>> 24) + 1]!++
    for (let b = 0; b < BUCKETS; b++) starts[b + 1]! += starts[b]!
    const bytes = new Uint8Array(TABLE_BYTES + this.#count * ENTRY_BYTES)
    const view = new DataView(bytes.buffer)
    starts.forEach((start, b) => view.setUint32(b * 4, start, true))
    const next = starts.slice()
    for (let i = 0; i < this.#count; i++) {
      const at = TABLE_BYTES + next[this.#high[i]! >>> 24]!++ * ENTRY_BYTES
      view.setUint32(at, this.#high[i]!, true)
      view.setUint32(at + 4, this.#low[i]!, true)
      view.setUint16(at + 8, this.#offset[i]!, true)
    }
    this.#count = 0
    return bytes
  }
}

/** Where a bucket is in the bytes of a range: its first entry, and the one after its last. */
export function bucketRange(table: DataView, bucket: number): { from: number; to: number } {
  return { from: table.getUint32(bucket * 4, true), to: table.getUint32(bucket * 4 + 4, true) }
}

/** Whether each bucket of a table begins where the previous one ends. */
export function isTable(table: DataView): boolean {
  if (bucketRange(table, 0).from !== 0) return false
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const { from, to } = bucketRange(table, bucket)
    if (from > to) return false
  }
  return true
}

/** Whether these are the keys of a range of `records` records, within limits and in order. */
export function isKeys(bytes: Uint8Array, records: number): boolean {
  if (bytes.length < TABLE_BYTES || (bytes.length - TABLE_BYTES) % ENTRY_BYTES !== 0) return false
  const count = (bytes.length - TABLE_BYTES) / ENTRY_BYTES
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (count > records || view.getUint32(0, true) !== 0 || view.getUint32(BUCKETS * 4, true) !== count) return false
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const { from, to } = bucketRange(view, bucket)
    if (from > to || to > count) return false
    let last = -1
    for (let i = from; i < to; i++) {
      const at = TABLE_BYTES + i * ENTRY_BYTES
      const offset = view.getUint16(at + 8, true)
      // A record that is listed twice would be compared with itself.
      if (view.getUint32(at, true) >>> 24 !== bucket || offset >= records || offset <= last) return false
      last = offset
    }
  }
  return true
}
