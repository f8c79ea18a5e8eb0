import { describe, expect, test } from 'vitest'
import {
  encodeGoSumProof,
  makeGoSumProof,
  parseGoSumProof,
  provenAnswers,
  type GoSumProof,
} from '../../src/audit/proof.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { proveRecords } from '../../src/tlog/multi-proof.js'
import { treeRoot, type Tree } from '../../src/tlog/merkle.js'
import { madeUpRecords } from '../fakes/lying-log.js'
import { codeOf } from '../helpers/codes.js'
import { MemoryLog } from '../helpers/tree.js'

const SIZE = 300
const records = madeUpRecords(0, SIZE)
const log = new MemoryLog()
for (const { text } of records) log.append(utf8(text))
const head: Tree = { size: SIZE, root: treeRoot(SIZE, log.read) }
const ids = [3, 4, 255, 299]

const proof = makeGoSumProof(
  'log+key',
  utf8('a note\n\n— log abc\n'),
  // In any order.
  new Map([...ids].reverse().map((id) => [id, utf8(records[id]!.text)])),
  proveRecords(SIZE, ids, log.read),
)
const bytes = encodeGoSumProof(proof)

describe('a proof file', () => {
  test('round-trips, and is accepted in no other form', () => {
    expect(parseGoSumProof(bytes)).toMatchObject({ ...proof })
    expect(proof.records.map(({ id }) => id)).toEqual(ids)
    const text = fromUtf8(bytes)!
    expect(text.startsWith('{\n "type": "gossum/go-sum-proof/v1",\n "log": "log+key",\n "head": ')).toBe(true)
    for (const other of [
      `${text}\n`,
      text.replace('\n "log"', ' "log"'),
      text.replace('{\n', '{\n "extra": 1,\n'),
      text.replace('/v1"', '/v2"'),
      text.replace('"log": "log+key"', '"log": 5'),
      text.replace('"id": 3,', '"id": 3.0,'),
      text.replace('"id": 3,', '"id": "3",'),
      text.replace('"proof": [', '"proof": [\n  5,'),
      text.replace('"records": [', '"records": [\n  null,'),
      text.slice(0, -2),
      '',
      '[]',
      'null',
      '{}',
    ]) {
      expect(
        codeOf(() => parseGoSumProof(utf8(other))),
        other.slice(0, 80),
      ).toBe('PROOF_MALFORMED')
    }
    expect(codeOf(() => parseGoSumProof(Uint8Array.of(0xff)))).toBe('PROOF_MALFORMED')
  })

  test('proves the lines of its records, by module version', () => {
    const answers = provenAnswers(parseGoSumProof(bytes), head)
    expect([...answers.keys()]).toEqual(ids.map((id) => `${records[id]!.path}@${records[id]!.version}`))
    expect(answers.get('example.com/Module255@v1.255.0')).toEqual({
      kind: 'record',
      id: 255,
      lines: records[255]!.text.trim().split('\n'),
    })
  })

  test.each<[string, (proof: GoSumProof) => GoSumProof, string]>([
    ['a changed record', (p) => change(p, 1, (r) => ({ ...r, text: records[5]!.text })), 'PROOF_INVALID'],
    ['another number', (p) => change(p, 1, (r) => ({ ...r, id: 5 })), 'PROOF_INVALID'],
    ['a number beyond the tree', (p) => change(p, 3, (r) => ({ ...r, id: SIZE })), 'PROOF_INVALID'],
    ['a missing record', (p) => ({ ...p, records: p.records.slice(1) }), 'PROOF_INVALID'],
    ['a duplicate record', (p) => ({ ...p, records: [p.records[0]!, ...p.records] }), 'PROOF_INVALID'],
    ['no record', (p) => ({ ...p, records: [] }), 'PROOF_INVALID'],
    ['a hash less', (p) => ({ ...p, proof: p.proof.slice(1) }), 'PROOF_INVALID'],
    ['an invalid hash', (p) => ({ ...p, proof: ['x', ...p.proof.slice(1)] }), 'PROOF_MALFORMED'],
    ['an invalid record', (p) => change(p, 0, (r) => ({ ...r, text: 'no end' })), 'RECORD_INVALID'],
  ])('with %s proves nothing', (_what, spoil, code) => {
    const spoilt = parseGoSumProof(encodeGoSumProof(spoil(proof)))
    expect(codeOf(() => provenAnswers(spoilt, head))).toBe(code)
  })

  test('proves nothing under another head', () => {
    expect(codeOf(() => provenAnswers(proof, { ...head, root: treeRoot(299, log.read) }))).toBe('PROOF_INVALID')
    expect(codeOf(() => provenAnswers(proof, { size: 301, root: head.root }))).toBe('PROOF_INVALID')
  })

  test('with two records of one module version proves the first', () => {
    const twice = new MemoryLog()
    const second = records[0]!.text.replaceAll('h1:', 'h1:zz')
    for (const text of [records[0]!.text, second]) twice.append(utf8(text))
    const both = makeGoSumProof(
      'k',
      utf8('n'),
      new Map([0, 1].map((id) => [id, utf8(id === 0 ? records[0]!.text : second)])),
      [],
    )
    const answers = provenAnswers(both, { size: 2, root: treeRoot(2, twice.read) })
    expect(answers.get('example.com/Module0@v1.0.0')).toMatchObject({
      id: 0,
      lines: records[0]!.text.trim().split('\n'),
    })
  })

  test('too large to be read is not written', () => {
    const large = { ...proof, head: 'x'.repeat(64 * 1024 * 1024) }
    expect(codeOf(() => encodeGoSumProof(large))).toBe('PROOF_MALFORMED')
    expect(codeOf(() => parseGoSumProof(new Uint8Array(64 * 1024 * 1024 + 1)))).toBe('PROOF_MALFORMED')
  })
})

type ProofRecord = GoSumProof['records'][0]

function change(p: GoSumProof, at: number, act: (record: ProofRecord) => ProofRecord): GoSumProof {
  return { ...p, records: p.records.map((record, i) => (i === at ? act(record) : record)) }
}
