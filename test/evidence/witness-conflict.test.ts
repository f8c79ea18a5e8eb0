/**
 * A witness that cosigned two heads that contradict each other. What it shares with a split view is in
 * evidence.test.ts.
 */
import { describe, expect, test } from 'vitest'
import {
  encodeEvidence,
  makeSplitView,
  makeWitnessConflict,
  parseEvidence,
  splitViewOf,
  verifyEvidence,
  type Evidence,
  type WitnessConflict,
} from '../../src/evidence/evidence.js'
import { fromUtf8, toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { EMPTY_ROOT, sha256 } from '../../src/tlog/hash.js'
import { formatNote, parseNote, SIGNATURE_TYPES, signNote, type Note } from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { testSigner, testWitness as witness } from '../helpers/heart.js'
import { History, setUnusedBit } from '../helpers/history.js'
import { remembering } from '../helpers/remembering.js'

const TIME = 1_700_000_000
const signer = testSigner('log.example', 1)
const key = signer.verifier
const stranger = testSigner('stranger.example', 3, SIGNATURE_TYPES.cosignature)
const ours = new History(signer)
const theirs = ours.fork(3, 'b')

function cosigned(note: Note, by = witness, time = TIME): Note {
  return { ...note, signatures: [...note.signatures, cosign(note.text, time, by).signature] }
}
const head = (history: History, size: number, time = TIME): Note =>
  cosigned(parseNote(history.head(size)), witness, time)
const signedText = (text: string): Note => ({ text, signatures: [signNote(text, signer)] })
const badEmpty = signedText(formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: ours.tree(3).root }))
const prefix = theirs.prefix(theirs.tree(12), 7)!

const make = (heads: [Note, Note], withPrefix?: typeof prefix): WitnessConflict =>
  makeWitnessConflict(key, witness.verifier, heads, withPrefix)
const sameSize = make([head(ours, 8), head(theirs, 8)])
const differentSizes = make([head(ours, 7), head(theirs, 12)], prefix)
const emptyWithRecords = make([head(ours, 8), cosigned(badEmpty)])
const files: [string, WitnessConflict][] = [
  ['of one size', sameSize],
  ['of two sizes', differentSizes],
  ['of a size 0 with records', emptyWithRecords],
]
const trusted = [key, witness.verifier]
const refused = (evidence: Evidence, keys = trusted): string =>
  codeOf(() => verifyEvidence(parseEvidence(encodeEvidence(evidence)), keys))

describe('a witness conflict', () => {
  test.each(files)('%s convicts the witness before anyone who has both keys', (_name, evidence) => {
    const bytes = encodeEvidence(evidence)
    const read = parseEvidence(bytes)
    expect(read).toEqual(evidence)
    expect(encodeEvidence(read)).toEqual(bytes)
    expect(verifyEvidence(read, [stranger.verifier, ...trusted])).toMatchObject({
      id: toHex(sha256(bytes)).slice(0, 16),
      type: 'gossum/witness-conflict/v1',
      log: logId(key.name, SUMDB_ORIGIN),
      witness: witness.verifier,
    })
    expect(fromUtf8(bytes)!.split('\n').slice(1, 4)).toEqual([
      '  "type": "gossum/witness-conflict/v1",',
      `  "log": "${key.vkey}",`,
      `  "witness": "${witness.verifier.vkey}",`,
    ])
  })

  test.each(files)('%s: no file with one bit changed is accepted', (_name, evidence) => {
    const bytes = encodeEvidence(evidence)
    const keys = trusted.map(remembering)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice()
      changed[Math.floor(bit / 8)]! ^= 1 << (bit % 8)
      if (codeOf(() => verifyEvidence(parseEvidence(changed), keys)) === 'accepted') expect.fail(`bit ${bit}`)
    }
  })

  test.each(files)('%s contains the split view of the log, in its one spelling', (_name, evidence) => {
    const split = splitViewOf(evidence)
    const notes = evidence.heads.map((text) => parseNote(utf8(text))) as [Note, Note]
    const proof = evidence === differentSizes ? prefix : undefined
    expect(encodeEvidence(split)).toEqual(encodeEvidence(makeSplitView(key, notes, proof)))
    expect(verifyEvidence(split, [key]).sizes).toEqual(verifyEvidence(evidence, trusted).sizes)
  })

  test('is the same file whoever saw which head first, and whatever lines the heads had', () => {
    const noisy = ({ text, signatures: [line, own] }: Note): Note => {
      const other = cosign(text, TIME, stranger).signature
      return { text, signatures: [own!, other, line!, { ...own!, name: 'noise' }, line!] }
    }
    const again = make([noisy(head(theirs, 8)), noisy(head(ours, 8))])
    expect(encodeEvidence(again)).toEqual(encodeEvidence(sameSize))
  })

  test('takes the newest of several cosignatures by the witness', () => {
    const both = cosigned(head(ours, 8), witness, TIME + 1)
    expect(make([both, head(theirs, 8)])).toEqual(make([head(ours, 8, TIME + 1), head(theirs, 8)]))
  })
})

describe('no witness is convicted', () => {
  const made = (heads: [Note, Note], withPrefix?: typeof prefix): string => codeOf(() => make(heads, withPrefix))

  test('by heads that agree, or without the proof that they do not', () => {
    expect(made([head(ours, 8), head(ours, 8, TIME + 1)])).toBe('EVIDENCE_UNPROVEN')
    expect(made([head(ours, 8), head(ours, 12)], ours.prefix(ours.tree(12), 8))).toBe('EVIDENCE_UNPROVEN')
    expect(made([head(ours, 7), head(theirs, 12)])).toBe('EVIDENCE_UNPROVEN')
    expect(made([head(ours, 7), head(theirs, 12)], { ...prefix, proof: prefix.proof.slice(1) })).toBe('PROOF_INVALID')
    expect(made([head(ours, 8), head(theirs, 8)], prefix)).toBe('EVIDENCE_UNPROVEN')
    const empty = signedText(formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: EMPTY_ROOT }))
    expect(made([cosigned(empty), head(ours, 8)])).toBe('EVIDENCE_UNPROVEN')
  })

  test('by a head that it did not cosign, or that was cosigned by another key in its name', () => {
    const bare = parseNote(theirs.head(8))
    const namesake = testSigner(witness.verifier.name, 9, SIGNATURE_TYPES.cosignature)
    const forged = cosigned(bare, namesake)
    const renamed = {
      ...forged,
      signatures: forged.signatures.map((line, i) => (i === 1 ? { ...line, keyId: witness.verifier.keyId } : line)),
    }
    for (const other of [bare, cosigned(bare, stranger), forged, renamed]) {
      expect(made([head(ours, 8), other])).toBe('EVIDENCE_UNPROVEN')
      const heads: [string, string] = [sameSize.heads[0], fromUtf8(formatNote(other))!]
      if (parseNote(utf8(heads[0])).text === bare.text) heads[0] = sameSize.heads[1]
      expect(refused({ ...sameSize, heads })).not.toBe('accepted')
      expect(refused({ ...sameSize, heads: [heads[1], heads[0]] })).not.toBe('accepted')
    }
  })

  test('when the log did not sign both', () => {
    const other = testSigner('other.example', 2)
    const note = cosigned(parseNote(new History(other).head(8)))
    expect(made([head(ours, 8), note])).toBe('SIGNATURE_MISSING')
  })

  test('by keys that the reader does not trust, whatever the file says', () => {
    expect(refused(sameSize, [key])).toBe('WITNESS_UNKNOWN')
    expect(refused(sameSize, [witness.verifier])).toBe('LOG_UNKNOWN')
    expect(refused(sameSize, [key, stranger.verifier])).toBe('WITNESS_UNKNOWN')
    expect(refused({ ...sameSize, witness: stranger.verifier.vkey }, [...trusted, stranger.verifier])).toBe(
      'EVIDENCE_UNPROVEN',
    )
  })

  test('by keys in each other’s place: a witness is no log, and a log no witness', () => {
    expect(refused({ ...sameSize, log: witness.verifier.vkey })).toBe('LOG_UNKNOWN')
    expect(refused({ ...sameSize, witness: key.vkey })).toBe('WITNESS_UNKNOWN')
    const raw = (history: History): string => {
      const text = history.text(8)
      return fromUtf8(formatNote({ text, signatures: [signNote(text, witness)] }))!
    }
    const heads = [raw(ours), raw(theirs)].sort() as [string, string]
    expect(refused({ type: 'gossum/split-view/v1', log: witness.verifier.vkey, heads })).toBe('LOG_UNKNOWN')
  })

  test('in another spelling: lines in another order, twice, or one more; unused bits; upper case', () => {
    const [first, second] = sameSize.heads
    const note = parseNote(utf8(second))
    const spelled = (signatures: Note['signatures']): string => fromUtf8(formatNote({ ...note, signatures }))!
    const [line, own] = note.signatures as [Note['signatures'][0], Note['signatures'][0]]
    const loose = `${setUnusedBit(second.trimEnd())}\n`
    const spellings = [[own, line], [line, own, own], [line, line, own], [line], [own]].map(spelled)
    for (const other of [...spellings, loose, second + formatNoise(note)]) {
      expect(refused({ ...sameSize, heads: [first, other] }), other).not.toBe('accepted')
    }
    const [name, id, rest] = witness.verifier.vkey.split('+') as [string, string, string]
    expect(refused({ ...sameSize, witness: `${name}+${id.toUpperCase()}+${rest}` })).toBe('WITNESS_UNKNOWN')
    const text = fromUtf8(encodeEvidence(sameSize))!
    const { type, log, witness: named, heads } = JSON.parse(text) as WitnessConflict
    for (const object of [
      { type, witness: named, log, heads },
      { type, log, heads },
      { ...sameSize, type: 'x' },
    ]) {
      expect(codeOf(() => parseEvidence(utf8(`${JSON.stringify(object, undefined, 2)}\n`)))).toBe('EVIDENCE_MALFORMED')
    }
    const split = { ...splitViewOf(sameSize), witness: named }
    expect(codeOf(() => parseEvidence(utf8(`${JSON.stringify(split, undefined, 2)}\n`)))).toBe('EVIDENCE_MALFORMED')
  })
})

/** A line by an unknown key. */
function formatNoise({ text }: Note): string {
  return fromUtf8(formatNote({ text: '', signatures: [cosign(text, 1, stranger).signature] }))!.slice(1)
}
