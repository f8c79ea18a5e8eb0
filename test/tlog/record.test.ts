import { describe, expect, test } from 'vitest'
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'
import { goSumLines, MAX_RECORD_BYTES, parseRecord, recordLines } from '../../src/tlog/record.js'
import { SMALL_RECORDS } from '../audit/rules/genuine-records.js'
import { readVectors } from '../helpers/vectors.js'

const vectors = readVectors('sumdb/records.json') as {
  format_record: { good: { text: string }[]; bad_texts: string[] }
}

const RECORD_INVALID = expect.objectContaining({ code: 'RECORD_INVALID' }) as Error

describe('the text of a record', () => {
  test.each(vectors.format_record.good)('$text is valid', ({ text }) => {
    expect(parseRecord(utf8(text))).toBe(text)
  })

  test.each([...vectors.format_record.bad_texts, '', '\n', '\na\n', 'a\n\n', 'a\n\nb\n', 'tab\there\n', 'return\r\n'])(
    '%j is refused',
    (text) => {
      expect(() => parseRecord(utf8(text))).toThrow(RECORD_INVALID)
    },
  )

  test('must be UTF-8, and every byte of it counts', () => {
    expect(() => parseRecord(concatBytes(utf8('a'), Uint8Array.of(0xff), utf8('\n')))).toThrow(RECORD_INVALID)
    expect(parseRecord(utf8('\ufeffa\n'))).toBe('\ufeffa\n')
  })

  test('is bounded', () => {
    const largest = `${'a'.repeat(MAX_RECORD_BYTES - 1)}\n`
    expect(parseRecord(utf8(largest))).toBe(largest)
    expect(() => parseRecord(utf8(`a${largest}`))).toThrow(RECORD_INVALID)
  })
})

describe('go.sum lines', () => {
  const record = utf8(
    [
      'a.b/c v1.0.0 h1:x',
      'a.b/c v1.0.0/go.mod h1:y',
      'a.b/c v1.0.0 h2:z',
      'a.b/c v1.0.01 h1:n',
      'a.b/cd v1.0.0 h1:n',
      '',
    ].join('\n'),
  )

  test('are those of the path and version only', () => {
    expect(goSumLines(record, 'a.b/c', 'v1.0.0')).toEqual([
      'a.b/c v1.0.0 h1:x',
      'a.b/c v1.0.0/go.mod h1:y',
      'a.b/c v1.0.0 h2:z',
    ])
  })

  test.each([
    ['a.b/c', 'v1.0'],
    ['a.b', 'v1.0.0'],
    ['b/c', 'v1.0.0'],
    ['A.b/c', 'v1.0.0'],
  ])('a record without a line for %s %s is refused', (path, version) => {
    expect(() => goSumLines(record, path, version)).toThrow(RECORD_INVALID)
  })
})

describe('the lines of a record', () => {
  test('are two in genuine records: the files and the go.mod of one module version', () => {
    for (const record of SMALL_RECORDS) {
      const text = parseRecord(record)
      const lines = recordLines(text)
      expect(lines.map(({ of }) => of)).toEqual(['files', 'go.mod'])
      const [files, goMod] = lines as [(typeof lines)[0], (typeof lines)[0]]
      const { path, version } = files
      expect(goMod).toMatchObject({ path, version })
      // Nothing is lost: the text can be reconstructed from them.
      expect(`${path} ${version} ${files.hash}\n${path} ${version}/go.mod ${goMod.hash}\n`).toBe(text)
    }
  })

  test('have a hash up to the end of the line, whatever it contains', () => {
    expect(recordLines('a v1 h1:x y \n')).toEqual([{ path: 'a', version: 'v1', of: 'files', hash: 'h1:x y ' }])
    expect(recordLines('a v1/go.mod \n')).toEqual([{ path: 'a', version: 'v1', of: 'go.mod', hash: '' }])
  })

  test('are told apart only by the end of the version', () => {
    expect(recordLines('a/go.mod v1/go.mod/go.mod h1:x\na v1/go.sum h1:y\n')).toEqual([
      { path: 'a/go.mod', version: 'v1/go.mod', of: 'go.mod', hash: 'h1:x' },
      { path: 'a', version: 'v1/go.sum', of: 'files', hash: 'h1:y' },
    ])
  })

  test.each(['', '\n', 'a\n', 'a b\n', ' a b\n', 'a  b\n'])('%j has no lines', (text) => {
    expect(recordLines(text)).toEqual([])
  })

  test('are the go.sum lines of their module, if no other is named', () => {
    for (const record of SMALL_RECORDS) {
      const { path, version } = recordLines(parseRecord(record))[0]!
      expect(`${goSumLines(record, path, version).join('\n')}\n`).toBe(parseRecord(record))
    }
  })
})
