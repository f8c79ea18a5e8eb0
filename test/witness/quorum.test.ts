import { expect, test } from 'vitest'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { quorumOf } from '../../src/witness/quorum.js'
import { testSigner, testWitness } from '../helpers/heart.js'

test('without a policy it is our own first key that makes a quorum', () => {
  const second = testSigner('third.example', 11, SIGNATURE_TYPES.cosignature)
  const quorum = quorumOf(undefined, [testWitness.verifier, second.verifier], () => new Set())
  expect(quorum.satisfiedBy(new Set())).toBe(false)
  expect(quorum.satisfiedBy(new Set([second.verifier.vkey]))).toBe(false)
  expect(quorum.satisfiedBy(new Set([testWitness.verifier.vkey]))).toBe(true)
})
