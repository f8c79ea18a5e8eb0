/** The map in memory that is bounded by dropping the least recently used entries. */
import { describe, expect, test } from 'vitest'
import { Lru } from '../../src/lib/lru.js'

describe('Lru', () => {
  const filled = (): Lru<number> => {
    const lru = new Lru<number>(3)
    for (const [i, key] of ['a', 'b', 'c'].entries()) lru.put(key, i)
    return lru
  }

  test('holds so many entries, and no more: the one that was put first goes', () => {
    const lru = filled()
    lru.put('d', 3)
    expect(lru.has('a')).toBe(false)
    expect([...lru.values()]).toEqual([1, 2, 3])
    expect(lru.size).toBe(3)
  })

  test('to get or to put again is to use; to ask whether it is there is not', () => {
    const lru = filled()
    expect(lru.get('a')).toBe(0)
    lru.put('b', 10)
    expect(lru.has('c')).toBe(true)
    lru.put('d', 3)
    expect([...lru.values()]).toEqual([0, 10, 3])
    expect(lru.get('c')).toBeUndefined()
  })

  test('to put again takes no place from another', () => {
    const lru = filled()
    for (let i = 0; i < 10; i++) lru.put('c', i)
    expect([...lru.values()]).toEqual([0, 1, 9])
  })

  test('what was deleted leaves its place', () => {
    const lru = filled()
    lru.delete('b')
    lru.put('d', 3)
    expect([...lru.values()]).toEqual([0, 2, 3])
  })

  test('a value may be undefined, and is there all the same', () => {
    const lru = new Lru<number | undefined>(1)
    lru.put('a', undefined)
    expect(lru.get('a')).toBeUndefined()
    expect(lru.has('a')).toBe(true)
  })

  test('values that are falsy are kept like others', () => {
    const lru = new Lru<number | string>(2)
    lru.put('zero', 0)
    lru.put('empty', '')
    expect([lru.get('zero'), lru.get('empty')]).toEqual([0, ''])
  })
})
