import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  escapeModule,
  formatRecord,
  MAX_LOOKUP_BYTES,
  parseLookup,
  recordReadings,
  splitDataTile,
  unescapeModule,
} from '../../src/sumdb/module.js'
import { concatBytes, fromBase64, fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { readJson, SMALL } from './genuine.js'

const vectors = readJson(new URL('records.json', SMALL)) as {
  data_tile: { body: string }
  format_record: { good: { id: number; text: string; message: string }[]; bad_texts: string[] }
  parse_record: {
    good: { message_base64: string; id: number; text: string; rest_base64: string }[]
    bad_base64: string[]
  }
  escape_path: { good: { path: string; escaped: string }[]; bad_escaped: string[] }
}

const MODULE_INVALID = expect.objectContaining({ code: 'MODULE_INVALID' }) as Error
const RECORD_INVALID = expect.objectContaining({ code: 'RECORD_INVALID' }) as Error

describe('module paths and versions', () => {
  test.each(vectors.escape_path.good)('$path is escaped and unescaped', ({ path, escaped }) => {
    expect(escapeModule(path, 'v1.0.0')).toBe(`${escaped}@v1.0.0`)
    expect(unescapeModule(`${escaped}@v1.0.0`)).toEqual({ path, version: 'v1.0.0' })
  })

  test.each(vectors.escape_path.bad_escaped)('%j is refused', (escaped) => {
    expect(() => unescapeModule(`${escaped}@v1.0.0`)).toThrow(MODULE_INVALID)
  })

  test('versions are escaped too, and may be incompatible', () => {
    expect(escapeModule('example.com/a', 'v2.0.0-RC1+incompatible')).toBe('example.com/a@v2.0.0-!r!c1+incompatible')
    expect(unescapeModule('example.com/a@v2.0.0-!r!c1+incompatible').version).toBe('v2.0.0-RC1+incompatible')
    expect(unescapeModule('golang.org/toolchain@v0.0.1-go1.21.0.linux-amd64').path).toBe('golang.org/toolchain')
  })

  test.each([
    '',
    '@',
    'example.com/a',
    '@v1.0.0',
    'example.com/a@',
    'example.com/a@latest',
    'example.com/a@v1',
    'example.com/a@v1.0',
    'example.com/a@v1.0.0+meta',
    'example.com/a@v1.0.0@v1.0.0',
    'example.com/../a@v1.0.0',
    './a@v1.0.0',
    'example.com//a@v1.0.0',
    '/a@v1.0.0',
    'a/@v1.0.0',
    'exa mple.com/a@v1.0.0',
    'example.com/a?b@v1.0.0',
    'example.com/a%2f@v1.0.0',
    'example.com/ä@v1.0.0',
    'example.com/a@v1.0.0-../../x',
    'example.com/a@v1.0.0\n',
    `${'a'.repeat(1100)}@v1.0.0`,
  ])('%j is no module version', (text) => {
    expect(() => unescapeModule(text)).toThrow(MODULE_INVALID)
    const at = text.indexOf('@')
    expect(() => escapeModule(text.slice(0, Math.max(at, 0)), text.slice(at + 1))).toThrow(MODULE_INVALID)
  })
})

describe('records', () => {
  test.each(vectors.format_record.good)('record $id is formatted', ({ id, text, message }) => {
    expect(fromUtf8(formatRecord(id, utf8(text)))).toBe(message)
  })

  test.each(vectors.format_record.bad_texts)('%j is not formatted', (text) => {
    expect(() => formatRecord(1, utf8(text))).toThrow(RECORD_INVALID)
  })

  test.each(vectors.parse_record.good)('an answer is split: $text', ({ message_base64, id, text, rest_base64 }) => {
    const answer = parseLookup(fromBase64(message_base64)!)
    expect(answer.id).toBe(id)
    expect(fromUtf8(answer.record)).toBe(text)
    expect(answer.note).toEqual(fromBase64(rest_base64))
  })

  test.each(vectors.parse_record.bad_base64)('an answer is refused: %s', (base64) => {
    expect(() => parseLookup(fromBase64(base64)!)).toThrow(RECORD_INVALID)
  })

  test.each([
    '',
    '\n',
    '\n\n',
    '5\n\nnote\n',
    '05\na\n\n',
    '-1\na\n\n',
    '+1\na\n\n',
    '9007199254740992\na\n\n',
    '5\na',
  ])('%j is refused as an answer', (text) => {
    expect(() => parseLookup(utf8(text))).toThrow(RECORD_INVALID)
  })

  test('an answer is bounded', () => {
    const answer = utf8('5\na\n\n')
    expect(parseLookup(concatBytes(answer, new Uint8Array(MAX_LOOKUP_BYTES - answer.length))).id).toBe(5)
    expect(() => parseLookup(concatBytes(answer, new Uint8Array(MAX_LOOKUP_BYTES)))).toThrow(RECORD_INVALID)
  })

  test('the note is everything after the first empty line', () => {
    const note = 'go.sum database tree\n1\nroot\n\n— name sig\n'
    expect(fromUtf8(parseLookup(utf8(`0\nline\n\n${note}`)).note)).toBe(note)
  })

  test('an answer with git conflict markers in its head still has its record, and no valid head', () => {
    const answer = parseLookup(new Uint8Array(readFileSync(new URL('lookup-with-git-conflict-markers-0.txt', SMALL))))
    expect(answer.id).toBe(142411)
    expect(fromUtf8(answer.note)).toContain(`${SUMDB_ORIGIN}\n<<<<<<<`)
  })
})

describe('data tiles', () => {
  const withEnd = utf8(vectors.data_tile.body.replace(/\n*$/, '\n\n'))
  const withoutEnd = withEnd.subarray(0, withEnd.length - 1)

  test('the last record may have an empty line after it', () => {
    const records = splitDataTile(withEnd)
    expect(records).toHaveLength(4)
    expect(fromUtf8(records[3]!)).toMatch(/^golang.org\/x\/madethisup v0.0.0-1 h1:.*\n.*\/go.mod h1:.*\n$/)
    expect(splitDataTile(withoutEnd)).toEqual(records)
  })

  test('numbers before the records give a second reading', () => {
    expect(recordReadings(utf8('512\nline\n')).map(fromUtf8)).toEqual(['512\nline\n', 'line\n'])
    expect(recordReadings(utf8('line\n')).map(fromUtf8)).toEqual(['line\n'])
    expect(recordReadings(utf8('512\n')).map(fromUtf8)).toEqual(['512\n'])
    expect(recordReadings(new Uint8Array())).toEqual([new Uint8Array()])
  })

  test('empty lines, cut records and too many of them are refused', () => {
    expect(() => splitDataTile(utf8('a\n\n\nb\n'))).toThrow(RECORD_INVALID)
    expect(() => splitDataTile(utf8('a\n\nb'))).toThrow(RECORD_INVALID)
    expect(splitDataTile(utf8('a\n\n'.repeat(256)))).toHaveLength(256)
    expect(() => splitDataTile(utf8('a\n\n'.repeat(257)))).toThrow(RECORD_INVALID)
    expect(splitDataTile(new Uint8Array())).toEqual([])
  })
})
