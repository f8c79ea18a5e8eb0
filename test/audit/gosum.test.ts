import { describe, expect, test } from 'vitest'
import {
  judgeLine,
  lineText,
  malformedFinding,
  MAX_GO_SUM_LINES,
  moduleKey,
  parseGoSum,
  privateFinding,
  type LogAnswer,
  type GoSumLine,
} from '../../src/audit/gosum.js'
import { utf8 } from '../../src/tlog/bytes.js'

const TEXT_ZIP = 'h1:g61tztE5qeGQ89tm6NTjjM9VPIm088od1l6aSorWRWg='
const TEXT_MOD = 'h1:NqM8EUOU14njkJ3fqMW+pc6Ldnwhi/IjpwHt7yyuwOQ='
const zip = `golang.org/x/text v0.3.0 ${TEXT_ZIP}`
const mod = `golang.org/x/text v0.3.0/go.mod ${TEXT_MOD}`

const parse = (text: string | Uint8Array) => parseGoSum('go.sum', typeof text === 'string' ? utf8(text) : text)
const reasons = (text: string | Uint8Array) => parse(text).malformed.map(({ line, reason }) => [line, reason])

describe('reading a go.sum file', () => {
  test('gives both kinds of lines, with their numbers', () => {
    const { lines, malformed, count } = parse(`${zip}\n${mod}\n`)
    const about = { module: 'golang.org/x/text', version: 'v0.3.0' }
    expect(lines).toEqual([
      { line: 1, ...about, kind: 'zip', hash: TEXT_ZIP },
      { line: 2, ...about, kind: 'mod', hash: TEXT_MOD },
    ])
    expect({ malformed, count }).toEqual({ malformed: [], count: 2 })
    expect(lines.map(lineText)).toEqual([zip, mod])
    expect(lines.map(moduleKey)).toEqual(['golang.org/x/text@v0.3.0', 'golang.org/x/text@v0.3.0'])
  })

  test('accepts white space like the go command', () => {
    const { lines, count, malformed } = parse(`\r\n\n  ${zip.replaceAll(' ', ' \t ')}\r\n \n${mod}`)
    expect(lines.map(({ line }) => line)).toEqual([3, 5])
    expect(lines.map(lineText)).toEqual([zip, mod])
    expect({ count, malformed }).toEqual({ count: 2, malformed: [] })
  })

  test('gives nothing for an empty file', () => {
    expect(parse('')).toEqual({ lines: [], malformed: [], count: 0 })
  })

  test('reports malformed lines by number, and reads the rest', () => {
    const short = TEXT_ZIP.replace('g61t', 'g61')
    const loose = TEXT_ZIP.replace('WRWg=', 'WRWh=')
    const text = [
      zip,
      '<<<<<<< HEAD',
      `golang.org/x/text v0.3.0 ${short}`,
      '=======',
      mod,
      '>>>>>>> theirs',
      '||||||| base',
      'golang.org/x/text v0.3.0',
      `${zip} ${zip}`,
      `../x v0.3.0 ${TEXT_ZIP}`,
      `golang.org/x/text latest ${TEXT_ZIP}`,
      'golang.org/x/text v0.3.0 sha256',
      `golang.org/x/text v0.3.0 ${loose}`,
      `golang.org/x/text v0.3.0/go.mod/go.mod ${TEXT_MOD}`,
    ].join('\n')
    const { lines, count } = parse(text)
    expect(lines.map(({ line }) => line)).toEqual([1, 5])
    expect(count).toBe(14)
    expect(reasons(text)).toEqual([
      [2, 'a conflict marker of git'],
      [3, 'not a hash'],
      [4, 'a conflict marker of git'],
      [6, 'a conflict marker of git'],
      [7, 'a conflict marker of git'],
      [8, '2 fields instead of path, version and hash'],
      [9, '6 fields instead of path, version and hash'],
      [10, 'not a module path and version'],
      [11, 'not a module path and version'],
      [12, 'not a hash'],
      [13, 'not a hash'],
      [14, 'not a module path and version'],
    ])
    expect(malformedFinding(parse(text).malformed[0]!)).toEqual({
      line: 2,
      module: null,
      version: null,
      kind: null,
      class: 'malformed',
      have: '<<<<<<< HEAD',
      log: [],
      record: null,
      reason: 'a conflict marker of git',
    })
  })

  test('is not disturbed by invalid UTF-8 or long lines next to valid ones', () => {
    const bytes = Buffer.concat([
      utf8(`${zip}\n`),
      Uint8Array.of(0xff, 0xfe, 0x0a),
      utf8(`${'a'.repeat(5000)} v1.0.0 ${TEXT_ZIP}\n`),
      utf8(`\ufeff${mod}\n${mod}`),
    ])
    expect(reasons(bytes)).toEqual([
      [2, 'not UTF-8'],
      [3, expect.stringMatching(/^50\d\d bytes$/)],
      [4, 'not a module path and version'],
    ])
    expect(parse(bytes).lines.map(({ line }) => line)).toEqual([1, 5])
    expect(parse(bytes).malformed[1]!.text).toBe('a'.repeat(120))
  })

  test('accepts only h1 hashes of 32 bytes in canonical base64', () => {
    const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
    const read = (hash: string): number => parse(`golang.org/x/text v0.3.0 ${hash}\n`).lines.length
    for (const last of base64) {
      const hash = `h1:${'/'.repeat(42)}${last}=`
      const bytes = Buffer.from(hash.slice(3), 'base64')
      expect(read(hash), hash).toBe(`h1:${bytes.toString('base64')}` === hash ? 1 : 0)
    }
    for (const odd of ['h1:', 'h1', `h1:${'A'.repeat(44)}`, `h1:${'A'.repeat(39)}=`, `h1:${'A'.repeat(47)}=`])
      expect(read(odd), odd).toBe(0)
  })

  test('accepts hashes of unknown algorithms', () => {
    expect(parse('golang.org/x/text v0.3.0 h2:abc+/=\n').lines[0]!.hash).toBe('h2:abc+/=')
  })

  test('ignores the hash of an empty go.mod, like the go command', () => {
    const old = 'golang.org/x/text v0.3.0/go.mod h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY='
    expect(parse(`${old}\n`)).toEqual({ lines: [], malformed: [], count: 1 })
    // For a zip it is a hash like any other.
    expect(parse(`${old.replace('/go.mod', '')}\n`).lines).toHaveLength(1)
  })

  test('has limits', () => {
    const tooMuch = expect.objectContaining({ code: 'FILE_UNREADABLE' }) as Error
    expect(parse(`${'\n'.repeat(MAX_GO_SUM_LINES - 1)}${zip}`).lines[0]!.line).toBe(MAX_GO_SUM_LINES)
    expect(() => parse('\n'.repeat(MAX_GO_SUM_LINES + 1))).toThrow(tooMuch)
    expect(() => parse('\n'.repeat(MAX_GO_SUM_LINES + 1))).toThrow('go.sum: more than 200000 lines')
    expect(() => parse(new Uint8Array(16 * 1024 * 1024 + 1))).toThrow(tooMuch)
  })
})

describe('a line', () => {
  const [line, modLine] = parse(`${zip}\n${mod}\n`).lines as [GoSumLine, GoSumLine]
  const record = (...lines: string[]): LogAnswer => ({ kind: 'record', id: 12, lines })
  const moved = TEXT_ZIP.replace('g61t', 'G61t')

  test('that is in the record passes, whatever else is there', () => {
    expect(judgeLine(line, record(zip, mod))).toBeUndefined()
    expect(judgeLine(modLine, record(zip, mod))).toBeUndefined()
    expect(judgeLine(line, record(`golang.org/x/text v0.3.0 ${moved}`, zip))).toBeUndefined()
  })

  test('with another hash in the record is a difference', () => {
    expect(judgeLine(line, record(`golang.org/x/text v0.3.0 ${moved}`, mod))).toEqual({
      line: 1,
      module: 'golang.org/x/text',
      version: 'v0.3.0',
      kind: 'zip',
      class: 'other-hash',
      have: TEXT_ZIP,
      log: [moved],
      record: 12,
      reason: null,
    })
    // Not even if it is the hash of the other kind, or of an algorithm that the log does not use.
    expect(judgeLine({ ...line, hash: TEXT_MOD }, record(zip, mod))).toMatchObject({ class: 'other-hash' })
    expect(judgeLine({ ...line, hash: 'h2:abc=' }, record(zip, mod))).toMatchObject({ log: [TEXT_ZIP] })
    // Hashes are compared completely: a prefix does not match.
    expect(judgeLine({ ...line, hash: TEXT_ZIP.slice(0, -1) }, record(zip))).toMatchObject({ class: 'other-hash' })
  })

  test('without a hash in the record is not in the log', () => {
    expect(judgeLine(line, record(mod))).toMatchObject({ class: 'not-in-log', log: [], record: 12 })
    expect(judgeLine(modLine, record(zip))).toMatchObject({ class: 'not-in-log', log: [], record: 12 })
    // A longer version, or path, is a different one.
    expect(judgeLine(line, record(zip.replace('v0.3.0', 'v0.3.01')))).toMatchObject({ class: 'not-in-log' })
  })

  test('of which nothing is proven keeps the reason', () => {
    for (const kind of ['not-in-log', 'unproven', 'pending', 'log-conflict'] as const) {
      expect(judgeLine(line, { kind, reason: 'why', id: 5 })).toMatchObject({ class: kind, reason: 'why', record: 5 })
    }
  })

  test('that is in the record, but with a doubtful head, is unproven', () => {
    const doubt = { kind: 'unproven', reason: 'why' } as const
    const doubted: LogAnswer = { kind: 'record', id: 12, lines: [zip], doubt }
    expect(judgeLine(line, doubted)).toMatchObject({ class: 'unproven', reason: 'why', record: 12 })
    // A difference is a finding all the same.
    expect(judgeLine({ ...line, hash: moved }, doubted)).toMatchObject({ class: 'other-hash' })
  })

  test('that is private is reported as private', () => {
    expect(privateFinding(line)).toMatchObject({ line: 1, class: 'private', have: TEXT_ZIP, log: [], record: null })
  })
})
