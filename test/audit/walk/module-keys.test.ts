/** The keys of module versions: equal for equal ones however they were read, sorted, and none that others made up. */
import { describe, expect, it } from 'vitest'
import {
  bucketRange,
  BUCKETS,
  ENTRY_BYTES,
  hashModule,
  hashModuleText,
  isKeys,
  KeyCollector,
  MAX_KEYED_RECORDS,
  seedOf,
  TABLE_BYTES,
  type KeySeed,
} from '../../../src/audit/walk/module-keys.js'
import { RecordJudge } from '../../../src/audit/walk/record-judge.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { sha256 } from '../../../src/tlog/hash.js'
import { recordOf } from '../../helpers/bad-records.js'
import { madeRecords } from '../../helpers/audits.js'

const SEED: KeySeed = [1, 2]

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

/** The keys of this many module versions. */
function keysOf(count: number): Uint8Array {
  const keys = new KeyCollector()
  for (let i = 0; i < count; i++) keys.add(hashModuleText(`example.com/m${i}`, 'v1.0.0', SEED), i)
  return keys.take()
}

describe('a key', () => {
  it('depends only on the module version', () => {
    const judge = new RecordJudge(true, SEED)
    const keyOf = (text: string) => ({ ...judge.judge(utf8(text), 0).key! })
    const plain = recordOf('example.com/x', 'v1.0.0')
    const expected = { ...hashModuleText('example.com/x', 'v1.0.0', SEED) }
    expect(keyOf(plain)).toEqual(expected)
    // Read in full, because it breaks a rule; the bytes of the hash differ too.
    expect(keyOf(plain.replace(/h1:./g, 'h2:A'))).toEqual(expected)
    expect(keyOf(plain.split('\n').reverse().join('\n').trimStart() + '\n')).toEqual(expected)
    for (const other of [recordOf('example.com/y', 'v1.0.0'), recordOf('example.com/x', 'v1.0.1')])
      expect(keyOf(other)).not.toEqual(expected)
  })

  it('separates path and version, and depends on the seed', () => {
    const keyOf = (path: string, version: string, seed = SEED): string =>
      JSON.stringify({ ...hashModuleText(path, version, seed) })
    const keys = [
      keyOf('example.com/x', 'v1.0.0'),
      keyOf('example.com/xv1', '.0.0'),
      keyOf('example.com/x', 'v1.0.0', [1, 3]),
      keyOf('example.com/x', 'v1.0.0', [2, 2]),
    ]
    expect(new Set(keys).size).toBe(4)
  })

  it('is unique among a hundred thousand', () => {
    const seen = new Set<number>()
    for (const record of madeRecords(100_000)) {
      const space = record.indexOf(32)
      const end = record.indexOf(32, space + 1)
      const { high, low } = hashModule(record, { pathEnd: space, versionStart: space + 1, versionEnd: end }, SEED)
      seen.add(high * 2 ** 21 + (low >>> 11))
    }
    expect(seen.size).toBe(100_000)
  })

  it('uses the seed of the root, at any offset in memory', () => {
    const root = sha256(utf8('x'))
    const apart = new Uint8Array(40)
    apart.set(root, 8)
    expect(seedOf(apart.subarray(8))).toEqual(seedOf(root))
    expect(seedOf(sha256(utf8('y')))).not.toEqual(seedOf(root))
  })
})

describe('the keys of a range', () => {
  it('are complete and in their buckets, for zero records up to a full unit', () => {
    for (const count of [0, 1, 1000, MAX_KEYED_RECORDS]) {
      const keys = keysOf(count)
      expect(keys.length).toBe(TABLE_BYTES + count * ENTRY_BYTES)
      expect(isKeys(keys, count)).toBe(true)
      const [offsets, view] = [new Set<number>(), viewOf(keys)]
      for (let bucket = 0; bucket < BUCKETS; bucket++) {
        const { from, to } = bucketRange(view, bucket)
        for (let i = from; i < to; i++) {
          const at = TABLE_BYTES + i * ENTRY_BYTES
          const offset = view.getUint16(at + 8, true)
          const { high, low } = hashModuleText(`example.com/m${offset}`, 'v1.0.0', SEED)
          if (high !== view.getUint32(at, true) || low !== view.getUint32(at + 4, true)) throw new Error(`${offset}`)
          if (high >>> 24 !== bucket) throw new Error(`${offset} is in bucket ${bucket}`)
          offsets.add(offset)
        }
      }
      expect(offsets.size).toBe(count)
    }
  })

  it('are removed from the collector', () => {
    const keys = new KeyCollector()
    keys.add({ high: 1, low: 1 }, 0)
    keys.take()
    expect(keys.take().length).toBe(TABLE_BYTES)
  })

  const good = keysOf(1000)
  const changed = (change: (view: DataView, bytes: Uint8Array) => void): Uint8Array => {
    const bytes = good.slice()
    change(viewOf(bytes), bytes)
    return bytes
  }
  /** The start of a bucket with two entries. */
  const pair = Array.from({ length: BUCKETS }, (_, b) => bucketRange(viewOf(good), b)).find(
    ({ from, to }) => to - from > 1,
  )!
  const at = TABLE_BYTES + pair.from * ENTRY_BYTES

  it.each<[string, Uint8Array, number]>([
    ['nothing', new Uint8Array(), 1000],
    ['a truncated table', good.subarray(0, TABLE_BYTES - 1), 1000],
    ['half an entry', good.subarray(0, -1), 1000],
    ['an entry too few', good.subarray(0, -ENTRY_BYTES), 1000],
    ['an entry too many', new Uint8Array([...good, ...new Uint8Array(ENTRY_BYTES)]), 1001],
    ['more keys than records', good, 999],
    ['a bucket that starts late', changed((view) => view.setUint32(0, 1, true)), 1000],
    ['a bucket that ends far beyond', changed((view) => view.setUint32(4, 0xffffffff, true)), 1000],
    ['a bucket that goes backwards', changed((view) => view.setUint32(500, 0, true)), 1000],
    ['an end that is not the end', changed((view) => view.setUint32(BUCKETS * 4, 999, true)), 1000],
    ['a key in the wrong bucket', changed((view) => view.setUint8(at + 3, view.getUint8(at + 3) ^ 1)), 1000],
    ['a record beyond the range', changed((view) => view.setUint16(at + 8, 1000, true)), 1000],
    [
      'one record twice, which would be compared with itself',
      changed((_view, bytes) => bytes.copyWithin(at + ENTRY_BYTES, at, at + ENTRY_BYTES)),
      1000,
    ],
  ])('are invalid with %s', (_what, bytes, records) => {
    expect(isKeys(good, 1000)).toBe(true)
    expect(isKeys(bytes, records)).toBe(false)
  })
})
