/** Pending writes: the newest of each record, visible to reads, and never counted twice. */
import { describe, expect, test } from 'vitest'
import { LazyWrites, merged } from '../../src/store/lazy-writes.js'

const MANY = 1024
const MOST = 8192
const MIB = 1024 * 1024

describe('a pending record', () => {
  test('is written once with its newest value, until its write begins', () => {
    const writes = new LazyWrites()
    const first = writes.put('t', 'k', 'a')!
    expect(first).toMatchObject({ table: 't', key: 'k', value: 'a', isOpen: true, isOutdated: false })
    expect(writes.put('t', 'k', 'b')).toBeUndefined()
    expect([first.value, writes.get('t', 'k')]).toEqual(['b', 'b'])
    first.isOpen = false
    const second = writes.put('t', 'k', 'c')!
    expect([first.value, first.isOutdated, second.value, writes.get('t', 'k')]).toEqual(['b', true, 'c', 'c'])
    // Finishing the older one does not finish the newer.
    writes.forget(first)
    expect(writes.get('t', 'k')).toBe('c')
    writes.forget(second)
    expect(writes.get('t', 'k')).toBeUndefined()
  })

  test('is outdated by a later request about it or its whole table, and by no other', () => {
    const writes = new LazyWrites()
    const [a, b] = [writes.put('t', 'a', '1')!, writes.put('t', 'b', '2')!]
    const other = writes.put('u', 'a', '3')!
    writes.outdate('t', 'a')
    expect([a, b, other].map(({ isOpen, isOutdated }) => [isOpen, isOutdated])).toEqual([
      [false, true],
      [true, false],
      [true, false],
    ])
    writes.outdate('t')
    expect([b.isOutdated, other.isOutdated]).toEqual([true, false])
    // There is nothing with that name.
    writes.outdate('t', 'nobody')
    writes.outdate('nothing')
    // A later write is separate.
    expect(writes.put('t', 'a', '4')).not.toBe(a)
  })

  test('is found in a range, from its first key to before its last', () => {
    const writes = new LazyWrites()
    for (const key of ['a', 'b', 'c', 'd']) writes.put('t', key, key.toUpperCase())
    const keys = (range: object): string[] => writes.in('t', range).map(([key]) => key)
    expect(keys({ gte: 'b', lt: 'd' })).toEqual(['b', 'c'])
    expect(keys({ gte: 'b' })).toEqual(['b', 'c', 'd'])
    expect(keys({ lt: 'b' })).toEqual(['a'])
    expect(writes.in('t', { gte: 'd' })).toEqual([['d', 'D']])
    expect(writes.in('nothing', {})).toEqual([])
  })
})

describe('the amount of pending writes', () => {
  test('is counted in records', () => {
    const writes = new LazyWrites()
    const put = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => writes.put('t', `${from + i}`, '')!)
    const some = put(0, MANY - 1)
    expect(writes.areMany()).toBe(false)
    put(MANY - 1, MANY)
    expect([writes.areMany(), writes.isFull()]).toEqual([true, false])
    put(MANY, MOST - 1)
    expect(writes.isFull()).toBe(false)
    put(MOST - 1, MOST)
    expect(writes.isFull()).toBe(true)
    for (const write of some) writes.forget(write)
    expect([writes.areMany(), writes.isFull()]).toEqual([true, false])
  })

  test('is counted in characters too, of the newest values only', () => {
    const writes = new LazyWrites()
    const write = writes.put('t', 'k', 'x'.repeat(MIB - 1))!
    expect(writes.areMany()).toBe(false)
    writes.put('t', 'k', 'x'.repeat(MIB))
    expect(writes.areMany()).toBe(true)
    writes.put('t', 'k', 'x')
    expect(writes.areMany()).toBe(false)
    writes.put('t', 'l', 'x'.repeat(8 * MIB - 2))
    expect(writes.isFull()).toBe(false)
    writes.put('t', 'k', 'xx')
    expect(writes.isFull()).toBe(true)
    writes.forget(write)
    expect([writes.isFull(), writes.areMany()]).toEqual([false, true])
  })
})

test('a range merges stored and pending records: pending ones win, in order, up to the limit', () => {
  const stored: [string, string][] = [
    ['a', 'old'],
    ['c', 'old'],
  ]
  const waiting: [string, string][] = [
    ['c', 'new'],
    ['b', 'new'],
  ]
  const all = [
    ['a', 'old'],
    ['b', 'new'],
    ['c', 'new'],
  ]
  expect(merged(stored, waiting, {})).toEqual(all)
  expect(merged(stored, waiting, { reverse: true })).toEqual([...all].reverse())
  expect(merged(stored, waiting, { limit: 2 })).toEqual(all.slice(0, 2))
  expect(merged(stored, waiting, { reverse: true, limit: 1 })).toEqual([['c', 'new']])
})
