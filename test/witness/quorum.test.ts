import { expect, test } from 'vitest'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { quorumOf } from '../../src/witness/quorum.js'
import { testSigner, testWitness } from '../helpers/heart.js'

test('without a policy it is our own key, and not the ML-DSA-44 key beside it, that makes a quorum', () => {
  const second = testSigner('third.example', 11, SIGNATURE_TYPES.mlDsa)
  const quorum = quorumOf(undefined, [testWitness.verifier, second.verifier], () => new Set())
  expect(quorum.satisfiedBy(new Set())).toBe(false)
  expect(quorum.satisfiedBy(new Set([second.verifier.vkey]))).toBe(false)
  expect(quorum.satisfiedBy(new Set([testWitness.verifier.vkey]))).toBe(true)
})
