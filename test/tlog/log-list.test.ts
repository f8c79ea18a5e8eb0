/**
 * Log lists of the witness network and of C2SP's draft tlog-list: cases, lists in use, and what no list may contain.
 */
import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { parseLogList } from '../../src/tlog/log-list.js'
import { codeOf } from '../helpers/codes.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { readVectors } from '../helpers/vectors.js'

interface Vectors {
  cases: {
    name: string
    list: string
    valid: boolean
    parsed?: { vkey: string; origin: string; qpd: number }[]
  }[]
  real_lists: Record<string, { text: string; entries: number }>
}

/** The content of a list, or the line of its error. */
interface TlogList {
  name: string
  list: string
  format?: string
  parsed?: { vkey: string; origin: string; qpd: number }[]
  line?: number
}

const { cases: tlogLists } = readVectors('tlog-list.json') as { cases: TlogList[] }
const { cases, real_lists: realLists } = readVectors('log-lists.json') as Vectors

function parsed(text: string): { vkey: string; origin: string; qpd: number }[] {
  return parseLogList(text).logs.map(({ key, origin, perDay }) => ({ vkey: key.vkey, origin, qpd: perDay }))
}

/** A verifier key whose point has order 1, with a name of its own. */
function lowOrder(): string {
  const point = Buffer.concat([Buffer.from([1, 1]), Buffer.alloc(31)])
  const id = createHash('sha256').update('weak.example\n').update(point).digest('hex').slice(0, 8)
  return `weak.example+${id}+${point.toString('base64')}`
}

describe('the published cases', () => {
  test.each(cases.map((one) => [one.name, one] as const))('%s', (_name, { list, valid, parsed: expected }) => {
    if (!valid) return expect(codeOf(() => parseLogList(list))).toBe('LOG_LIST_MALFORMED')
    expect(parsed(list)).toEqual(expected!.map(({ vkey, origin, qpd }) => ({ vkey, origin, qpd })))
  })

  test.each(Object.entries(realLists))('%s', (_name, { text, entries }) => {
    expect(parsed(text)).toHaveLength(entries)
    expect(parseLogList(text).format).toBe('c2sp.org/tlog-list')
  })
})

describe('a tlog-list', () => {
  test.each(tlogLists.map((one) => [one.name, one] as const))('%s', (_name, { list, format, parsed: logs, line }) => {
    if (logs !== undefined) {
      expect(parsed(list)).toEqual(logs)
      expect(parseLogList(list).format).toBe(format)
    } else {
      expect(codeOf(() => parseLogList(list))).toBe('LOG_LIST_MALFORMED')
      expect(() => parseLogList(list)).toThrow(new RegExp(`line ${line!}: `))
    }
  })
})

describe('a list', () => {
  const { vkey } = testSigner('log.example', 1).verifier
  const of = (...lines: string[]): string => ['logs/v0', ...lines].join('\n')
  const whole = [`vkey ${vkey}`, 'qpd 1', 'contact me']

  test('may have blanks around its lines, CRLF, and a number up to 2^31 - 1', () => {
    const lines = [`\tvkey\t${vkey} `, 'origin  two  words ', 'qpd 2147483647', '# no', '', 'contact # is text']
    expect(parsed(of(...lines).replaceAll('\n', '\r\n'))).toEqual([{ vkey, origin: 'two  words', qpd: 2 ** 31 - 1 }])
  })

  test.each([
    ['nothing', ''],
    ['another version', 'logs/v1'],
    ['a log before its header', `${whole.join('\n')}\nlogs/v0`],
    ['two headers', of('logs/v0', ...whole)],
    ['a log twice', of(...whole, ...whole)],
    [
      'one name and origin under two keys',
      of(...whole, `vkey ${testSigner('log.example', 2).verifier.vkey}`, 'qpd 1', 'contact me'),
    ],
    ['a witness key', of(`vkey ${testWitness.verifier.vkey}`, 'qpd 1', 'contact me')],
    ['a key of low order', of(`vkey ${lowOrder()}`, 'qpd 1', 'contact me')],
    ['two origins', of(whole[0]!, 'origin a', 'origin b', 'qpd 1', 'contact me')],
    ['an origin with a tab in it', of(whole[0]!, 'origin a\tb', 'qpd 1', 'contact me')],
    ['an origin with an escape in it', of(whole[0]!, 'origin a\x1b[2Jb', 'qpd 1', 'contact me')],
    ['a number with a zero before it', of(whole[0]!, 'qpd 01', 'contact me')],
    ['a number with a sign', of(whole[0]!, 'qpd +1', 'contact me')],
    ['a number in hex', of(whole[0]!, 'qpd 0x10', 'contact me')],
    ['an unknown word', of(whole[0]!, 'url https://log.example', 'qpd 1', 'contact me')],
    ['no contact', of(whole[0]!, 'qpd 1')],
    ['only a contact', of('contact me')],
    ['a page of HTML', '<!doctype html>\n<title>logs/v0</title>\n'],
  ])('with %s is refused', (_what, text) => {
    expect(codeOf(() => parseLogList(text))).toBe('LOG_LIST_MALFORMED')
  })

  test('is refused with the reason why a key is invalid', () => {
    expect(() => parseLogList(of(`vkey ${lowOrder()}`, 'qpd 1', 'contact me'))).toThrow(/low order/)
  })

  test('is refused as a whole, with the line of the error', () => {
    expect(() => parseLogList(of('', '# a comment', ...whole, 'vkey bananas'))).toThrow(/line 7: /)
    expect(() => parseLogList(of(...whole.slice(0, 2)))).toThrow(/"contact" expected/)
  })
})

// Starting from each blank of a run would take hours.
test('a list of blanks, as long as is allowed, is read to its end', () => {
  const blanks = ' \t'.repeat(2 * 1024 * 1024)
  expect(codeOf(() => parseLogList(`logs/v0\nvkey${blanks}x\n`))).toBe('LOG_LIST_MALFORMED')
  expect(parseLogList(`logs/v0\n#${blanks}x\n${blanks}\n`).logs).toEqual([])
})

describe('a list', () => {
  const { vkey } = testSigner('log.example', 1).verifier
  const list = (...lines: string[]): string => `logs/v0\n${lines.join('\n')}`
  const messageOf = (text: string): string => {
    try {
      parseLogList(text)
      return ''
    } catch (error) {
      return (error as Error).message
    }
  }

  test('that ends too early is refused with what is missing', () => {
    expect(messageOf(list(`vkey ${vkey}`))).toContain('"qpd" expected after it, and the list ends')
    expect(messageOf(list(`vkey ${vkey}`, 'qpd 5'))).toContain('"contact" expected after it, and the list ends')
    expect(messageOf('')).toContain('begins with')
  })

  test('keeps its format whatever is in its comments and between its lines', () => {
    const lines = [`vkey ${vkey}`, 'qpd 5', 'contact a@log.example']
    for (const ignored of ['', ' \t ', '# a comment\u00a0', '#', ' # behind a blank\u2003'])
      expect(parseLogList(list(ignored, ...lines)).format, JSON.stringify(ignored)).toBe('c2sp.org/tlog-list')
    expect(parseLogList(list('\u00a0', ...lines)).format).toBe('logs/v0')
  })

  test('may have any number of blanks behind a word and at the end of a line', () => {
    const [log] = parseLogList(list(`vkey \t ${vkey} \t `, 'qpd  5\t\t', 'contact  a@log.example  ')).logs
    expect(log).toMatchObject({ key: { vkey }, perDay: 5 })
  })

  test('in which a word says nothing is refused at that line', () => {
    expect(messageOf(list(`vkey ${vkey}`, 'qpd', 'contact x'))).toContain('line 3: "qpd" says nothing')
    expect(messageOf(list(`x vkey ${vkey}`, 'qpd 5', 'contact x'))).toContain('line 2: "vkey" expected')
  })
})
