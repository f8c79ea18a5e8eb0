/** Two records of one module version: when they convict a log, and when they convict nobody. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { contradictionOf } from '../../src/evidence/bad-record.js'
import {
  encodeEvidence,
  evidenceId,
  makeBadRecord,
  makeSplitView,
  MAX_EVIDENCE_BYTES,
  parseEvidence,
  verifyEvidence,
  type BadRecord,
  type EvidenceRecord,
} from '../../src/evidence/evidence.js'
import { fromUtf8, toHex, utf8 } from '../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import { spellNote, type Note } from '../../src/tlog/note.js'
import { MAX_RECORD_BYTES } from '../../src/tlog/record.js'
import { codeOf } from '../helpers/codes.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { setUnusedBit } from '../helpers/history.js'
import { h1, recordOf, RecordLog } from '../helpers/record-log.js'
import { remembering } from '../helpers/remembering.js'

const signer = testSigner('log.example', 1)
const key = remembering(signer.verifier)
const M = 'example.com/m@v1.2.3'
const filler = (n: number): string => recordOf(`example.com/filler${n}@v1.0.${n}`, `f${n}`)
/** Record 5 is the first of the module version, 9 has another hash, 10 repeats 5, 11 differs only in go.mod. */
const texts = Array.from({ length: 13 }, (_, n) => filler(n))
texts[5] = recordOf(M, 'good')
texts[9] = recordOf(M, 'evil')
texts[10] = recordOf(M, 'good')
texts[11] = recordOf(M, 'good', 'another go.mod')
const log = new RecordLog(signer, texts)
const bad = log.evidence(5, 9)

const judged = (evidence: BadRecord, keys = [key]): string =>
  codeOf(() => verifyEvidence(parseEvidence(encodeEvidence(evidence)), keys))
const swapped = ({ records: [one, other], ...rest }: BadRecord): BadRecord => ({ ...rest, records: [other, one] })
const withFirst = (change: Partial<EvidenceRecord>, evidence = bad): BadRecord => ({
  ...evidence,
  records: [{ ...evidence.records[0], ...change }, evidence.records[1]],
})

describe('two records of one module version', () => {
  test('convict the log before anyone who has its key, after a trip as bytes', () => {
    const bytes = encodeEvidence(bad)
    const read = parseEvidence(bytes)
    expect(read).toEqual(bad)
    expect(encodeEvidence(read)).toEqual(bytes)
    expect(verifyEvidence(read, [testWitness.verifier, key])).toEqual({
      id: toHex(sha256(bytes)).slice(0, 16),
      type: 'gossum/bad-record/v1',
      log: logId(key.name, SUMDB_ORIGIN),
      key,
      origin: SUMDB_ORIGIN,
      sizes: [13, 13],
      module: M,
      records: [5, 9],
    })
  })

  test('are spelled like this, and in no other way', () => {
    const [one, other] = [5, 9].map((id) =>
      log
        .found(id)
        .proof.map((hash) => `        "${formatHash(hash)}"`)
        .join(',\n'),
    )
    const spelled = (text: string): string => JSON.stringify(text)
    expect(fromUtf8(encodeEvidence(bad))).toBe(`{
  "type": "gossum/bad-record/v1",
  "log": ${spelled(key.vkey)},
  "head": ${spelled(spellNote(log.head()))},
  "records": [
    {
      "id": 5,
      "text": ${spelled(texts[5]!)},
      "proof": [
${one}
      ]
    },
    {
      "id": 9,
      "text": ${spelled(texts[9]!)},
      "proof": [
${other}
      ]
    }
  ]
}
`)
  })

  test('are the same file in whatever order they were found, and whatever lines the head carries', () => {
    const head = log.head()
    const own = cosign(head.text, 1_700_000_000, testWitness).signature
    const dressed: Note = { ...head, signatures: [own, ...head.signatures, { ...own, name: 'noise' }] }
    expect(makeBadRecord(key, dressed, [log.found(9), log.found(5)])).toEqual(bad)
  })

  test('that differ in go.mod alone convict, under any head that has both', () => {
    expect(verifyEvidence(log.evidence(5, 11), [key])).toMatchObject({ module: M, records: [5, 11], sizes: [13, 13] })
    expect(verifyEvidence(log.evidence(5, 11, 12), [key]).sizes).toEqual([12, 12])
    expect(verifyEvidence(log.evidence(10, 11), [key]).records).toEqual([10, 11])
  })

  test('may be as large as records are, and their JSON twice that', () => {
    const large = (word: string): string => {
      const text = recordOf(M, word)
      return `${text}${'"'.repeat(MAX_RECORD_BYTES - utf8(text).length - 1)}\n`
    }
    const both = new RecordLog(signer, [large('good'), large('evil')])
    expect(utf8(both.texts[0]!)).toHaveLength(MAX_RECORD_BYTES)
    // A head padded to the maximum size.
    const padded = both.sign(`${both.head().text}${'"'.repeat(65_000)}\n`)
    const evidence = makeBadRecord(key, padded, [both.found(0), both.found(1)])
    const bytes = encodeEvidence(evidence)
    expect(bytes.length).toBeGreaterThan(5 * MAX_RECORD_BYTES)
    expect(bytes.length).toBeLessThan(MAX_EVIDENCE_BYTES)
    expect(verifyEvidence(parseEvidence(bytes), [key]).module).toBe(M)
  })

  test('of a module version that nobody can read are told of in few characters', () => {
    const name = `example.com/${'\u{1f600}'.repeat(8_000)}@v1.0.0`
    const long = new RecordLog(signer, [recordOf(name, 'good'), recordOf(name, 'evil')])
    const { module } = verifyEvidence(long.evidence(0, 1), [key])
    expect(module).toHaveLength(513)
    expect(module).toMatch(/^example\.com\/.*…$/u)
  })
})

describe('nobody is convicted', () => {
  const made = (one: number, other: number, of = log): string => codeOf(() => of.evidence(one, other))

  test('by a record that is there twice, or by one record', () => {
    expect(made(5, 10)).toBe('EVIDENCE_UNPROVEN')
    expect(made(5, 5)).toBe('EVIDENCE_UNPROVEN')
    expect(judged({ ...bad, records: [bad.records[0], bad.records[0]] })).toBe('EVIDENCE_UNPROVEN')
  })

  test('by records of two module versions', () => {
    expect(made(4, 5)).toBe('EVIDENCE_UNPROVEN')
    const near = new RecordLog(signer, [
      recordOf(M, 'a'),
      recordOf('example.com/m@v1.2.30', 'b'),
      recordOf('example.com/m2@v1.2.3', 'c'),
      recordOf('example.com/M@v1.2.3', 'd'),
    ])
    for (const other of [1, 2, 3]) expect(made(0, other, near), near.texts[other]).toBe('EVIDENCE_UNPROVEN')
  })

  test('by records that have no file in common, or no hash of the same algorithm', () => {
    const [files, goMod] = recordOf(M, 'good').split(/(?<=\n)/) as [string, string]
    const apart = new RecordLog(signer, [
      files,
      goMod,
      files.replace('h1:', 'h2:').replace('Z', 'Y'),
      // Not a hash: the go command compares it with nothing.
      'example.com/m v1.2.3 h1\n',
      'example.com/m v1.2.3 :\n',
      'example.com/m v1.2.3\n',
      files.replace('h1:', 'H1:'),
    ])
    for (const other of [1, 2, 3, 4, 5, 6]) expect(made(0, other, apart), apart.texts[other]).toBe('EVIDENCE_UNPROVEN')
  })

  test('by lines in another order, or by additional lines', () => {
    const [files, goMod] = recordOf(M, 'good').split(/(?<=\n)/) as [string, string]
    const order = new RecordLog(signer, [
      files + goMod,
      goMod + files,
      `${files}${goMod}example.com/n v1.0.0 ${h1('n')}\n`,
    ])
    expect(made(0, 1, order)).toBe('EVIDENCE_UNPROVEN')
    expect(made(0, 2, order)).toBe('EVIDENCE_UNPROVEN')
  })

  test('by records that are not in the tree: another text, number, proof, or head', () => {
    const { proof } = bad.records[0]
    expect(judged(withFirst({ text: recordOf(M, 'made up') }))).toBe('PROOF_INVALID')
    expect(judged(withFirst({ id: 4 }))).toBe('PROOF_INVALID')
    expect(judged(withFirst({ proof: [] }))).toBe('PROOF_INVALID')
    expect(judged(withFirst({ proof: proof.slice(1) }))).toBe('PROOF_INVALID')
    expect(judged(withFirst({ proof: [...proof].reverse() }))).toBe('PROOF_INVALID')
    expect(judged(withFirst({ proof: bad.records[1].proof }))).toBe('PROOF_INVALID')
    expect(judged({ ...bad, head: spellNote(log.head(12)) })).toBe('PROOF_INVALID')
    // No tree has a proof of 65 hashes.
    expect(judged(withFirst({ proof: Array<string>(65).fill(proof[0]!) }))).toBe('EVIDENCE_MALFORMED')
    // A number beyond the tree.
    expect(judged({ ...bad, records: [bad.records[0], { ...bad.records[1], id: 13 }] })).toBe('PROOF_INVALID')
  })

  test('by numbers that are swapped', () => {
    expect(judged(swapped(bad))).toBe('EVIDENCE_UNPROVEN')
    const [one, other] = bad.records
    expect(
      judged({
        ...bad,
        records: [
          { ...one, id: 9 },
          { ...other, id: 5 },
        ],
      }),
    ).toBe('EVIDENCE_UNPROVEN')
    expect(
      judged({
        ...bad,
        records: [
          { ...other, id: 5 },
          { ...one, id: 9 },
        ],
      }),
    ).toBe('PROOF_INVALID')
  })

  test('by a head of another log, by one that nobody signed, or by one with more lines', () => {
    const mallory = testSigner('log.example', 66)
    const theirs = new RecordLog(mallory, texts)
    expect(judged({ ...bad, head: spellNote(theirs.head()) })).toBe('SIGNATURE_MISSING')
    expect(judged({ ...bad, log: mallory.verifier.vkey })).toBe('LOG_UNKNOWN')
    expect(judged({ ...bad, log: mallory.verifier.vkey }, [mallory.verifier])).toBe('SIGNATURE_MISSING')
    expect(judged(bad, [])).toBe('LOG_UNKNOWN')
    const head = log.head()
    const own = cosign(head.text, 1_700_000_000, testWitness).signature
    const loud = (signatures: Note['signatures']): string =>
      judged({ ...bad, head: spellNote({ ...head, signatures }) })
    expect(loud([...head.signatures, own])).toBe('EVIDENCE_UNPROVEN')
    expect(loud([own, ...head.signatures])).toBe('EVIDENCE_UNPROVEN')
    expect(loud([...head.signatures, ...head.signatures])).toBe('EVIDENCE_UNPROVEN')
    expect(judged({ ...bad, head: `${setUnusedBit(bad.head.trimEnd())}\n` })).toBe('EVIDENCE_UNPROVEN')
  })

  test('by a log that is no checksum database: its records may say what they like', () => {
    const other = new RecordLog(signer, texts, 'log.example')
    expect(made(5, 9, other)).toBe('EVIDENCE_UNPROVEN')
  })

  test('by what is no record', () => {
    for (const text of [
      '',
      '\n',
      'x',
      `${texts[9]!}\n`,
      `\n${texts[9]!}`,
      texts[9]!.replace(' ', '\t'),
      texts[9]!.trimEnd(),
    ]) {
      const odd = new RecordLog(signer, [texts[5]!, text])
      expect(
        codeOf(() => odd.evidence(0, 1)),
        JSON.stringify(text),
      ).toBe('RECORD_INVALID')
    }
    const large = new RecordLog(signer, [texts[5]!, `${texts[9]!}${'x'.repeat(MAX_RECORD_BYTES)}\n`])
    expect(codeOf(() => large.evidence(0, 1))).toBe('RECORD_INVALID')
    const binary = { ...log.found(5), record: Uint8Array.of(0xff, 0x0a) }
    expect(codeOf(() => makeBadRecord(key, log.head(), [binary, log.found(9)]))).toBe('RECORD_INVALID')
  })
})

describe('one fact has one file', () => {
  const text = fromUtf8(encodeEvidence(bad))!
  const object = JSON.parse(text) as { type: string; log: string; head: string; records: Record<string, unknown>[] }
  const spell = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`
  const { type, log: vkey, head, records } = object
  const [first, second] = records as [Record<string, unknown>, Record<string, unknown>]
  const withRecord = (record: unknown): string => spell({ ...object, records: [record, second] })
  const others = {
    'without indentation': JSON.stringify(object),
    'with a newline more': `${text}\n`,
    'torn off': text.slice(0, text.length / 2),
    'without its last byte': text.slice(0, -1),
    'with keys in another order': spell({ type, log: vkey, records, head }),
    'with the keys of a record in another order': withRecord(Object.fromEntries(Object.entries(first).reverse())),
    'with a key more': spell({ ...object, prefix: { root: '', proof: [] } }),
    'with a key more in a record': withRecord({ ...first, x: 1 }),
    'with three records': spell({ ...object, records: [...records, second] }),
    'with one record': spell({ ...object, records: [second] }),
    'with no records': spell({ type, log: vkey, head }),
    'with records of another type': spell({ ...object, records: { 0: first, 1: second, length: 2 } }),
    'with heads in place of a head': spell({ type, log: vkey, heads: [head, head], records }),
    'with a number as text': withRecord({ ...first, id: '5' }),
    'with a fraction': withRecord({ ...first, id: 5.5 }),
    'with a negative number': withRecord({ ...first, id: -1 }),
    'with minus nothing': text.replace('"id": 5', '"id": -0'),
    'with an exponent': text.replace('"id": 5', '"id": 5e0'),
    'with a number beyond 2^53': text.replace('"id": 5', '"id": 9007199254740993'),
    'with a null proof': withRecord({ ...first, proof: null }),
    'with an escape that is not needed': text.replace('example.com/m ', 'example.com\\/m '),
    'as the type of another kind': spell({ ...object, type: 'gossum/split-view/v1' }),
  }
  test.each(Object.entries(others))('%s', (_name, spelling) => {
    expect(spelling).not.toBe(text)
    expect(codeOf(() => parseEvidence(utf8(spelling)))).toBe('EVIDENCE_MALFORMED')
  })

  test('half of a surrogate pair is not U+FFFD, though its bytes are', () => {
    const odd = (word: string, char: string): string => `${recordOf(M, word)}${char}\n`
    const both = new RecordLog(
      signer,
      [odd('good', '\ufffd'), odd('evil', '')].map((one) => one.replace('\n\n', '\n')),
    )
    const evidence = both.evidence(0, 1)
    const forged = withFirst({ text: odd('good', '\ud800') }, evidence)
    expect(utf8(forged.records[0].text)).toEqual(utf8(evidence.records[0].text))
    // It is valid JSON in another spelling, and would have another id.
    expect(evidenceId(parseEvidence(encodeEvidence(forged)))).not.toBe(evidenceId(evidence))
    expect(judged(forged)).toBe('EVIDENCE_UNPROVEN')
  })

  test('beyond the bound it is none, and one of a kind to come is nobody’s fault', () => {
    expect(codeOf(() => parseEvidence(encodeEvidence({ ...bad, head: 'x'.repeat(MAX_EVIDENCE_BYTES) })))).toBe(
      'EVIDENCE_MALFORMED',
    )
    expect(codeOf(() => parseEvidence(utf8(spell({ ...object, type: 'gossum/bad-record/v2' }))))).toBe(
      'EVIDENCE_FOREIGN',
    )
  })

  test('unused bits of a hash in a proof', () => {
    const [hash, ...rest] = bad.records[0].proof
    expect(judged(withFirst({ proof: [setUnusedBit(hash!), ...rest] }))).toBe('EVIDENCE_UNPROVEN')
  })
})

describe('no file that was changed convicts', () => {
  const files = [
    bad,
    log.evidence(5, 11),
    makeSplitView(key, [log.head(), new RecordLog(signer, [...texts.slice(0, 12), filler(99)]).head()]),
  ]
  const bytes = files.map(encodeEvidence)
  const genuine = new Set(files.map(evidenceId))

  test('in one bit', () => {
    const [file] = bytes as [Uint8Array]
    for (let bit = 0; bit < file.length * 8; bit++) {
      const changed = file.slice()
      changed[Math.floor(bit / 8)]! ^= 1 << (bit % 8)
      if (codeOf(() => verifyEvidence(parseEvidence(changed), [key])) === 'accepted') expect.fail(`bit ${bit}`)
    }
  })

  test('in what it says, put together from other genuine files in whatever way', () => {
    const found = [4, 5, 9, 10, 11].flatMap((id) => [12, 13].map((size) => ({ size, ...log.found(id, size) })))
    const record = fc.record({
      of: fc.constantFrom(...found),
      proof: fc.constantFrom(...found, undefined),
      text: fc.constantFrom(...texts.slice(4), undefined),
      id: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.nat(13)),
    })
    let refused = 0
    fc.assert(
      fc.property(fc.constantFrom(12, 13), record, record, (size, ...records) => {
        const made: BadRecord = {
          ...bad,
          head: spellNote(log.head(size)),
          records: records.map(({ of, proof, text, id }) => ({
            id: id ?? of.id,
            text: text ?? fromUtf8(of.record)!,
            proof: (proof ?? of).proof.map(formatHash),
          })) as unknown as BadRecord['records'],
        }
        if (judged(made) !== 'accepted') {
          refused++
          return
        }
        // Whatever is accepted is what the log contains, byte for byte.
        const [one, other] = made.records
        expect(made).toEqual(log.evidence(one.id, other.id, size))
        expect(texts[one.id]).toBe(one.text)
        expect(texts[other.id]).toBe(other.text)
        expect(one.text).not.toBe(other.text)
      }),
      { numRuns: 2_000, seed: 46787 },
    )
    expect(refused).toBeGreaterThan(1_500)
    expect(refused).toBeLessThan(2_000)
  })

  test('in bytes, cut, doubled and moved', () => {
    const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
    fc.assert(
      fc.property(
        fc.nat(1),
        fc.constantFrom('cut', 'double', 'set'),
        place,
        place,
        fc.nat(255),
        (which, kind, a, b, value) => {
          const file = [...bytes[which]!]
          const [from, to] = [Math.floor(Math.min(a, b) * file.length), Math.floor(Math.max(a, b) * file.length)]
          if (kind === 'cut') file.splice(from, to - from)
          else if (kind === 'double') file.splice(from, 0, ...file.slice(from, to))
          else file[from] = value
          const changed = Uint8Array.from(file)
          const believed = codeOf(() => verifyEvidence(parseEvidence(changed), [key])) === 'accepted'
          if (believed) expect(genuine.has(evidenceId(parseEvidence(changed)))).toBe(true)
        },
      ),
      { numRuns: 2_000, seed: 46787 },
    )
  })
})

describe('what two records say differently', () => {
  const line = (hash: string, version = 'v1.2.3'): string => `example.com/m ${version} ${hash}\n`

  test('is the first line that the other record contradicts', () => {
    expect(contradictionOf([recordOf(M, 'good', 'a'), recordOf(M, 'evil', 'b')])).toEqual({
      module: M,
      lines: [`example.com/m v1.2.3 ${h1('good')}`, `example.com/m v1.2.3 ${h1('evil')}`],
    })
    expect(contradictionOf([recordOf(M, 'good', 'a'), recordOf(M, 'good', 'b')])?.lines).toEqual([
      `example.com/m v1.2.3/go.mod ${h1('a')}`,
      `example.com/m v1.2.3/go.mod ${h1('b')}`,
    ])
  })

  test('is there whichever stands first, also where one of them says two things itself', () => {
    const [one, two, other] = [line('h1:a='), line('h1:b='), line('h1:c=')]
    for (const pair of [
      [one + two, one],
      [one, one + two],
      [one + two, other],
      [two + one, two],
    ] as [string, string][])
      expect(contradictionOf(pair)?.module, JSON.stringify(pair)).toBe(M)
    expect(contradictionOf([one + two, two + one])).toBeUndefined()
    expect(contradictionOf([one + one, one])).toBeUndefined()
  })

  test('does not include hashes of two algorithms, but those of one, also among others', () => {
    expect(contradictionOf([line('h1:a='), line('h2:b=')])).toBeUndefined()
    expect(contradictionOf([line('h1:a=') + line('h2:x='), line('h2:x=') + line('h1:b=')])?.lines).toEqual([
      'example.com/m v1.2.3 h1:a=',
      'example.com/m v1.2.3 h1:b=',
    ])
    expect(contradictionOf([line('h1:a='), line('h1')])).toBeUndefined()
    expect(contradictionOf([line('h1'), line('h1:a=')])).toBeUndefined()
    expect(contradictionOf([line('h1x'), line('h1:a=')])).toBeUndefined()
  })

  test('is a hash down to its spelling: the go command compares text', () => {
    expect(contradictionOf([line('h1:a='), line('h1:a= ')])?.module).toBe(M)
  })

  test('costs no more than the records are long', () => {
    const many = (word: string): string => Array.from({ length: 3_000 }, (_, i) => `m v${i} h1:${word}\n`).join('')
    expect(contradictionOf([many('a'), many('a')])).toBeUndefined()
    expect(contradictionOf([many('a'), many('b')])?.module).toBe('m@v0')
  })
})
