/** Files of parts: what is written is read, and a file that is truncated, altered or forged is AUDIT_DAMAGED. */
import { describe, expect, it } from 'vitest'
import { KeyCollector } from '../../../src/audit/walk/module-keys.js'
import { encodePart, headerLength, LENGTH_BYTES, MAX_PART_BYTES, parsePart } from '../../../src/audit/walk/part-text.js'
import { RecordJudge } from '../../../src/audit/walk/record-judge.js'
import { MAX_FINDINGS, UNIT_RECORDS, type Part } from '../../../src/audit/walk/unit.js'
import { codeOf } from '../../helpers/codes.js'
import { concatBytes, fromUtf8, utf8 } from '../../../src/tlog/bytes.js'

const keys = new KeyCollector()
keys.add({ high: 3, low: 4 }, 2)
const part: Part = {
  from: UNIT_RECORDS,
  to: UNIT_RECORDS + 10,
  audited: 10,
  counts: { error: 1, note: 1 },
  findings: [
    { rule: 'record-empty', level: 'error', id: UNIT_RECORDS, detail: 'it is empty' },
    { rule: 'go-mod-alone', level: 'note', id: UNIT_RECORDS + 9, module: 'a@v1.0.0', detail: 'ä "\n' },
  ],
  hashes: [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)],
  keys: keys.take(),
  missing: [],
}
const bytes = encodePart(part)

/** The part with another header. */
function withHeader(fields: Record<string, unknown>): Uint8Array {
  const length = headerLength(bytes)!
  const header = JSON.parse(fromUtf8(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length))!) as Record<string, unknown>
  const changed = utf8(JSON.stringify({ ...header, ...fields }))
  const size = new Uint8Array(LENGTH_BYTES)
  new DataView(size.buffer).setUint32(0, changed.length, true)
  return concatBytes(size, changed, bytes.subarray(LENGTH_BYTES + length))
}

const damage = (data: Uint8Array): unknown => codeOf(() => parsePart(data))

describe('a part', () => {
  it('round-trips', () => {
    expect(parsePart(bytes)).toEqual(part)
    expect(parsePart(withHeader({}))).toEqual(part)
  })

  it('can be read at any offset in memory', () => {
    expect(parsePart(concatBytes(Uint8Array.of(9, 9, 9), bytes).subarray(3))).toEqual(part)
  })

  it('that is truncated anywhere or has extra bytes is damaged', () => {
    for (let length = 0; length < bytes.length; length++) expect(damage(bytes.slice(0, length))).toBe('AUDIT_DAMAGED')
    expect(damage(concatBytes(bytes, Uint8Array.of(0)))).toBe('AUDIT_DAMAGED')
  })

  it.each<[string, Record<string, unknown>]>([
    ['of another version', { version: 'gossum/audit-part/v2' }],
    ['of no records', { to: part.from }],
    ['with a reversed range', { from: part.to, to: part.from }],
    ['of two units', { from: part.from - 1, audited: 11 }],
    ['that was not read completely', { audited: 9 }],
    ['from a fractional record number', { from: 65536.5 }],
    ['with numbers that are too large', { from: 2 ** 53, to: 2 ** 53 + 2, audited: 2 }],
    ['with a count of findings that is too low', { counts: { error: 0, note: 1 } }],
    ['that counts more findings than it has', { counts: { error: 1, note: 7 } }],
    ['that counts below nothing', { counts: { error: -1, note: 1 } }],
    ['whose findings are no list', { findings: 'none' }],
    ['with a finding of no level', { findings: [{ ...part.findings[0]!, level: 'fine' }, part.findings[1]] }],
    ['with a finding in no words', { findings: [{ ...part.findings[0]!, detail: 7 }, part.findings[1]] }],
    ['with a finding about a record of others', { findings: [{ ...part.findings[0]!, id: 3 }, part.findings[1]] }],
    ['with a finding about a tile', { findings: [{ ...part.findings[0]!, tile: 'tile/8/0/000' }, part.findings[1]] }],
    ['with a finding that is null', { findings: [null] }],
    ['with an invalid hash', { hashes: ['AAAA'] }],
    ['whose hashes are no list', { hashes: 7 }],
    ['null', { version: null }],
  ])('%s is damaged', (_what, fields) => {
    expect(damage(withHeader(fields))).toBe('AUDIT_DAMAGED')
  })

  it('with a header length of 4 GiB is not read', () => {
    const lying = bytes.slice()
    new DataView(lying.buffer).setUint32(0, 0xffffffff, true)
    expect(headerLength(lying)).toBeUndefined()
    expect(damage(lying)).toBe('AUDIT_DAMAGED')
  })

  it('with the worst findings stays within its limits', () => {
    const judge = new RecordJudge(true, [1, 2])
    const odd = '\u{10ffff}"\\\u202e'.repeat(400)
    const findings = Array.from(
      { length: MAX_FINDINGS + 1 },
      (_, i) => judge.judge(utf8(`${odd} v1 h1:${odd}\n${odd} ${odd}/go.mod ${odd}\n`), i).findings,
    )
    const all = findings.flat()
    expect(all.length).toBeGreaterThan(MAX_FINDINGS)
    const told = all.slice(0, MAX_FINDINGS)
    const error = all.filter(({ level }) => level === 'error').length
    const worst = { ...part, from: 0, to: UNIT_RECORDS, audited: UNIT_RECORDS, findings: told }
    const encoded = encodePart({ ...worst, counts: { error, note: all.length - error } })
    expect(encoded.length).toBeLessThan(MAX_PART_BYTES)
    expect(parsePart(encoded).findings).toEqual(told)
  })
})
