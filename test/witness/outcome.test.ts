/** Who is to blame for what was refused, by its code. */
import { expect, test } from 'vitest'
import { ERRORS, traitsOf, type ErrorCode } from '../../src/errors.js'
import { isNoHead } from '../../src/witness/outcome.js'

test.each<[ErrorCode | undefined, boolean]>([
  ['NOTE_MALFORMED', true],
  ['SIGNATURE_INVALID', true],
  ['CHECKPOINT_MALFORMED', true],
  // A head of the log, whatever is wrong with it or with us.
  ['LOG_FROZEN', false],
  ['GUARD_WAITING', false],
  ['PROOF_INVALID', false],
  ['INTERNAL', false],
  [undefined, false],
])('what is refused with %s is no head of the log at all: %s', (code, expected) => {
  expect(isNoHead(code)).toBe(expected)
})

test('only a fault of the bytes themselves makes them no head, whatever the code', () => {
  const codes = Object.keys(ERRORS) as ErrorCode[]
  expect(codes.filter(isNoHead)).toEqual(codes.filter((code) => traitsOf(code).fault === 'head'))
})
