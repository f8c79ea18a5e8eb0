import { describe, expect, it } from 'vitest'
import { CLASSES, type LineFinding, type FindingClass } from '../../../../src/audit/gosum.js'
import type { FileReport } from '../../../../src/cli/commands/check-gosum/gosum-text.js'
import { sarifOf } from '../../../../src/cli/commands/check-gosum/sarif.js'

function finding(line: number, kind: FindingClass, more: Partial<LineFinding> = {}): LineFinding {
  const about = {
    module: 'example.com/m',
    version: 'v1.0.0',
    kind: 'mod' as const,
    have: 'h1:a',
    log: [],
    record: null,
  }
  return { line, class: kind, reason: 'why', ...about, ...more }
}

function report(file: string, findings: readonly LineFinding[], more: Partial<FileReport> = {}): FileReport {
  const counts = { lines: findings.length, private: 0, cached: 0, pending: 0 }
  return { file, verdict: 'differs', ...counts, head: null, evidence: null, findings, ...more }
}

interface Result {
  ruleId: string
  ruleIndex: number
  level: string
  message: { text: string }
  locations: { physicalLocation: { artifactLocation: { uri: string }; region: { startLine: number } } }[]
}
interface Run {
  tool: { driver: { name: string; semanticVersion: string; rules: { id: string; [field: string]: unknown }[] } }
  invocations: unknown[]
  results: Result[]
}
const runOf = (...args: Parameters<typeof sarifOf>): Run => (sarifOf(...args) as { runs: [Run] }).runs[0]

describe('a SARIF document', () => {
  it('has a rule for each class of failure, and each result names its rule', () => {
    const failures = CLASSES.filter((name) => name !== 'private')
    const findings = CLASSES.map((name, i) => finding(i + 1, name))
    const { tool, results } = runOf([report('go.sum', findings)], [], '1.2.3')
    expect(tool.driver).toMatchObject({ name: 'gossum', semanticVersion: '1.2.3' })
    expect(tool.driver.rules.map(({ id }) => id)).toEqual(failures)
    for (const rule of tool.driver.rules) {
      expect(rule).toMatchObject({
        shortDescription: { text: expect.stringMatching(/^\S.{10,}$/) as string },
        fullDescription: { text: expect.stringMatching(/^\S.{10,}$/) as string },
        help: { text: expect.any(String) as string },
        defaultConfiguration: { level: expect.stringMatching(/^(error|warning)$/) as string },
        properties: { 'security-severity': expect.stringMatching(/^\d+\.\d$/) as string },
      })
    }
    expect(results.map(({ ruleId }) => ruleId)).toEqual(failures)
    for (const result of results) expect(tool.driver.rules[result.ruleIndex]!.id).toBe(result.ruleId)
    expect(results.find(({ ruleId }) => ruleId === 'pending')!.level).toBe('warning')
  })

  it('gives the finding and its place', () => {
    const moved = finding(7, 'other-hash', { log: ['h1:b'], record: 12345, reason: null })
    const odd = finding(3, 'malformed', { module: null, version: null, kind: null, have: '<<<', reason: 'no line' })
    const { results } = runOf([report('./a b/go.sum', [moved, odd])], [], '1.0.0')
    expect(results.map(({ message }) => message.text)).toEqual([
      'example.com/m v1.0.0/go.mod: go.sum has h1:a, the log says h1:b (record 12,345)',
      'no line: "<<<"',
    ])
    expect(results[0]!.locations).toEqual([
      { physicalLocation: { artifactLocation: { uri: 'a%20b/go.sum' }, region: { startLine: 7 } } },
    ])
  })

  it.each([
    ['go.sum', 'go.sum'],
    ['../x/go.sum', '../x/go.sum'],
    ['-', 'go.sum'],
    ['/abs/ö/go.sum', 'file:///abs/%C3%B6/go.sum'],
    ['C:\\src\\go.sum', 'file:///C:/src/go.sum'],
    ['sub\\go.sum', 'sub/go.sum'],
  ])('%s is %s', (file, uri) => {
    const { results } = runOf([report(file, [finding(1, 'pending')])], [], '1.0.0')
    expect(results[0]!.locations[0]!.physicalLocation.artifactLocation.uri).toBe(uri)
  })

  it('includes a conviction that no line led to', () => {
    const evidence = { id: '0123456789abcdef', sizes: [1, 2] as const, file: 'e.json', witnesses: [] }
    const { results } = runOf([report('go.sum', [], { evidence })], [], '1.0.0')
    expect(results).toMatchObject([{ ruleId: 'log-conflict', message: { text: 'evidence 0123456789abcdef' } }])
    const told = runOf([report('go.sum', [finding(4, 'log-conflict')], { evidence })], [], '1.0.0')
    expect(told.results).toHaveLength(1)
  })

  it('says why nothing could be checked', () => {
    const { invocations } = runOf([], ['no node'], '1.0.0')
    expect(invocations).toEqual([
      { executionSuccessful: false, toolExecutionNotifications: [{ level: 'error', message: { text: 'no node' } }] },
    ])
  })

  it('respects the limit of results, and drops the least severe', () => {
    const many = Array.from({ length: 25_001 }, (_, i) => finding(i + 1, i === 25_000 ? 'other-hash' : 'pending'))
    const { results } = runOf([report('go.sum', many)], [], '1.0.0')
    expect(results).toHaveLength(25_000)
    expect(results[0]!.ruleId).toBe('other-hash')
  })
})
