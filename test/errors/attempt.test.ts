/** Refusals become values; bugs are still thrown. */
import { expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { attempt, attempted, isAccepted, unlessRefused } from '../../src/errors/attempt.js'

const refusal = new GossumError('NOTE_MALFORMED')
const refuse = (): number => {
  throw refusal
}
const bug = new TypeError('x is not a function')
const stumble = (): number => {
  throw bug
}

test('a success returns its value', async () => {
  expect(attempt(() => 1)).toBe(1)
  expect(unlessRefused(() => 1)).toBe(1)
  expect(isAccepted(() => undefined)).toBe(true)
  expect(await attempted(Promise.resolve(1))).toBe(1)
})

test('a refusal is returned as a value', async () => {
  expect(attempt(refuse)).toBe(refusal)
  expect(unlessRefused(refuse)).toBeUndefined()
  expect(isAccepted(refuse)).toBe(false)
  expect(await attempted(Promise.reject(refusal))).toBe(refusal)
})

test('a bug is thrown', async () => {
  expect(() => attempt(stumble)).toThrow(bug)
  expect(() => unlessRefused(stumble)).toThrow(bug)
  expect(() => isAccepted(stumble)).toThrow(bug)
  await expect(attempted(Promise.reject(bug))).rejects.toBe(bug)
})
