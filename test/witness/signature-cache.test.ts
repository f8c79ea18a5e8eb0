import { expect, test } from 'vitest'
import { cosign, verifiedCosignatures } from '../../src/tlog/cosignature.js'
import type { VerifierKey } from '../../src/tlog/note.js'
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { testSigner } from '../helpers/heart.js'

const signers = [7, 8].map((byte) => testSigner('w.example', byte, 4))
const text = 'log.example\n5\nroot\n'

/** The keys of the signers, counting how often each actually verifies. */
function counted(): { keys: VerifierKey[]; verified: number[] } {
  const verified = signers.map(() => 0)
  const keys = signers.map(({ verifier }, i) => ({
    ...verifier,
    verify: (message: Uint8Array, signature: Uint8Array) => {
      verified[i]!++
      return verifier.verify(message, signature)
    },
  }))
  return { keys, verified }
}

test('a line is verified once, whichever object holds its key', () => {
  const known = new SignatureCache()
  const { keys, verified } = counted()
  const again = counted()
  const { signature } = cosign(text, 100, signers[0]!)
  for (const each of [keys, keys, again.keys]) {
    const found = verifiedCosignatures({ text, signatures: [signature] }, known.remembering(each))
    expect([...found.values()].map(({ time }) => time)).toEqual([100])
  }
  expect([verified, again.verified]).toEqual([
    [1, 0],
    [0, 0],
  ])
  const [key] = known.remembering(keys)
  expect({ ...key, verify: null }, 'a key like the other').toEqual({ ...keys[0], verify: null })
  expect(known.remembering(known.remembering(keys))[0]).toBe(key)
})

test('an invalid line is verified each time, and no other line passes for a valid one', () => {
  const known = new SignatureCache()
  const [key, other] = known.remembering(signers.map(({ verifier }) => verifier)) as [VerifierKey, VerifierKey]
  const message = new Uint8Array([1, 2, 3, 4])
  const signature = signers[0]!.sign(message)
  expect([key.verify(message, signature), key.verify(message, signature)]).toEqual([true, true])
  expect(other.verify(message, signature), 'by another key').toBe(false)
  expect(key.verify(message.subarray(1), signature), 'of another message').toBe(false)
  const changed = signature.slice()
  changed[40]! ^= 1
  expect([key.verify(message, changed), key.verify(message, changed)]).toEqual([false, false])
  const joined = new Uint8Array([signature[63]!, ...message])
  expect(key.verify(joined, signature.subarray(0, 63)), 'bytes moved from one to the other').toBe(false)
})

test('at least the given number of lines is remembered, and at most twice as many', () => {
  const known = new SignatureCache(4)
  const { keys, verified } = counted()
  const [key] = known.remembering(keys) as [VerifierKey]
  const ask = (i: number): boolean => key.verify(new Uint8Array([i]), signers[0]!.sign(new Uint8Array([i])))
  for (let i = 0; i < 5; i++) ask(i)
  for (let i = 0; i < 5; i++) ask(i)
  expect(verified[0]).toBe(5)
  for (let i = 10; i < 19; i++) ask(i)
  expect(verified[0]).toBe(14)
  expect(ask(0)).toBe(true)
  expect(verified[0], 'forgotten').toBe(15)
})
