/** Fields of messages from strangers: of the right type and within their bounds, or missing. */
import { describe, expect, test } from 'vitest'
import * as fields from '../../../src/gossip/sync/fields.js'
import { utf8 } from '../../../src/tlog/bytes.js'

test('a frame is one JSON object, within its bytes', () => {
  const read = (text: string, max = 100) => fields.parseObject(utf8(text), max)
  expect(read('{"a":1}', 7)).toEqual({ a: 1 })
  expect(read('{"a":1}', 6)).toBeUndefined()
  for (const text of ['', '[]', 'null', '1', '"x"', '{', '{}{}']) expect(read(text), text).toBeUndefined()
  expect(fields.parseObject(Uint8Array.of(0x22, 0xff, 0x22), 100)).toBeUndefined()
})

describe('a list', () => {
  const even = (item: unknown): number | undefined => (Number(item) % 2 === 0 ? Number(item) : undefined)

  test('of which some are read: as many as may be, without what cannot be read', () => {
    expect(fields.readSome([1, 2, 'x', 4, 6], 2, even)).toEqual([2, 4])
    expect(fields.readSome([2, 4], 2, even)).toEqual([2, 4])
    expect(fields.readSome([2], 0, even)).toEqual([])
    for (const none of [undefined, null, {}, '24', 2]) expect(fields.readSome(none, 9, even)).toEqual([])
  })

  test('whose places count: with a gap for what cannot be read, and none that is too long', () => {
    expect(fields.readItems([1, 2, 'x'], 3, even)).toEqual([undefined, 2, undefined])
    expect(fields.readItems([2, 2, 2, 2], 3, even)).toBeUndefined()
    for (const empty of [undefined, null, []]) expect(fields.readItems(empty, 3, even)).toEqual([])
    for (const none of [{}, '', 0, false]) expect(fields.readItems(none, 3, even)).toBeUndefined()
  })
})

test.each<[string, (value: unknown) => unknown, unknown[], unknown[]]>([
  ['a text', (v) => fields.readString(v, 3), ['', 'abc', 'äöü'], ['abcd', 3, null, undefined, {}]],
  ['the bytes of a text', (v) => fields.readTextBytes(v, 3)?.length, ['', 'abc', 'äa'], ['abcd', 'ää', 3, null]],
  ['base64', (v) => fields.readBase64(v, 3)?.length, ['', 'AAAA', 'AAA='], ['AAAAAA==', 'A', '?', 3, null]],
  ['a size', fields.readSize, [0, 1, 2 ** 53 - 1], [-1, 0.5, 2 ** 53, NaN, Infinity, '1', null]],
  [
    'a log id',
    fields.readLogId,
    ['0'.repeat(64), 'a'.repeat(64)],
    ['a'.repeat(63), 'a'.repeat(65), 'A'.repeat(64), 'g'.repeat(64), 7],
  ],
])('%s', (_, read, good, bad) => {
  for (const value of good) expect(read(value), JSON.stringify(value)).toBeDefined()
  for (const value of bad) expect(read(value), JSON.stringify(value)).toBeUndefined()
})

test('a field is absent when it is not there, or null, as Go writes what is empty', () => {
  expect([undefined, null, 0, '', false].map(fields.isAbsent)).toEqual([true, true, false, false, false])
})

test('as many items as fit, with what JSON adds to each; one too large keeps no later one out', () => {
  const items = ['ab', 'x'.repeat(50), '"', 'cd'].map(utf8)
  // Two quotes and a comma each; a quote is escaped.
  expect(fields.fitting(items, 5)).toEqual(['ab'])
  expect(fields.fitting(items, 4)).toEqual([])
  expect(fields.fitting(items, 10)).toEqual(['ab', '"'])
  expect(fields.fitting(items, 15)).toEqual(['ab', '"', 'cd'])
  expect(fields.fitting([Uint8Array.of(0xff), utf8('ab')], 5)).toEqual(['ab'])
  expect(fields.jsonBytes('ä"')).toBe(6)
})
