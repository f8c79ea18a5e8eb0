import { expect, test } from 'vitest'
import { utf8 } from '../../src/tlog/bytes.js'
import { hasPromised, makePromise, promisedBy, promiseText } from '../../src/witness/promise.js'
import { testSigner, testWitness } from '../helpers/heart.js'

const other = testSigner('other.example', 8, 4)
const head = { log: 'a'.repeat(64), seq: 3, time: 5, head: utf8('a head\n') }

test('a promise is made by the key that it names, and by no other', async () => {
  const promise = await makePromise(testWitness, head)
  expect(hasPromised(testWitness.verifier, promise)).toBe(true)
  expect(hasPromised(other.verifier, promise)).toBe(false)
  expect(promisedBy(promise)?.vkey).toBe(testWitness.verifier.vkey)
})

test('a promise that names one key and is signed by another is made by neither', () => {
  const witness = testWitness.verifier.vkey
  const promise = { ...head, witness, signature: other.sign(promiseText(witness, head)) }
  for (const { verifier } of [testWitness, other]) expect(hasPromised(verifier, promise)).toBe(false)
  expect(promisedBy(promise)).toBeUndefined()
})

test.each(['log', 'seq', 'time', 'head'] as const)('a promise holds for its %s alone', async (field) => {
  const promise = await makePromise(testWitness, head)
  const changed = { ...promise, [field]: field === 'head' ? utf8('another\n') : field === 'log' ? 'b'.repeat(64) : 9 }
  expect(hasPromised(testWitness.verifier, changed)).toBe(false)
})

test('a key that cannot be read has promised nothing', async () => {
  expect(promisedBy({ ...(await makePromise(testWitness, head)), witness: 'no key' })).toBeUndefined()
})
