import { expect, test } from 'vitest'
import { printable, printableJson, printableLines } from '../../src/lib/printable.js'

const PLAIN = 'log.example\tv1.0.0 äöü 木 🙂'

test('ordinary text is unchanged', () => {
  for (const show of [printable, printableJson, printableLines]) expect(show(PLAIN)).toBe(PLAIN)
})

test.each([
  ['an escape', '\x1b[2J'],
  ['a bell', '\x07'],
  ['a carriage return', '\r'],
  ['a C1 control', '\x9b'],
  ['a right-to-left override', '\u202e'],
  ['a zero-width joiner', '\u200d'],
  ['a byte order mark', '\ufeff'],
  ['a line separator', '\u2028'],
  ['half of a surrogate pair', '\ud83d'],
  ['a private-use character', '\ue000'],
])('%s is made visible and has no effect', (_, char) => {
  const seen = `a${char.replace(/[^\x20-\x7e]/u, '\ufffd')}b`
  expect(printable(`a${char}b`)).toBe(seen)
  expect(printableLines(`a${char}b`)).toBe(seen)
  const json = printableJson(JSON.stringify(`a${char}b`))
  expect(json).toMatch(/^[\x20-\x7e]*$/)
  expect(JSON.parse(json)).toBe(`a${char}b`)
})

test('line ends become blanks on one line, and stay in several lines and in JSON', () => {
  expect(printable('a\nb\r\nc')).toBe('a b c')
  expect(printableLines('a\nb\u0000')).toBe('a\nb\ufffd')
  expect(printableJson('{\n"a": "\u200d"}')).toBe('{\n"a": "\\u200d"}')
  // Two units are two escapes.
  expect(printableJson('"\u{e0001}"')).toBe('"\\udb40\\udc01"')
})
