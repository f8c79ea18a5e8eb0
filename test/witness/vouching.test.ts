/**
 * Which cosignatures vouch for a first head, whatever the policy: those by counted keys, of witnesses that are not
 * convicted.
 */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Store } from '../../src/store/store.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, type SignerKey } from '../../src/tlog/note.js'
import { readHead, type Head } from '../../src/witness/head.js'
import type { Quorum } from '../../src/witness/quorum.js'
import { SignatureCache } from '../../src/witness/signature-cache.js'
import { Suspects } from '../../src/witness/suspects.js'
import { isVouchedFor } from '../../src/witness/vouching.js'
import { MemoryGuard, sumdbId, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const [a, b, stranger] = [11, 12, 14].map((byte) => testSigner(`w${byte}.example`, byte, 4)) as [
  SignerKey,
  SignerKey,
  SignerKey,
]
const log = { id: sumdbId(logSigner.verifier), key: logSigner.verifier, origin: 'go.sum database tree' }
const suspects = await Suspects.load((await Store.over(new MemoryLevel(), new MemoryGuard())).suspects)

/** A head with the lines of these, all of which are read: neighbours count the stranger. */
function headBy(...by: readonly SignerKey[]): Head {
  const { text, signatures } = parseNote(new History(logSigner).head(5))
  const lines = by.map((key) => cosign(text, 1_700_000_000, key).signature)
  const keys = { counted: [a.verifier, b.verifier], relayed: [stranger.verifier], neighbours: [] }
  return readHead(formatNote({ text, signatures: [...signatures, ...lines] }), new Map([[log.id, log]]), log.id, keys)
}

const quorum = (need: number, ...convicted: readonly SignerKey[]): Quorum => ({
  keys: [a.verifier, b.verifier],
  satisfiedBy: (signedBy) => signedBy.size >= need,
  convicted: () => new Set(convicted.map(({ verifier }) => verifier.vkey)),
})
const isVouched = (head: Head, by: Quorum): boolean =>
  isVouchedFor(head, { quorum: by, suspects, known: new SignatureCache() })

test('a quorum of the witnesses that the policy names vouches for a head', () => {
  expect(isVouched(headBy(a, b), quorum(2))).toBe(true)
  expect(isVouched(headBy(a), quorum(2))).toBe(false)
  expect(isVouched(headBy(a, stranger), quorum(2))).toBe(false)
})

test('a convicted witness vouches for nothing', () => {
  expect(isVouched(headBy(a, b), quorum(2, b))).toBe(false)
  expect(isVouched(headBy(b), quorum(1, b))).toBe(false)
  expect(isVouched(headBy(a), quorum(1, b))).toBe(true)
})

test('a policy that needs no witness does not make every head trusted', () => {
  expect(isVouched(headBy(), quorum(0))).toBe(false)
  expect(isVouched(headBy(stranger), quorum(0))).toBe(false)
  expect(isVouched(headBy(a), quorum(0, a))).toBe(false)
})
