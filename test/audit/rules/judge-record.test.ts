import { describe, expect, test } from 'vitest'
import { MAX_DETAIL } from '../../../src/audit/rules/broken.js'
import { judgeRecord } from '../../../src/audit/rules/judge-record.js'
import { RULES, type RuleName } from '../../../src/audit/rules/rules.js'
import { printable } from '../../../src/lib/printable.js'
import { formatRecord } from '../../../src/sumdb/module.js'
import { fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { MAX_RECORD_BYTES, parseRecord, recordLines } from '../../../src/tlog/record.js'
import { BAD_RECORDS, recordOf } from '../../helpers/bad-records.js'
import { hasShared } from '../../helpers/shared.js'
import { seeded } from '../../helpers/tree.js'
import { PROVEN_RECORDS, SHARED_RECORDS, SMALL_RECORDS } from './genuine-records.js'

function rulesOf(record: Uint8Array | string): RuleName[] {
  return judgeRecord(typeof record === 'string' ? utf8(record) : record).broken.map(({ rule }) => rule)
}

describe('genuine records break no rule', () => {
  test('in the repository', () => {
    expect(SMALL_RECORDS).toHaveLength(60)
    expect(PROVEN_RECORDS).toHaveLength(20)
    for (const record of [...SMALL_RECORDS, ...PROVEN_RECORDS]) expect(rulesOf(record), fromUtf8(record)).toEqual([])
  })

  test.skipIf(!hasShared)('in the full set', () => {
    expect(SHARED_RECORDS.length).toBeGreaterThan(1800)
    for (const record of SHARED_RECORDS) expect(rulesOf(record), fromUtf8(record)).toEqual([])
  })

  test('and name their modules', () => {
    for (const record of SMALL_RECORDS) {
      const { path, version } = recordLines(parseRecord(record))[0]!
      expect(judgeRecord(record).module).toEqual({ path, version })
    }
  })
})

describe('a record that breaks one rule is reported for that rule only', () => {
  test.each(BAD_RECORDS.map(({ rule, record }, i) => [`${rule} (${i})`, rule, record] as const))(
    '%s',
    (_, rule, record) => {
      expect(rulesOf(record)).toEqual([rule])
    },
  )

  test('exists for every rule', () => {
    expect(Object.keys(RULES).filter((rule) => !BAD_RECORDS.some((bad) => bad.rule === rule))).toEqual([])
  })

  test('has its own module version, so that all fit into one log', () => {
    const names = BAD_RECORDS.map(({ record }) => judgeRecord(record).module).filter((module) => module !== undefined)
    expect(new Set(names.map(({ path, version }) => `${path}@${version}`)).size).toBe(names.length)
  })
})

describe('legal records have no findings', () => {
  test.each([
    ['example.com/a', 'v0.0.0'],
    ['example.com', 'v1.0.0'],
    ['example.com/a', 'v2.0.0+incompatible'],
    ['example.com/A/_b-c~d.e', 'v1.0.0-RC1'],
    ['example.com/v', 'v1.0.0'],
    ['example.com/av2', 'v1.0.0'],
    ['example.com/a/v2', 'v2.0.0-20190102030405-0123456789ab'],
    ['example.com/a', 'v0.0.0-20190102030405-0123456789ab'],
    ['example.com/a', 'v0.0.0-20200229235959-0123456789ab'],
    ['example.com/a', 'v0.0.0-20000229235959-0123456789ab'],
    ['example.com/a', 'v1.2.4-0.20190102030405-0123456789ab'],
    ['example.com/a', 'v1.2.3-rc.1.0.20190102030405-0123456789ab'],
    ['example.com/a', 'v3.2.4-0.20190102030405-0123456789ab+incompatible'],
    // An ordinary prerelease, though it looks like a time and a revision.
    ['example.com/a', 'v1.2.3-20190102030405-0123456789ab'],
    ['example.com/a', 'v1.2.3-20199902030405-x'],
    ['example.com/a~1b', 'v1.0.0'],
    ['example.com/console/auxiliary/com0/nul-device', 'v1.0.0'],
    ['gopkg.in/a.v0', 'v0.1.0'],
    ['gopkg.in/a.v1', 'v0.0.0-20190102030405-0123456789ab'],
    ['gopkg.in/a.v1', 'v1.0.0-20190102030405-0123456789ab'],
    ['gopkg.in/a.v2-unstable', 'v2.0.0'],
    ['golang.org/toolchain-not', 'v1.0.0'],
  ])('%s %s', (path, version) => {
    expect(judgeRecord(utf8(recordOf(path, version)))).toEqual({ module: { path, version }, broken: [] })
  })

  const goMod = 'golang.org/toolchain VERSION/go.mod h1:8wlg68NqwW7eMnI1aABk/C2pDYXj8mrMY4TyRfiLeS0=\n'
  test.each(['go1', 'go1.2.2', 'go1.9rc2', 'go1.9.2rc2', 'go1.21.0', 'go1.23rc2', 'go1.27.1'])('toolchain %s', (go) => {
    for (const platform of ['linux-amd64', 'plan9-386', 'windows-arm64']) {
      const version = `v0.0.1-${go}.${platform}`
      const [files] = recordOf('golang.org/toolchain', version).split('\n')
      expect(rulesOf(`${files!}\n${goMod.replace('VERSION', version)}`)).toEqual([])
    }
  })
})

describe('several faults', () => {
  test('are all reported, each rule once', () => {
    const line = 'Example..com//con v2.0 h2:x\n'
    expect(rulesOf(`${line}${line}no\nfields\n`)).toEqual([
      'line-fields',
      'line-repeated',
      'path-slash',
      'path-host',
      'path-reserved-name',
      'version-canonical',
      'version-major',
      'hash-prefix',
    ])
  })

  test('do not include missing lines if a line is unreadable', () => {
    const [files, goMod] = recordOf('example.com/a', 'v1.0.0').split('\n') as [string, string]
    expect(rulesOf(`${files}\nbroken\n`)).toEqual(['line-fields'])
    expect(rulesOf(`broken\n${goMod}\n`)).toEqual(['line-fields'])
  })

  test('leave the module to the first readable line', () => {
    expect(judgeRecord(utf8(`broken\n${recordOf('example.com/a', 'v1.0.0')}`)).module).toEqual({
      path: 'example.com/a',
      version: 'v1.0.0',
    })
    expect(judgeRecord(utf8('broken\n')).module).toBeUndefined()
  })
})

test('the text rules match FormatRecord: records that break none of them can be served', () => {
  for (const { rule, record } of BAD_RECORDS) {
    const serve = (): unknown => formatRecord(1, record)
    if (rule.startsWith('record-'))
      expect(serve, rule).toThrow(expect.objectContaining({ code: 'RECORD_INVALID' }) as Error)
    else expect(serve(), rule).toBeDefined()
  }
})

describe('for arbitrary bytes', () => {
  const random = seeded(14)
  /** Bytes that records contain, and some that they must not contain. */
  const bytes = utf8('\n\n  /.v01-+hgo.mod=Aä~:\0\t\r\u202e\u{1f600}')

  function judgeCalmly(record: Uint8Array): void {
    const { broken } = judgeRecord(record)
    for (const { rule, detail } of broken) {
      expect(Object.keys(RULES)).toContain(rule)
      expect(detail.length).toBeLessThanOrEqual(MAX_DETAIL)
      expect(printable(detail)).toBe(detail)
    }
    expect(new Set(broken.map(({ rule }) => rule)).size).toBe(broken.length)
  }

  test('findings have known rules and printable details, and nothing is thrown', () => {
    for (let i = 0; i < 3000; i++) {
      const length = random() % 200
      judgeCalmly(Uint8Array.from({ length }, () => (random() % 8 === 0 ? random() : bytes[random() % bytes.length]!)))
    }
  })

  test('the same holds for the largest records', () => {
    const fill = (text: string): string => text.repeat(Math.floor(MAX_RECORD_BYTES / utf8(text).length))
    const worst = [
      'a\n',
      'a b c\n',
      'a',
      '\u{1f600}',
      '.',
      '0',
      '-',
      '0.',
      '.0.20190102030405-a',
      '/',
      '~1',
      ' ',
      '\n',
      'v1',
    ]
    for (const text of worst) {
      judgeCalmly(utf8(fill(text)))
      const room = fill(text).slice(0, -200)
      judgeCalmly(utf8(`example.com/${room} v1.0.0 h1:x\n`))
      judgeCalmly(utf8(`example.com/a v1.0.0-${room} h1:x\n`))
      judgeCalmly(utf8(`example.com/a v1.0.0 h1:${room}\n`))
    }
  })
})
