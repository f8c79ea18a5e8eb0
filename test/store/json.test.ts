import { expect, test } from 'vitest'
import { readRecord } from '../../src/store/json.js'
import { areCounts, areTexts } from '../../src/lib/is-object.js'

const hasA = ({ a }: Readonly<Record<string, unknown>>): boolean => a === 1

test('a record is a JSON object of its kind', () => {
  expect(readRecord('t', 'k', '{"a":1}', hasA)).toEqual({ a: 1 })
})

test.each(['', '{', 'null', '1', '"text"', 'true', '[]', '{"a":1}x', '{"a":2}', '{"__proto__":{"a":1}}'])(
  '%j is damage, and the error names the place',
  (json) => {
    expect(() => readRecord('suspects', 'log/1', json, hasA)).toThrow(
      expect.objectContaining({ code: 'STORE_DAMAGED', detail: 'table suspects, record log/1' }) as Error,
    )
  },
)

test('counts are whole, exact numbers, and texts are strings', () => {
  expect(areCounts(0, 1, 2 ** 53 - 1)).toBe(true)
  for (const odd of [-1, 0.5, 2 ** 53, Infinity, NaN, '1', null, undefined]) expect(areCounts(1, odd)).toBe(false)
  expect(areTexts('', 'a')).toBe(true)
  for (const odd of [1, null, undefined, {}, ['a']]) expect(areTexts('a', odd)).toBe(false)
})
