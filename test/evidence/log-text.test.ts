/** The text in a build log, one transformation of build systems at a time: report-shape.test.ts tests whole logs. */
import { describe, expect, it } from 'vitest'
import { readingsOf } from '../../src/evidence/log-text.js'
import { utf8 } from '../../src/tlog/bytes.js'

/** Without these words nothing is read. */
const WORDS = 'go.sum database\n'
/** The first reading, without the words above. */
const plain = (text: string): string => {
  const [first] = readingsOf(utf8(`${WORDS}${text}`))
  expect(first!.startsWith(WORDS)).toBe(true)
  return first!.slice(WORDS.length)
}
const utf16 = (text: string, order: 'le' | 'be'): Buffer => {
  const bytes = Buffer.from(text, 'utf16le')
  return order === 'le' ? bytes : bytes.swap16()
}

describe('what is not of the text is gone, and what was escaped is back', () => {
  it.each([
    ['colours', '\u001b[1;31mred\u001b[0m', 'red'],
    ['a title of the window', '\u001b]0;title\u0007a\u001b]8;;x\u001b\\b', 'ab'],
    ['a short command', '\u001b(Ba', 'a'],
    ['colours that were made visible', '^[[31ma\\u001b[0mb\\x1b[0mc\\033[0md\\e[0m#033[0me\u241b[0m', 'abcde'],
    ['escapes of JSON', 'a\\u002bb\\u002Bc', 'a+b+c'],
    ['escapes of JSON in JSON', 'a\\\\u002bb\\\\nc\\\\td\\\\/e', 'a+b\nc\td/e'],
    ['escapes of bytes', 'a\\x2bb\\\\x2Fc', 'a+b/c'],
    ['escapes of syslog', 'a#011b#012c', 'a\tb\nc'],
    ['escaped line ends, TABs and slashes', 'a\\nb\\rc\\td\\/e', 'a\nb\nc\td/e'],
    ['TABs that were made visible', 'a^Ib\u2409c', 'a\tb\tc'],
    ['percent signs', 'a%0Ab%0dc%09d%20e%2Bf%2fg%3Dh', 'a\nb\nc\td e+f/g=h'],
    ['numbers of HTML', 'a&#43;b&#x2F;c&#X3d;d', 'a+b/c=d'],
    ['a number beyond all characters', 'a&#x10ffff;b&#x110000;c&#9999999;d', 'a\u{10ffff}b c d'],
    ['names of HTML', 'a&plus;b&SOL;c&equals;d&tab;e&nbsp;f&newline;g', 'a+b/c=d\te f\ng'],
    ['names that nobody knows', 'a&amp;b&unknown;c', 'a&amp;b&unknown;c'],
    ['tags', '<b>a</b><!-- no -->b <3 c', ' a  b <3 c'],
    ['what is not seen', 'a\u00adb\u200bc\u200cd\u200de\u2060f\ufeffg', 'abcdefg'],
    ['line ends of other systems', 'a\r\nb\rc\u2028d\u2029e\u0085f\vg\fh', 'a\nb\nc\nd\ne\nf\ng\nh'],
    ['marks of GitLab', '2026-07-01T12:00:01.1Z 00O a', '2026-07-01T12:00:01.1Z a'],
    ['lines that GitLab goes on with', 'ab\n2026-07-01T12:00:01.1Z 00O+cd', 'abcd'],
  ])('%s', (_what, text, expected) => {
    expect(plain(text)).toBe(expected)
  })
})

describe('bytes', () => {
  it.each(['le', 'be'] as const)('of UTF-16 with a mark, %s, are read as what they are', (order) => {
    expect(readingsOf(utf16(`\ufeff${WORDS}\u2014 a`, order))[0]).toBe(`${WORDS}\u2014 a`)
  })

  it.each(['le', 'be'] as const)('of UTF-16 without a mark, %s, are read as far as they are ASCII', (order) => {
    expect(readingsOf(utf16(`${WORDS}ab`, order))[0]).toBe(`${WORDS}ab`)
  })

  it.each([
    [0xff, 0xfe],
    [0xfe, 0xff],
    [0xff, 0x20],
    [0x20, 0xfe],
    [0xfe, 0x20],
    [0x20, 0xff],
  ])('that only begin like a mark, %i %i, are UTF-8', (...mark) => {
    const text = `${WORDS}\u2014 a`
    expect(readingsOf(Buffer.concat([Uint8Array.from(mark), utf8(` ${text}`)]))[0]).toMatch(
      /go\.sum database\n\u2014 a$/,
    )
  })
})

describe('readings', () => {
  it('of a text without the words of a report there is nothing to read', () => {
    expect(readingsOf(utf8('hello\n'))).toEqual([''])
    expect(readingsOf(new Uint8Array())).toEqual([''])
  })

  it('of a long log what is near the words of reports is read', () => {
    const far = 'x'.repeat(300 * 1024)
    const [first] = readingsOf(utf8(`first ${far}go.sum and then misbehavior ${far} last`))
    expect(first).toMatch(/^x{262144}go\.sum and then misbehavior x{100000}/)
    expect(first).not.toContain('last')
    const both = `go.sum ${far}${far} misbehavior`
    expect(readingsOf(utf8(both))[0]).toBe(both)
    expect(readingsOf(utf8(both.split(' ').reverse().join(' ')))[0]).toMatch(/^misbehavior x+ *x* go\.sum$/)
  })

  it('are at most five, each once', () => {
    expect(readingsOf(utf8('go.sum database'))).toEqual(['go.sum database'])
    const folded = `${WORDS}\u2014=3D\t${'a'.repeat(30)}\n${'b'.repeat(20)}\n`
    const readings = readingsOf(utf8(folded))
    expect(new Set(readings).size).toBe(readings.length)
    expect(readings.length).toBeLessThanOrEqual(5)
  })

  it('of quoted-printable one has what was quoted, and no folds', () => {
    const readings = readingsOf(utf8(`${WORDS}a=3Db=\ncd= \t\r\ne=E2`))
    expect(readings).toContain(`${WORDS}a=bcdeâ`)
    expect(readingsOf(utf8(`${WORDS}a=\nb`))).not.toContain(`${WORDS}ab`)
  })

  /** A cut line, its rest, and another line. Joined text has an additional line end. */
  const fold = (line: string): string => `${WORDS}${line}\nrest\nnext\n`
  const unfolded = (line: string): string => `${WORDS}${line}rest\nnext\n\n`
  it.each([
    ['by characters', `${'a'.repeat(24)}\u2014`],
    ['by characters, TABs being one', `\t\t${'a'.repeat(22)}`],
    ['by columns, with TABs to multiples of eight', `ab\t${'a'.repeat(20)}`],
    ['by bytes of UTF-8', `${'\u00e9'.repeat(5)}${'\u2014'.repeat(3)}\u{1f600}${'a'.repeat(4)}`],
    ['at the least width', 'a'.repeat(20)],
  ])('take out the folds of lines that are cut %s', (_how, line) => {
    expect(readingsOf(utf8(fold(line)))).toContain(unfolded(line))
  })

  it.each([
    ['by columns, not by characters', `${'\t'.repeat(3)}a`, 'a'.repeat(24)],
    ['by bytes, not by characters', '\u2014'.repeat(9), 'a'.repeat(26)],
    ['by bytes of two', '\u00e9'.repeat(13), 'a'.repeat(25)],
    ['by bytes of four', '\u{1f600}'.repeat(7), 'a'.repeat(27)],
  ])('tell widths apart: one is wider %s', (_how, wide, narrow) => {
    expect(readingsOf(utf8(`${WORDS}${narrow}\n${wide}\nrest\n`))).toContain(`${WORDS}${narrow}\n${wide}rest\n\n`)
  })

  it('leave lines alone that are narrower than any fold', () => {
    expect(readingsOf(utf8(`${WORDS}${'a'.repeat(19)}\nb`))).toEqual([`${WORDS}${'a'.repeat(19)}\nb`])
  })
})

// Starting from each character of a run would take hours.
describe('what repeats itself is read in proportion to its length', () => {
  const MUCH = 1024 * 1024

  it.each(['\\', '\u001b', '\u001b[0', '\u001b]', '00:00:00', '=', ' ', '\t', '<a', '&#0', '%2', '\r', '^['])(
    '%j',
    (piece) => {
      const text = `${WORDS}${piece.repeat(Math.ceil(MUCH / piece.length))}x`
      // All of it is read: the words at its end are found.
      expect(readingsOf(utf8(`${text}\ngo.sum`))[0]!.endsWith('go.sum')).toBe(true)
    },
  )
})
