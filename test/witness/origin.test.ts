/** One key permanently cosigns one log per origin: a cosignature contains the origin, not which log it is. */
import { describe, expect, test } from 'vitest'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { boundLog, rekeyedLogs, takenBy, type LogOfOrigin, type SignedState } from '../../src/witness/origin.js'
import { sumdbId, testSigner, testWitness } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const [one, two, three] = ['one', 'two', 'three'].map((name, i) => testSigner(`${name}.example`, i + 1)) as [
  SignerKey,
  SignerKey,
  SignerKey,
]
const log = ({ verifier }: SignerKey): LogOfOrigin => ({ id: sumdbId(verifier), origin: SUMDB_ORIGIN })
const [A, B, C] = [log(one), log(two), log(three)]
const elsewhere: LogOfOrigin = { id: 'e'.repeat(64), origin: 'elsewhere.example' }
const key = testWitness.verifier.vkey
const own = testSigner('own.example', 9, SIGNATURE_TYPES.cosignature)
const mlDsa = testSigner('witness.example', 7, SIGNATURE_TYPES.mlDsa)
const mlDsaId = `${mlDsa.verifier.name}+${mlDsa.verifier.keyId}`

const signedBy = (by: string, second?: string): SignedState => ({
  signed: { key: by, size: 5, time: 1, ...(second !== undefined && { second }) },
})
const states = (...entries: [LogOfOrigin, SignedState][]): Map<string, SignedState> =>
  new Map(entries.map(([{ id }, state]) => [id, state]))

/** A state that only has a floor: a head of this log that another key signed. */
function floorBy(signer: SignerKey, by: SignerKey): SignedState {
  const { text, signatures } = parseNote(new History(signer).head(9))
  const note = formatNote({ text, signatures: [...signatures, cosign(text, 1, by).signature] })
  return { floor: { size: 9, root: '', at: '', note: fromUtf8(note)! } }
}

describe('a key is bound to', () => {
  test.each<[string, readonly LogOfOrigin[], Map<string, SignedState>, LogOfOrigin]>([
    ['the first configured log of the origin if it has signed nothing', [elsewhere, A, B], states(), A],
    ['the log that it signed, wherever that is configured', [A, B], states([B, signedBy(key)]), B],
    [
      'the log that it signed, and not one that another key signed',
      [A, B],
      states([A, signedBy(own.verifier.vkey)], [B, signedBy(key)]),
      B,
    ],
    [
      'the first configured of several logs that an older version signed',
      [B, A],
      states([A, signedBy(key)], [B, signedBy(key)]),
      B,
    ],
    [
      'the log that it continued with since, whatever the order',
      [B, A],
      states([A, { ...signedBy(key), origin: SUMDB_ORIGIN }], [B, signedBy(key)]),
      A,
    ],
    [
      'a log that is no longer configured, by the origin that was recorded',
      [A, B],
      states([C, { ...signedBy(key), origin: SUMDB_ORIGIN }]),
      C,
    ],
    [
      'a log that is no longer configured, by its head if no origin was recorded',
      [A, B],
      states([C, { ...signedBy(key), note: fromUtf8(new History(three).head(5))! }]),
      C,
    ],
    [
      'a log that it has signed as an auditor',
      [A, B],
      states([B, { audited: { key, size: 5, root: '', time: 1 } }]),
      B,
    ],
    [
      'a log that another key has audited, if it signed that',
      [A, B],
      states([B, { audited: { key: own.verifier.vkey, size: 5, root: '', time: 1 }, ...signedBy(key) }]),
      B,
    ],
    ['a log that others remember it to have signed', [A, B], states([B, floorBy(two, testWitness)]), B],
    [
      'the first configured log, and not one that another key of ours signed',
      [A, B],
      states([B, floorBy(two, own)]),
      A,
    ],
    [
      'a log that it may have signed, if the note is lost',
      [A, B],
      states([B, { floor: { size: 9, root: '', at: '' } }]),
      B,
    ],
    ['a log that it may have signed, if the signer is not known', [A, B], states([B, signedBy('')]), B],
    [
      'a log that it has signed, before one that it may have signed',
      [A, B],
      states([A, signedBy('')], [B, signedBy(key)]),
      B,
    ],
  ])('%s', (_what, logs, known, expected) => {
    expect(boundLog(SUMDB_ORIGIN, key, logs, known)).toBe(expected.id)
  })

  test('the same log, whichever of several that are no longer configured is known first', () => {
    const gone = [A, B, C].map((log) => [log, { ...signedBy(key), origin: SUMDB_ORIGIN }] as [LogOfOrigin, SignedState])
    const [first] = gone.map(([{ id }]) => id).sort()
    const bound = [gone, [...gone].reverse()].map((all) => boundLog(SUMDB_ORIGIN, key, [elsewhere], states(...all)))
    expect(bound).toEqual([first, first])
  })

  test('a log that is configured, before one that no longer is', () => {
    const signed = { ...signedBy(key), origin: SUMDB_ORIGIN }
    const bound = [A, B, C].map((log) => {
      return boundLog(SUMDB_ORIGIN, key, [log], states([A, signed], [B, signed], [C, signed]))
    })
    expect(bound).toEqual([A.id, B.id, C.id])
  })

  test('no log if none has the origin, whatever it signed of others', () => {
    expect(boundLog(SUMDB_ORIGIN, key, [elsewhere], states([elsewhere, signedBy(key)]))).toBeUndefined()
    const unknown = states([C, signedBy(key)])
    expect(boundLog(SUMDB_ORIGIN, key, [elsewhere], unknown), 'nothing says that this was one').toBeUndefined()
  })
})

describe('a log is taken', () => {
  test('if the key is bound to another one; a log with an origin of its own never is', () => {
    const logs = [A, B, elsewhere]
    expect(logs.map((each) => takenBy(each, [key], logs, states()))).toEqual([undefined, A.id, undefined])
    const after = states([B, signedBy(key)])
    expect(logs.map((each) => takenBy(each, [key], logs, after))).toEqual([B.id, undefined, undefined])
    expect(takenBy(A, [own.verifier.vkey], [A], after), 'a key of its own').toBeUndefined()
  })

  test('also for the second key, which follows the first unless it has been elsewhere', () => {
    const keys = [key, mlDsa.verifier.vkey] as const
    expect(takenBy(B, keys, [A, B], states([B, signedBy(key)]))).toBeUndefined()
    // The first key was changed since, the second was not.
    const changed = states([B, signedBy(own.verifier.vkey, mlDsaId)])
    expect(takenBy(A, keys, [A, B], changed)).toBe(B.id)
    expect(takenBy(A, [key], [A, B], changed)).toBeUndefined()
    expect(takenBy(A, [key, testSigner('new.example', 6).verifier.vkey, keys[1]], [A, B], changed)).toBe(B.id)
  })
})

test('a log that the shared key has cosigned gets no key of its own, which would free the shared one', () => {
  const signed = states([A, signedBy(key)])
  expect(rekeyedLogs(key, [A], [A, B], signed)).toEqual([A.id])
  expect(rekeyedLogs(key, [B], [A, B], signed)).toEqual([])
  // An older version signed both: the shared key stays with the first, and the other gets its own.
  const both = states([A, signedBy(key)], [B, signedBy(key)])
  expect(rekeyedLogs(key, [B], [A, B], both)).toEqual([])
  expect(rekeyedLogs(key, [A], [A, B], states([A, signedBy(own.verifier.vkey)]))).toEqual([])
})
