import { expect, test } from 'vitest'
import { formatRanges, parseRanges } from '../../../src/mirror/index/ranges.js'

test('ranges round-trip', () => {
  const ranges = [
    { from: 0, to: 5 },
    { from: 7, to: 2 ** 53 - 1 },
  ]
  expect(parseRanges(formatRanges(ranges))).toEqual(ranges)
  expect(parseRanges('[]')).toEqual([])
})

test.each([
  '[[0,1e400]]',
  '[[0,9007199254740993]]',
  '[[1.5,5]]',
  '[[-1,5]]',
  '[[5,5]]',
  '[[0,5],[5,9]]',
  '[5]',
  '{}',
  '',
])('%s is refused', (text) => expect(parseRanges(text)).toBeUndefined())
