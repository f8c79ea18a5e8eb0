import { describe, expect, it } from 'vitest'
import { judge, type TrustedKeys, type FileVerdict } from '../../../src/cli/commands/verdict.js'
import { SUM_GOLANG_ORG } from '../../../src/config/config.js'
import { encodeEvidence, makeSplitView, makeWitnessConflict } from '../../../src/evidence/evidence.js'
import { concatBytes, fromUtf8, uint64, utf8 } from '../../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../../src/tlog/checkpoint.js'
import { cosign } from '../../../src/tlog/cosignature.js'
import { parseHash } from '../../../src/tlog/hash.js'
import {
  formatNote,
  formatSignature,
  makeSignerKey,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  signNote,
  type Note,
} from '../../../src/tlog/note.js'
import { parsePolicy } from '../../../src/tlog/policy.js'
import { formatProofFile, parseProofFile } from '../../../src/tlog/proof-file.js'
import { recordOf, RecordLog } from '../../helpers/record-log.js'
import { readLines, readVectors, vectorUrl } from '../../helpers/vectors.js'

const heads = (readLines(vectorUrl('sumdb-heads.jsonl')) as { size: number; note: string }[]).slice(0, 5)
const fork = readVectors('fork.json') as {
  vkey: string
  skey: string
  detection: { old_head: string; new_head: string; proof_block_lines: string[] }
}
const { complete } = readVectors('tlog-proof.json') as { complete: { log_vkey: string; entry: string; proof: string } }

const sumdb: TrustedKeys = { logs: [parseVerifierKey(SUM_GOLANG_ORG)] }
const forkTrust: TrustedKeys = { logs: [parseVerifierKey(fork.vkey)] }
const proofTrust: TrustedKeys = { logs: [parseVerifierKey(complete.log_vkey)] }
const [w1, w2, stranger] = [1, 2, 3].map((seed) =>
  makeSignerKey(`w${seed}.example`, SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(seed)),
) as [ReturnType<typeof makeSignerKey>, ReturnType<typeof makeSignerKey>, ReturnType<typeof makeSignerKey>]

function evidenceFile(): Uint8Array {
  const { old_head, new_head, proof_block_lines } = fork.detection
  const [root, ...proof] = proof_block_lines.map((line) => parseHash(line)!)
  const notes = [parseNote(utf8(old_head)), parseNote(utf8(new_head))] as const
  return encodeEvidence(makeSplitView(parseVerifierKey(fork.vkey), notes, { root: root!, proof }))
}

/** Called a hundred thousand times: an expectation costs more than a verdict, so it is made only on failure. */
function expectInvalid(verdict: FileVerdict, what: string): void {
  if (verdict.verdict === 'invalid' && verdict.reason && verdict.code !== 'INTERNAL') return
  expect(verdict.verdict, what).toBe('invalid')
  expect(verdict.reason, what).toBeTruthy()
  expect(verdict.code, what).not.toBe('INTERNAL')
}

/** Every byte with these bits flipped, every byte removed, every prefix: none may be judged valid. */
function expectNoChangePasses(
  file: Uint8Array,
  judgeFile: (bytes: Uint8Array) => FileVerdict,
  flips: readonly number[],
): void {
  expect(judgeFile(file).reason).toBeUndefined()
  for (let i = 0; i < file.length; i++) {
    for (const flip of flips) {
      const changed = file.slice()
      changed[i]! ^= flip
      expectInvalid(judgeFile(changed), `byte ${i} ^ ${flip}`)
    }
    expectInvalid(judgeFile(concatBytes(file.subarray(0, i), file.subarray(i + 1))), `without byte ${i}`)
    expectInvalid(judgeFile(file.subarray(0, i)), `the first ${i} bytes`)
  }
  for (const extra of [' ', '\n', 'A', '\0']) expectInvalid(judgeFile(concatBytes(file, utf8(extra))), `and ${extra}`)
}

const FEW_FLIPS = [0x01, 0x02, 0x20, 0x80]
const ALL_FLIPS = Array.from({ length: 255 }, (_, i) => i + 1)

describe('a head', () => {
  it.each(heads)('of size $size is valid', ({ size, note }) => {
    expect(judge(utf8(note), sumdb)).toEqual({
      kind: 'head',
      verdict: 'valid',
      log: SUM_GOLANG_ORG,
      origin: 'go.sum database tree',
      size,
      root: note.split('\n')[2],
      cosignatures: [],
    })
  })

  it.each(heads)('of size $size with any changed byte is invalid', ({ note }) => {
    expectNoChangePasses(utf8(note), (bytes) => judge(bytes, sumdb), FEW_FLIPS)
  })

  it('has no byte that can be changed to any other value', () => {
    expectNoChangePasses(utf8(heads[0]!.note), (bytes) => judge(bytes, sumdb), ALL_FLIPS)
  })

  it('is refused with another encoding of the same signature, and the reason says so', () => {
    const { note } = heads[0]!
    const at = note.lastIndexOf('=') - 1
    // The last letter before the padding has two unused bits.
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const other = alphabet[alphabet.indexOf(note[at]!) + 1]!
    const respelled = utf8(note.slice(0, at) + other + note.slice(at + 1))
    expect(parseNote(respelled)).toEqual(parseNote(utf8(note)))
    expect(judge(respelled, sumdb)).toMatchObject({ verdict: 'invalid', code: 'NOT_CANONICAL', size: heads[0]!.size })
  })

  it('of an untrusted log is refused, and its claims are not repeated', () => {
    const verdict = judge(utf8(fork.detection.old_head), sumdb)
    expect(verdict).toMatchObject({ verdict: 'invalid', code: 'LOG_UNKNOWN', size: null, origin: null, root: null })
    expect(judge(utf8(fork.detection.old_head), forkTrust)).toMatchObject({ verdict: 'valid', size: 5 })
  })

  it('signed with the right name but another key is not by the log', () => {
    const impostor = makeSignerKey('sum.golang.org', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(9))
    const { text } = parseNote(utf8(heads[0]!.note))
    const forged = formatNote({ text, signatures: [signNote(text, impostor)] })
    expect(judge(forged, sumdb)).toMatchObject({ verdict: 'invalid', code: 'LOG_UNKNOWN' })
  })

  it('is refused if a second signature of the log does not verify', () => {
    const note = parseNote(utf8(heads[0]!.note))
    const [good] = note.signatures
    const bad = { ...good!, bytes: new Uint8Array(64) }
    expect(judge(formatNote({ ...note, signatures: [good!, bad] }), sumdb).code).toBe('SIGNATURE_INVALID')
  })

  it('encoded oddly by the log itself, or of an impossible size, is refused', () => {
    const signer = parseSignerKey(fork.skey)
    const root = fork.detection.old_head.split('\n')[2]!
    const sign = (text: string): Uint8Array => formatNote({ text, signatures: [signNote(text, signer)] })
    const code = (text: string): string | undefined => judge(sign(text), forkTrust).code
    expect(code(`go.sum database tree\n5\n${root}\n`)).toBeUndefined()
    expect(code(`go.sum database tree\n5\n${root}\nits own affair\n`)).toBeUndefined()
    expect(code(`go.sum database tree\n5\n${root.slice(0, -2)}x=\n`)).toBe('NOT_CANONICAL')
    expect(code(`go.sum database tree\n9007199254740992\n${root}\n`)).toBe('SIZE_IMPOSSIBLE')
    expect(code(`go.sum database tree\n05\n${root}\n`)).toBe('CHECKPOINT_MALFORMED')
    expect(code('hello\n')).toBe('CHECKPOINT_MALFORMED')
  })

  it.each(['', 'hello', '\n\n', '{', '[]', 'c2sp.org/tlog-proof@v1', 'c2sp.org/tlog-proof@v1\n', '\u{feff}'])(
    'is not %j',
    (text) => expectInvalid(judge(utf8(text), sumdb), text),
  )

  it('is neither invalid UTF-8 nor a megabyte of repeated bytes', () => {
    expectInvalid(judge(Uint8Array.of(0xff, 0xfe), sumdb), 'no UTF-8')
    for (const letter of ['a', '{', '\n', '—']) expectInvalid(judge(utf8(letter.repeat(2 ** 20 / 4)), sumdb), letter)
  })
})

describe('cosignatures', () => {
  const note = parseNote(utf8(heads[0]!.note))
  const cosigned = (...signers: (typeof w1)[]): Uint8Array =>
    formatNote({
      ...note,
      signatures: [...note.signatures, ...signers.map((signer) => cosign(note.text, 1_700_000_000, signer).signature)],
    })
  const policy = (need: number): TrustedKeys => ({
    ...sumdb,
    policy: parsePolicy(
      `witness a ${w1.verifier.vkey}\nwitness b ${w2.verifier.vkey}\ngroup g ${need} a b\nquorum g\n`,
    ),
  })
  const time = '2023-11-14T22:13:20.000Z'

  it('do not count without a policy', () => {
    expect(judge(cosigned(w1), sumdb)).toMatchObject({
      verdict: 'valid',
      cosignatures: [{ name: 'w1.example', time, verified: false }],
    })
  })

  it('can satisfy a policy, and unknown witnesses are listed but never count', () => {
    expect(judge(cosigned(stranger, w1, w2), policy(2))).toMatchObject({
      verdict: 'valid',
      cosignatures: [
        { name: 'w3.example', time, verified: false },
        { name: 'w1.example', time, verified: true },
        { name: 'w2.example', time, verified: true },
      ],
    })
    expect(judge(cosigned(stranger, w1), policy(2))).toMatchObject({ verdict: 'invalid', code: 'POLICY_UNSATISFIED' })
    expect(judge(cosigned(w1, w1), policy(2)).code).toBe('POLICY_UNSATISFIED')
    expect(judge(cosigned(), policy(1)).code).toBe('POLICY_UNSATISFIED')
  })

  it('that make the quorum allow no changed byte', () => {
    expectNoChangePasses(cosigned(w1, w2), (bytes) => judge(bytes, policy(2)), FEW_FLIPS)
  })

  it('of a witness of the policy must verify, even if the quorum is reached without it', () => {
    const [log, first, second] = parseNote(cosigned(w1, w2)).signatures
    const bytes = second!.bytes.slice()
    bytes[71]! ^= 1
    const forged = formatNote({ ...note, signatures: [log!, first!, { ...second!, bytes }] })
    expect(judge(forged, policy(1))).toMatchObject({
      verdict: 'invalid',
      code: 'SIGNATURE_INVALID',
      cosignatures: [{ verified: true }, { verified: false }],
    })
  })

  it('may claim any time at all', () => {
    for (const seconds of [0, 1, 8_640_000_000_001, 2 ** 53 - 1]) {
      const { name, keyId } = stranger.verifier
      const line = formatSignature({ name, keyId, bytes: concatBytes(uint64(seconds), new Uint8Array(64)) })
      const verdict = judge(concatBytes(utf8(heads[0]!.note), utf8(line)), sumdb)
      const expected = seconds > 8_640_000_000_000 ? null : new Date(seconds * 1000).toISOString()
      expect(verdict).toMatchObject({ verdict: 'valid', cosignatures: [{ time: expected, verified: false }] })
    }
  })
})

describe('evidence', () => {
  it('convicts the log whose key is trusted', () => {
    const verdict = judge(evidenceFile(), forkTrust)
    expect(verdict).toMatchObject({
      kind: 'evidence',
      verdict: 'valid',
      type: 'gossum/split-view/v1',
      log: fork.vkey,
      origin: 'go.sum database tree',
      sizes: [5, 6],
    })
    expect(verdict.id).toMatch(/^[0-9a-f]{16}$/)
  })

  it('cannot vouch for its own key', () => {
    expect(judge(evidenceFile(), sumdb)).toMatchObject({ kind: 'evidence', verdict: 'invalid', code: 'LOG_UNKNOWN' })
  })

  it('with any changed byte convicts no key', () => {
    expectNoChangePasses(evidenceFile(), (bytes) => judge(bytes, forkTrust), [0x01, 0x20])
  })
})

describe('evidence of two records', () => {
  const M = 'example.com/m@v1.2.3'
  const log = new RecordLog(parseSignerKey(fork.skey), [
    recordOf(M, 'good'),
    recordOf('example.com/n@v1.0.0', 'n'),
    recordOf(M, 'evil'),
  ])
  const file = encodeEvidence(log.evidence(0, 2))

  it('names the records and the module version', () => {
    expect(judge(file, forkTrust)).toMatchObject({
      kind: 'evidence',
      verdict: 'valid',
      type: 'gossum/bad-record/v1',
      log: fork.vkey,
      origin: 'go.sum database tree',
      sizes: [3, 3],
      module: M,
      records: [0, 2],
    })
    for (const field of ['module', 'records']) expect(judge(evidenceFile(), forkTrust)).not.toHaveProperty(field)
  })

  it('cannot vouch for its own key', () => {
    const refused = judge(file, sumdb)
    expect(refused).toMatchObject({ verdict: 'invalid', code: 'LOG_UNKNOWN', log: null })
    expect(refused).not.toHaveProperty('module')
  })

  it('with any changed byte convicts no key', () => {
    expectNoChangePasses(file, (bytes) => judge(bytes, forkTrust), [0x01, 0x20])
  })
})

describe('evidence against a witness', () => {
  const logKey = parseVerifierKey(fork.vkey)
  const conflict = (by = w1): Uint8Array => {
    const { old_head, new_head, proof_block_lines } = fork.detection
    const [root, ...proof] = proof_block_lines.map((line) => parseHash(line)!)
    const noted = (head: string): Note => {
      const { text, signatures } = parseNote(utf8(head))
      return { text, signatures: [...signatures, cosign(text, 1_700_000_000, by).signature] }
    }
    const notes = [noted(old_head), noted(new_head)] as const
    return encodeEvidence(makeWitnessConflict(logKey, by.verifier, notes, { root: root!, proof }))
  }
  const policy = parsePolicy(`witness a ${w1.verifier.vkey}\nwitness b ${w2.verifier.vkey}\nquorum a\n`)
  const trust: TrustedKeys = { ...forkTrust, policy }

  it('convicts a witness that the policy names', () => {
    expect(judge(conflict(), trust)).toMatchObject({
      kind: 'evidence',
      verdict: 'valid',
      type: 'gossum/witness-conflict/v1',
      log: fork.vkey,
      witness: w1.verifier.vkey,
      sizes: [5, 6],
    })
    expect(judge(evidenceFile(), trust)).not.toHaveProperty('witness')
  })

  it('convicts no unknown witness, and requires the key of the log', () => {
    expect(judge(conflict(stranger), trust)).toMatchObject({ verdict: 'invalid', code: 'WITNESS_UNKNOWN', log: null })
    expect(judge(conflict(), forkTrust)).toMatchObject({ verdict: 'invalid', code: 'WITNESS_UNKNOWN' })
    expect(judge(conflict(), { ...sumdb, policy })).toMatchObject({ verdict: 'invalid', code: 'LOG_UNKNOWN' })
  })

  it('with any changed byte convicts no key', () => {
    expectNoChangePasses(conflict(), (bytes) => judge(bytes, trust), [1, 32])
  })
})

describe('a proof', () => {
  const file = utf8(complete.proof)
  const record = utf8(complete.entry)

  it('holds for its record', () => {
    expect(judge(file, proofTrust, record)).toMatchObject({ kind: 'proof', verdict: 'valid', index: 6, size: 15 })
  })

  it('does not hold for another record, or without one', () => {
    expect(judge(file, proofTrust, utf8('eight')).code).toBe('PROOF_INVALID')
    expect(judge(file, proofTrust).code).toBe('RECORD_MISSING')
    expect(judge(file, sumdb, record).code).toBe('LOG_UNKNOWN')
  })

  it('may contain its own record', () => {
    const whole = formatProofFile({ ...parseProofFile(file), extra: record })
    expect(judge(whole, proofTrust)).toMatchObject({ verdict: 'valid', index: 6 })
    expectNoChangePasses(whole, (bytes) => judge(bytes, proofTrust), FEW_FLIPS)
  })

  it('with any changed byte does not hold', () => {
    expectNoChangePasses(file, (bytes) => judge(bytes, proofTrust, record), FEW_FLIPS)
  })

  it('is about the head that it carries', () => {
    const { text } = parseNote(parseProofFile(file).note)
    expect(parseCheckpoint(text).size).toBe(15)
    expect(fromUtf8(file)).toContain(text)
  })
})
