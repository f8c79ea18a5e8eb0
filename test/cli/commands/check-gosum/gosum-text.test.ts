import { describe, expect, it } from 'vitest'
import type { LineFinding, FindingClass } from '../../../../src/audit/gosum.js'
import { gravest } from '../../../../src/cli/exit.js'
import {
  reportEvidenceLines,
  exitOfReport,
  failedLine,
  fineLine,
  findingLine,
  verdictOf,
  type FileReport,
} from '../../../../src/cli/commands/check-gosum/gosum-text.js'

const paint = (style: string, text: string): string => `<${style}>${text}</>`
const finding = (kind: FindingClass, more: Partial<LineFinding> = {}): LineFinding => ({
  line: 123,
  module: 'example.com/m',
  version: 'v1.2.3',
  kind: 'zip',
  class: kind,
  have: 'h1:a',
  log: [],
  record: null,
  reason: 'why',
  ...more,
})
const report = (more: Partial<FileReport>): FileReport => ({
  file: 'go.sum',
  verdict: 'ok',
  lines: 3480,
  private: 0,
  cached: 0,
  pending: 0,
  head: null,
  evidence: null,
  findings: [],
  ...more,
})

describe('the verdict', () => {
  it.each<[FindingClass[], number, boolean, string, number]>([
    [[], 0, false, 'ok', 0],
    [['private'], 0, false, 'ok', 0],
    [['pending'], 1, false, 'undecided', 4],
    [['unproven'], 1, false, 'undecided', 4],
    [[], 1, false, 'undecided', 4],
    [['malformed', 'pending'], 1, false, 'malformed', 2],
    [['malformed', 'other-hash'], 0, false, 'differs', 2],
    [['not-in-log', 'unproven'], 1, false, 'differs', 2],
    [['log-conflict', 'other-hash'], 0, false, 'misbehaviour', 3],
    [[], 0, true, 'misbehaviour', 3],
  ])('of %j with %i open lines, convicted %s: %s, exit code %i', (kinds, pending, isConvicted, verdict, exit) => {
    const found = verdictOf(
      kinds.map((kind) => finding(kind)),
      pending,
      isConvicted,
    )
    expect([found, exitOfReport(report({ verdict: found }))]).toEqual([verdict, exit])
  })

  it('of several is the gravest: 3, 2, 1, 4, 0', () => {
    expect(gravest([])).toBe(0)
    expect(gravest([0, 4])).toBe(4)
    expect(gravest([0, 4, 1])).toBe(1)
    expect(gravest([0, 4, 1, 2])).toBe(2)
    expect(gravest([0, 4, 1, 2, 3])).toBe(3)
  })
})

describe('the text', () => {
  it('of a line gives the place, the finding and the hash on each side', () => {
    const line = (of: LineFinding): string => findingLine('a/go.sum', of, paint)
    expect(line(finding('other-hash', { log: ['h1:b'], record: 12345, reason: null }))).toBe(
      'a/go.sum:123: <red>other-hash</>  example.com/m v1.2.3  go.sum has h1:a, the log says h1:b (record 12,345)',
    )
    expect(line(finding('not-in-log', { kind: 'mod', record: 7 }))).toBe(
      'a/go.sum:123: <red>not-in-log</>  example.com/m v1.2.3/go.mod  why (record 7)',
    )
    expect(line(finding('pending', { record: 7 }))).toBe('a/go.sum:123: <yellow>pending</>  example.com/m v1.2.3  why')
    expect(line(finding('malformed', { module: null, version: null, kind: null, have: 'a"b' }))).toBe(
      'a/go.sum:123: <red>malformed</>  why: "a\\"b"',
    )
  })

  it('of a file without failures', () => {
    expect(fineLine(report({ cached: 3480 }))).toBe('go.sum: fine, 3,480 lines  (3,480 known from an earlier run)')
    const head = { size: 45_752_995, root: '', cosignatures: [] }
    expect(fineLine(report({ head, private: 12, lines: 1 }))).toBe(
      'go.sum: fine, 1 line  (quorum head of 45,752,995 records, 12 private and not looked up)',
    )
  })

  it('of a file with failures', () => {
    const findings = [finding('other-hash'), finding('pending'), finding('private'), finding('malformed')]
    expect(failedLine(report({ findings, pending: 1 }))).toBe('go.sum: 3,480 lines, 2 wrong, 1 undecided')
  })

  it('of a conviction', () => {
    const evidence = { id: '0123456789abcdef', sizes: [300, 4000] as const }
    const witnesses = [{ id: 'fedcba9876543210', witness: 'w.example+0+x', file: null }]
    expect(reportEvidenceLines({ ...evidence, file: 'e.json', witnesses }, paint)).toEqual([
      '<red>misbehaviour</>  two heads of sizes 300 and 4,000 convict the log: evidence 0123456789abcdef, in e.json',
      '<red>misbehaviour</>  the witness w.example has cosigned both: evidence fedcba9876543210, which could not be written',
    ])
  })
})
