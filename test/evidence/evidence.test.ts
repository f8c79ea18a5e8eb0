import { describe, expect, test } from 'vitest'
import {
  encodeEvidence,
  evidenceId,
  makeSplitView,
  MAX_EVIDENCE_BYTES,
  parseEvidence,
  verifyEvidence,
  type SplitView,
} from '../../src/evidence/evidence.js'
import { errorCode } from '../../src/errors.js'
import { concatBytes, fromBase64, fromUtf8, toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { EMPTY_ROOT, formatHash, parseHash, sha256 } from '../../src/tlog/hash.js'
import { formatNote, parseNote, parseSignerKey, parseVerifierKey, signNote, type Note } from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { History, setUnusedBit } from '../helpers/history.js'
import { remembering } from '../helpers/remembering.js'
import { readVectors } from '../helpers/vectors.js'

const signer = testSigner('log.example', 1)
const key = signer.verifier
const ours = new History(signer)
const theirs = ours.fork(3, 'b')
const note = (history: History, size: number): Note => parseNote(history.head(size))

const sameSize = makeSplitView(key, [note(ours, 8), note(theirs, 8)])
const larger = theirs.tree(12)
const differentSizes = makeSplitView(key, [note(ours, 7), note(theirs, 12)], theirs.prefix(larger, 7))
const signedText = (text: string): Note => ({ text, signatures: [signNote(text, signer)] })
const badEmpty = signedText(formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: ours.tree(3).root }))
const emptyWithRecords = makeSplitView(key, [note(ours, 8), badEmpty])

const files: [string, SplitView][] = [
  ['of one size', sameSize],
  ['of two sizes', differentSizes],
  ['of a size 0 with records', emptyWithRecords],
]

describe('evidence', () => {
  test.each(files)('%s convicts before anyone who has the key, after a trip as bytes', (_name, evidence) => {
    const bytes = encodeEvidence(evidence)
    const read = parseEvidence(bytes)
    expect(read).toEqual(evidence)
    expect(encodeEvidence(read)).toEqual(bytes)
    const id = toHex(sha256(bytes)).slice(0, 16)
    expect(evidenceId(read)).toBe(id)
    expect(verifyEvidence(read, [testWitness.verifier, key])).toMatchObject({
      id,
      type: 'gossum/split-view/v1',
      log: logId(key.name, SUMDB_ORIGIN),
      origin: SUMDB_ORIGIN,
    })
  })

  test('says which sizes it is about, the smaller first', () => {
    expect(files.map(([, evidence]) => verifyEvidence(evidence, [key]).sizes)).toEqual([
      [8, 8],
      [7, 12],
      [0, 8],
    ])
  })

  test.each(files)('%s is the same file whoever saw which head first', (_name, evidence) => {
    const [a, b] = evidence.heads.map((head) => parseNote(utf8(head))) as [Note, Note]
    const { prefix } = evidence
    const decoded = prefix && { root: parseHash(prefix.root)!, proof: prefix.proof.map((hash) => parseHash(hash)!) }
    expect(encodeEvidence(makeSplitView(key, [b, a], decoded))).toEqual(encodeEvidence(evidence))
  })

  test('drops every line but the log’s, so that nobody makes a second file of one fact', () => {
    const plain = note(theirs, 8)
    const own = cosign(plain.text, 1_700_000_000, testWitness).signature
    const dressed = { ...plain, signatures: [own, ...plain.signatures, { ...own, name: 'noise' }, ...plain.signatures] }
    expect(encodeEvidence(makeSplitView(key, [note(ours, 8), dressed]))).toEqual(encodeEvidence(sameSize))
  })

  test.each(files)('%s: no file with one bit changed is accepted', (_name, evidence) => {
    const bytes = encodeEvidence(evidence)
    const keys = [remembering(key)]
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice()
      changed[Math.floor(bit / 8)]! ^= 1 << (bit % 8)
      if (codeOf(() => verifyEvidence(parseEvidence(changed), keys)) === 'accepted') expect.fail(`bit ${bit}`)
    }
  })
})

describe('another spelling is refused', () => {
  const text = fromUtf8(encodeEvidence(differentSizes))!
  const object = JSON.parse(text) as Record<string, unknown>
  const spell = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`
  const { type, log, heads, prefix } = object
  const reencoded = {
    'without indentation': JSON.stringify(object),
    'without the newline at the end': text.slice(0, -1),
    'with a newline more': `${text}\n`,
    'with white space before': ` ${text}`,
    'with bytes behind': `${text}x`,
    'with carriage returns': text.replaceAll('\n', '\r\n'),
    'with a byte order mark': `\uFEFF${text}`,
    'with keys in another order': spell({ log, type, heads, prefix }),
    'with the keys of the prefix in another order': spell({
      type,
      log,
      heads,
      prefix: Object.fromEntries(Object.entries(prefix as object).reverse()),
    }),
    'with a key more': spell({ ...object, note: 'x' }),
    'with a key more in the prefix': spell({ ...object, prefix: { ...(prefix as object), x: 1 } }),
    'with a key twice': text.replace('"type"', '"type": "gossum/split-view/v1",\n  "type"'),
    'with an escape that is not needed': text.replace('— ', '\\u2014 '),
    'with a null prefix': spell({ ...object, prefix: null }),
    'with three heads': spell({ ...object, heads: [...(heads as string[]), 'x'] }),
    'with one head': spell({ ...object, heads: (heads as string[]).slice(1) }),
    'with another type': spell({ ...object, type: 'split-view' }),
    'with a type that is none': spell({ ...object, type: ['gossum/split-view/v2'] }),
    'without a type': spell({ log, heads, prefix }),
    'with 65 hashes': spell({
      ...object,
      prefix: { root: (prefix as { root: string }).root, proof: Array<string>(65).fill('x') },
    }),
    'as a list': spell([object]),
    'as null': 'null\n',
    'as nothing': '',
  }
  test.each(Object.entries(reencoded))('%s', (_name, spelling) => {
    expect(spelling).not.toBe(text)
    expect(codeOf(() => parseEvidence(utf8(spelling)))).toBe('EVIDENCE_MALFORMED')
  })

  test('but one of a type to come is no misspelling', () => {
    for (const later of ['gossum/split-view/v2', 'gossum/bad-record/v2']) {
      expect(codeOf(() => parseEvidence(utf8(spell({ ...object, type: later }))))).toBe('EVIDENCE_FOREIGN')
      expect(codeOf(() => parseEvidence(utf8(JSON.stringify({ type: later }))))).toBe('EVIDENCE_FOREIGN')
    }
    const large = utf8(JSON.stringify({ type: 'gossum/bad-record/v2', x: 'x'.repeat(MAX_EVIDENCE_BYTES) }))
    expect(codeOf(() => parseEvidence(large))).toBe('EVIDENCE_MALFORMED')
  })

  test('beyond the bound, and bytes that are not UTF-8', () => {
    const padded = encodeEvidence({ ...sameSize, log: 'x'.repeat(MAX_EVIDENCE_BYTES) })
    expect(codeOf(() => parseEvidence(padded))).toBe('EVIDENCE_MALFORMED')
    expect(codeOf(() => parseEvidence(concatBytes(utf8(text), Uint8Array.of(0xff))))).toBe('EVIDENCE_MALFORMED')
  })

  const refused = (evidence: SplitView): string =>
    codeOf(() => verifyEvidence(parseEvidence(encodeEvidence(evidence)), [key]))

  test('of the key: the hex digits of its id in upper case', () => {
    const [name, id, rest] = key.vkey.split('+') as [string, string, string]
    expect(parseVerifierKey(`${name}+${id.toUpperCase()}+${rest}`).vkey).toBe(key.vkey)
    expect(refused({ ...sameSize, log: `${name}+${id.toUpperCase()}+${rest}` })).toBe('LOG_UNKNOWN')
  })

  test('of a head: another line, the same line twice, unused bits of the signature set', () => {
    const [first, second] = sameSize.heads
    const line = second.slice(second.indexOf('— '))
    const own = fromUtf8(formatNote({ text: '', signatures: [cosign(second, 1, testWitness).signature] }))!.slice(1)
    expect(refused({ ...sameSize, heads: [first, second + own] })).toBe('EVIDENCE_UNPROVEN')
    expect(refused({ ...sameSize, heads: [first, own + second] })).not.toBe('accepted')
    expect(refused({ ...sameSize, heads: [first, second + line] })).toBe('EVIDENCE_UNPROVEN')
    const loose = setUnusedBit(second.trimEnd()) + '\n'
    expect(fromBase64(loose.trimEnd().split(' ').at(-1)!)).toEqual(fromBase64(second.trimEnd().split(' ').at(-1)!))
    expect(refused({ ...sameSize, heads: [first, loose] })).toBe('EVIDENCE_UNPROVEN')
  })

  test('of the order: the larger head first, or the later text', () => {
    const [a, b] = sameSize.heads
    expect(refused({ ...sameSize, heads: [b, a] })).toBe('EVIDENCE_UNPROVEN')
    const [c, d] = differentSizes.heads
    expect(refused({ ...differentSizes, heads: [d, c] })).not.toBe('accepted')
  })

  test('of the proof: unused bits set, or an encoding of other bytes', () => {
    const { root, proof } = differentSizes.prefix!
    const loose = [setUnusedBit(proof[0]!), ...proof.slice(1)]
    expect(refused({ ...differentSizes, prefix: { root: setUnusedBit(root), proof } })).toBe('EVIDENCE_UNPROVEN')
    expect(refused({ ...differentSizes, prefix: { root, proof: loose } })).toBe('EVIDENCE_UNPROVEN')
  })
})

describe('nobody is convicted', () => {
  const made = (...args: Parameters<typeof makeSplitView>): string => codeOf(() => makeSplitView(...args))
  const verified = (evidence: SplitView): string => codeOf(() => verifyEvidence(evidence, [key]))

  test('by two heads that agree', () => {
    expect(made(key, [note(ours, 8), note(ours, 8)])).toBe('EVIDENCE_UNPROVEN')
    expect(made(key, [note(ours, 8), note(ours, 12)])).toBe('EVIDENCE_UNPROVEN')
    expect(made(key, [note(ours, 8), note(ours, 12)], ours.prefix(ours.tree(12), 8))).toBe('EVIDENCE_UNPROVEN')
    expect(made(key, [note(ours, 3), note(theirs, 12)], theirs.prefix(larger, 3))).toBe('EVIDENCE_UNPROVEN')
  })

  test('by the empty tree', () => {
    const empty = signedText(formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: EMPTY_ROOT }))
    expect(made(key, [empty, note(ours, 8)])).toBe('EVIDENCE_UNPROVEN')
    expect(made(key, [empty, empty])).toBe('EVIDENCE_UNPROVEN')
  })

  test('by two sizes without a proof, with a wrong one, or with one for another tree', () => {
    const heads: [Note, Note] = [note(ours, 7), note(theirs, 12)]
    const { root, proof } = theirs.prefix(larger, 7)!
    expect(made(key, heads)).toBe('EVIDENCE_UNPROVEN')
    expect(made(key, heads, { root, proof: [] })).toBe('PROOF_INVALID')
    expect(made(key, heads, { root, proof: proof.slice(1) })).toBe('PROOF_INVALID')
    expect(made(key, heads, { root, proof: [...proof].reverse() })).toBe('PROOF_INVALID')
    expect(made(key, heads, { root: theirs.tree(6).root, proof })).toBe('PROOF_INVALID')
    expect(made(key, heads, theirs.prefix(larger, 8))).toBe('PROOF_INVALID')
    expect(made(key, heads, ours.prefix(ours.tree(12), 7))).toBe('EVIDENCE_UNPROVEN')
    expect(made(key, heads, { root: EMPTY_ROOT, proof })).toBe('PROOF_INVALID')
  })

  test('by a prefix where none is needed', () => {
    const prefix = differentSizes.prefix!
    expect(verified({ ...sameSize, prefix })).toBe('EVIDENCE_UNPROVEN')
    expect(verified({ ...emptyWithRecords, prefix })).toBe('EVIDENCE_UNPROVEN')
  })

  test('by a key that the reader does not trust, whatever the file says', () => {
    const stranger = testSigner('stranger.example', 9)
    expect(codeOf(() => verifyEvidence(sameSize, [stranger.verifier]))).toBe('LOG_UNKNOWN')
    expect(codeOf(() => verifyEvidence(sameSize, []))).toBe('LOG_UNKNOWN')
    const forged: SplitView = { ...sameSize, log: stranger.verifier.vkey }
    expect(codeOf(() => verifyEvidence(forged, [stranger.verifier]))).toBe('SIGNATURE_MISSING')
    expect(codeOf(() => verifyEvidence({ ...sameSize, log: 'nonsense' }, [key]))).toBe('LOG_UNKNOWN')
  })

  test('by heads of two origins: one key may sign for two logs', () => {
    const other = (size: number, root: Uint8Array): Note =>
      signedText(formatCheckpoint({ origin: 'other.example', size, root }))
    expect(made(key, [note(ours, 8), other(8, theirs.tree(8).root)])).toBe('EVIDENCE_UNPROVEN')
  })

  test('by signed nonsense', () => {
    for (const text of [
      'go.sum database tree\n',
      'go.sum database tree\n-1\nx\n',
      `${SUMDB_ORIGIN}\n9007199254740993\n${formatHash(EMPTY_ROOT)}\n`,
    ]) {
      expect(made(key, [note(ours, 8), signedText(text)])).not.toBe('accepted')
    }
  })
})

describe('the fork of the go command’s own test', () => {
  const fork = readVectors('fork.json') as {
    vkey: string
    skey: string
    view_a_heads: string[]
    view_b_heads: string[]
    detection: {
      old_head: string
      new_head: string
      recomputed_old_root_from_new_tiles: string
      tree_proof_new6_old5: string[]
    }
    consistent_pairs: { a_5_to_6: string[] }
  }
  const goKey = parseVerifierKey(fork.vkey)
  const read = (head: string): Note => parseNote(utf8(head))
  const proofOf = (hashes: string[]): Uint8Array[] => hashes.map((hash) => parseHash(hash)!)
  const { old_head, new_head, recomputed_old_root_from_new_tiles, tree_proof_new6_old5 } = fork.detection
  const prefix = { root: parseHash(recomputed_old_root_from_new_tiles)!, proof: proofOf(tree_proof_new6_old5) }

  test('convicts with what the go command prints', () => {
    const evidence = makeSplitView(goKey, [read(old_head), read(new_head)], prefix)
    expect(verifyEvidence(parseEvidence(encodeEvidence(evidence)), [goKey]).sizes).toEqual([5, 6])
    expect(evidence.heads).toEqual([old_head, new_head])
  })

  test('convicts at one size, and the views do not before they part', () => {
    fork.view_a_heads.forEach((head, i) => {
      const make = (): unknown => makeSplitView(goKey, [read(head), read(fork.view_b_heads[i]!)])
      expect(codeOf(make)).toBe(i < 4 ? 'EVIDENCE_UNPROVEN' : 'accepted')
    })
  })

  test('in other spellings that the go command reads convicts as well, each with one file', () => {
    const goSigner = parseSignerKey(fork.skey)
    const sign = (text: string): Note => ({ text, signatures: [signNote(text, goSigner)] })
    const text = read(fork.view_b_heads[4]!).text
    const loose = setUnusedBit(text.trimEnd()) + '\n'
    for (const spelled of [`${text}extension 1\n`, loose, `${text}\n\nblank lines\n`]) {
      const note = sign(spelled)
      const evidence = makeSplitView(goKey, [read(fork.view_a_heads[4]!), note])
      expect(verifyEvidence(parseEvidence(encodeEvidence(evidence)), [goKey]).sizes).toEqual([5, 5])
      expect(encodeEvidence(makeSplitView(goKey, [note, read(fork.view_a_heads[4]!)]))).toEqual(
        encodeEvidence(evidence),
      )
    }
  })

  test('refuses to convict a view against itself', () => {
    const proof = proofOf(fork.consistent_pairs.a_5_to_6)
    const own = { root: prefix.root, proof }
    const heads: [Note, Note] = [read(fork.view_a_heads[4]!), read(fork.view_a_heads[5]!)]
    try {
      makeSplitView(goKey, heads, own)
      expect.unreachable()
    } catch (error) {
      expect(errorCode(error)).toBe('PROOF_INVALID')
    }
  })
})
