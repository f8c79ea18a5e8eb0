import { expect, test } from 'vitest'
import { readRecord } from '../../src/store/json.js'

test('a record is a JSON object or list', () => {
  expect(readRecord('t', 'k', '{"a":1}')).toEqual({ a: 1 })
  expect(readRecord('t', 'k', '[]')).toEqual([])
})

test.each(['', '{', 'null', '1', '"text"', 'true', '{"a":1}x'])('%j is damage, and says where', (json) => {
  expect(() => readRecord('suspects', 'log/1', json)).toThrow(
    expect.objectContaining({ code: 'STORE_DAMAGED', detail: 'table suspects, record log/1' }) as Error,
  )
})
