import { describe, expect, test } from 'vitest'
import { SIGNATURE_TYPES, type VerifierKey } from '../../src/tlog/note.js'
import { parsePolicy, type Policy } from '../../src/tlog/policy.js'
import { quorumOf } from '../../src/witness/quorum.js'
import { testSigner, testWitness } from '../helpers/heart.js'

test('without a policy, our own key makes a quorum, and the additional ML-DSA-44 key does not', () => {
  const second = testSigner('third.example', 11, SIGNATURE_TYPES.mlDsa)
  const quorum = quorumOf(undefined, [testWitness.verifier, second.verifier], () => new Set())
  expect(quorum.satisfiedBy(new Set())).toBe(false)
  expect(quorum.satisfiedBy(new Set([second.verifier.vkey]))).toBe(false)
  expect(quorum.satisfiedBy(new Set([testWitness.verifier.vkey]))).toBe(true)
})

describe('with a policy', () => {
  const [a, b] = [7, 8].map((seed) => testSigner(`w${seed}.example`, seed, SIGNATURE_TYPES.cosignature).verifier) as [
    VerifierKey,
    VerifierKey,
  ]
  const own = testWitness.verifier
  const convicted = () => new Set([b.vkey])
  const policy = (quorum: string): Policy =>
    parsePolicy(`witness a ${a.vkey}\nwitness b ${b.vkey}\ngroup g 1 a b\nquorum ${quorum}\n`)

  test('the policy decides what makes a quorum, and our own key does not count unless it is named', () => {
    const quorum = quorumOf(policy('g'), [own], convicted)
    expect(quorum.satisfiedBy(new Set([own.vkey]))).toBe(false)
    expect(quorum.satisfiedBy(new Set([b.vkey]))).toBe(true)
    expect(quorumOf(policy('none'), [own], convicted).satisfiedBy(new Set())).toBe(true)
    expect(quorum.convicted).toBe(convicted)
  })

  test('our own keys come first, then those that the policy names, each once', () => {
    const names = (keys: readonly VerifierKey[]) => quorumOf(policy('g'), keys, convicted).keys.map(({ vkey }) => vkey)
    expect(names([own])).toEqual([own.vkey, a.vkey, b.vkey])
    expect(names([own, b])).toEqual([own.vkey, a.vkey, b.vkey])
  })
})
