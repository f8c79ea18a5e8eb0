import { expect, test } from 'vitest'
import { Lru } from '../../src/lib/lru.js'

test('it holds so many, and the one that was used least lately goes', () => {
  const lru = new Lru<number>(3)
  for (const [i, key] of ['a', 'b', 'c'].entries()) lru.put(key, i)
  // Read and written are both used.
  expect(lru.get('a')).toBe(0)
  lru.put('b', 7)
  lru.put('d', 3)
  expect(['a', 'b', 'c', 'd'].map((key) => lru.get(key))).toEqual([0, 7, undefined, 3])
})

test('what is put anew takes no second place, and what is deleted gives its own back', () => {
  const lru = new Lru<number>(2)
  lru.put('a', 1)
  for (let i = 0; i < 5; i++) lru.put('b', i)
  expect(lru.get('a')).toBe(1)
  lru.delete('b')
  expect(lru.get('b')).toBeUndefined()
  lru.put('c', 3)
  expect([lru.get('a'), lru.get('c')]).toEqual([1, 3])
})

test('values that are falsy are kept like others', () => {
  const lru = new Lru<number | string>(2)
  lru.put('zero', 0)
  lru.put('empty', '')
  expect([lru.get('zero'), lru.get('empty')]).toEqual([0, ''])
})
