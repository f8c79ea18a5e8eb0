import { expect, test } from 'vitest'
import { isObject } from '../../src/lib/is-object.js'

test.each([
  [{}, true],
  [{ a: null }, true],
  [[], false],
  [null, false],
  [undefined, false],
  ['{}', false],
  [0, false],
])('%j has fields: %s', (value, expected) => {
  expect(isObject(value)).toBe(expected)
})
