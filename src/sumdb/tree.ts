/**
 * A tree of records on disk: the records, the stored hashes by number, and the record number of each key. An append is
 * one batch, which is on disk when it is acknowledged, so that no head is ever signed for records that a crash may
 * lose.
 */
import type { AbstractLevel } from 'abstract-level'
import { GossumError } from '../errors.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { hashLeaf, type Hash } from '../tlog/hash.js'
import { storedHashesForRecord, storedHashIndex, subtreeIndexes, treeRoot, type HashReader } from '../tlog/merkle.js'

/** Any abstract-level database: level in production, memory-level in tests. */
export type RecordDatabase<K = string, V = string> = AbstractLevel<string | Buffer | Uint8Array, K, V>

export interface KeyedRecord {
  /** The key by which the record is found; at most one record has it. */
  readonly key: string
  readonly record: Uint8Array
}

type Put = { type: 'put'; key: string; value: Uint8Array }

/** `sync` makes level call fsync; a database in memory ignores it. */
const DURABLE = { valueEncoding: 'view', sync: true }

/** Decimal, padded to the 16 digits of the largest safe integer, so that keys sort by number. */
function numbered(kind: 'hash' | 'record', n: number): string {
  return `${kind}/${String(n).padStart(16, '0')}`
}

function toNumber(value: Uint8Array | undefined): number | undefined {
  return value && Number(fromUtf8(value))
}

export class RecordTree {
  readonly #store: RecordDatabase<string, Uint8Array>
  #size: number
  /** The stored hashes that the next append needs: the perfect subtrees of the right edge. */
  #edge: Map<number, Hash>
  #tail: Promise<unknown> = Promise.resolve()

  private constructor(store: RecordDatabase<string, Uint8Array>, size: number, edge: Map<number, Hash>) {
    this.#store = store
    this.#size = size
    this.#edge = edge
  }

  /** Opens the tree in this database, or an empty one. Throws STORE_DAMAGED if stored hashes are missing. */
  static async open<K, V>(db: RecordDatabase<K, V>): Promise<RecordTree> {
    const store = db.sublevel<string, Uint8Array>('records', { keyEncoding: 'utf8', valueEncoding: 'view' })
    const size = toNumber(await store.get('size')) ?? 0
    const tree = new RecordTree(store, size, new Map())
    const indexes = subtreeIndexes(0, size)
    const hashes = (await tree.hashes(indexes))(indexes)
    tree.#edge = new Map(indexes.map((index, i) => [index, hashes[i]!]))
    return tree
  }

  /** Number of records. */
  get size(): number {
    return this.#size
  }

  /** The number of the record with this key. */
  async find(key: string): Promise<number | undefined> {
    return toNumber(await this.#store.get(`key/${key}`))
  }

  /** The bytes of the records [from, to). Throws STORE_DAMAGED if one is missing. */
  async records(from: number, to: number): Promise<Uint8Array[]> {
    return this.#getMany(Array.from({ length: to - from }, (_, i) => numbered('record', from + i)))
  }

  /** A reader of these stored hashes. Throws STORE_DAMAGED if one is missing. */
  async hashes(indexes: readonly number[]): Promise<HashReader> {
    const hashes = await this.#getMany(indexes.map((index) => numbered('hash', index)))
    const byIndex = new Map(indexes.map((index, i) => [index, hashes[i]!]))
    return (wanted) => wanted.map((index) => byIndex.get(index)!)
  }

  /** The root of the first `size` records. */
  async root(size = this.#size): Promise<Hash> {
    return treeRoot(size, await this.hashes(subtreeIndexes(0, size)))
  }

  /**
   * Appends records in order, one call after another, and resolves to their numbers when all are on disk. A key that
   * already has a record, also from this call, keeps it and returns its number.
   */
  append(records: readonly KeyedRecord[]): Promise<number[]> {
    const result = this.#tail.then(() => this.#append(records))
    this.#tail = result.catch(() => undefined)
    return result
  }

  async #append(records: readonly KeyedRecord[]): Promise<number[]> {
    const puts: Put[] = []
    const numbers = new Map<string, number>()
    const edge = new Map(this.#edge)
    const read: HashReader = (indexes) => indexes.map((index) => edge.get(index)!)
    let size = this.#size
    for (const { key, record } of records) {
      const known = numbers.get(key) ?? (await this.find(key))
      numbers.set(key, known ?? size)
      if (known !== undefined) continue
      const first = storedHashIndex(0, size)
      storedHashesForRecord(size, hashLeaf(record), read).forEach((hash, i) => {
        edge.set(first + i, hash)
        puts.push({ type: 'put', key: numbered('hash', first + i), value: hash })
      })
      puts.push({ type: 'put', key: numbered('record', size), value: record })
      puts.push({ type: 'put', key: `key/${key}`, value: utf8(String(size)) })
      size++
    }
    if (puts.length > 0) {
      puts.push({ type: 'put', key: 'size', value: utf8(String(size)) })
      await this.#store.batch(puts, DURABLE)
      this.#edge = new Map(subtreeIndexes(0, size).map((index) => [index, edge.get(index)!]))
      this.#size = size
    }
    return records.map(({ key }) => numbers.get(key)!)
  }

  async #getMany(keys: string[]): Promise<Uint8Array[]> {
    if (keys.length === 0) return []
    const values = await this.#store.getMany(keys)
    return values.map((value, i) => {
      if (value === undefined) throw new GossumError('STORE_DAMAGED', `${keys[i]!} is missing`)
      // Some databases return Buffers, whose methods differ.
      return new Uint8Array(value.buffer, value.byteOffset, value.length)
    })
  }
}
