/** The map in memory that is bounded by dropping the least recently used entries. */
import { describe, expect, test } from 'vitest'
import { Lru } from '../../src/lib/lru.js'

describe('Lru', () => {
  const filled = (): Lru<number> => {
    const lru = new Lru<number>(3)
    for (const [i, key] of ['a', 'b', 'c'].entries()) lru.put(key, i)
    return lru
  }

  test('holds a limited number of entries, and drops the oldest', () => {
    const lru = filled()
    lru.put('d', 3)
    expect(lru.has('a')).toBe(false)
    expect([...lru.values()]).toEqual([1, 2, 3])
    expect(lru.size).toBe(3)
  })

  test('counts a get and a put as use, but not a check', () => {
    const lru = filled()
    expect(lru.get('a')).toBe(0)
    lru.put('b', 10)
    expect(lru.has('c')).toBe(true)
    lru.put('d', 3)
    expect([...lru.values()]).toEqual([0, 10, 3])
    expect(lru.get('c')).toBeUndefined()
  })

  test('takes no other place for a repeated put', () => {
    const lru = filled()
    for (let i = 0; i < 10; i++) lru.put('c', i)
    expect([...lru.values()]).toEqual([0, 1, 9])
  })

  test('frees the place of a deleted entry', () => {
    const lru = filled()
    lru.delete('b')
    lru.put('d', 3)
    expect([...lru.values()]).toEqual([0, 2, 3])
  })

  test('holds undefined as a value', () => {
    const lru = new Lru<number | undefined>(1)
    lru.put('a', undefined)
    expect(lru.get('a')).toBeUndefined()
    expect(lru.has('a')).toBe(true)
  })

  test('holds falsy values like others', () => {
    const lru = new Lru<number | string>(2)
    lru.put('zero', 0)
    lru.put('empty', '')
    expect([lru.get('zero'), lru.get('empty')]).toEqual([0, ''])
  })
})
