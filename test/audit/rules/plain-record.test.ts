import { describe, expect, test } from 'vitest'
import { judgeRecord } from '../../../src/audit/rules/judge-record.js'
import { readPlain, type PlainRecord } from '../../../src/audit/rules/plain-record.js'
import { concatBytes, fromUtf8, utf8 } from '../../../src/tlog/bytes.js'
import { BAD_RECORDS, recordOf } from '../../helpers/bad-records.js'
import { expectEqual } from '../../helpers/expect-equal.js'
import { seeded } from '../../helpers/tree.js'
import { PROVEN_RECORDS, SHARED_RECORDS, SMALL_RECORDS } from './genuine-records.js'

const genuine = [...SMALL_RECORDS, ...PROVEN_RECORDS, ...SHARED_RECORDS]
const NOWHERE: Readonly<PlainRecord> = { pathEnd: -1, versionStart: -1, versionEnd: -1 }

/** The result of readPlain for the record alone, and among others. */
function plainModule(record: Uint8Array): { path: string; version: string } | undefined {
  const into = { ...NOWHERE }
  if (!readPlain(record, 0, record.length, into)) return undefined
  const path = fromUtf8(record.subarray(0, into.pathEnd))!
  return { path, version: fromUtf8(record.subarray(into.versionStart, into.versionEnd))! }
}

test('nearly all genuine records are plain, and name their modules', () => {
  const plain = genuine.filter((record) => plainModule(record) !== undefined)
  // The exceptions: an old version at gopkg.in, a toolchain.
  expect(genuine.length - plain.length).toBeLessThanOrEqual(4)
  for (const record of plain) expect(plainModule(record)).toEqual(judgeRecord(record).module)
})

test('a record is read between others, within its bounds', () => {
  const [before, record, after] = SMALL_RECORDS.slice(0, 3) as [Uint8Array, Uint8Array, Uint8Array]
  const data = concatBytes(before, record, after)
  const [start, end] = [before.length, before.length + record.length]
  const into = { ...NOWHERE }
  expect(readPlain(data, start, end, into)).toBe(true)
  const { path, version } = judgeRecord(record).module!
  expect(fromUtf8(data.subarray(start, into.versionEnd))).toBe(`${path} ${version}`)
  expect(into).toEqual({
    pathEnd: start + path.length,
    versionStart: start + path.length + 1,
    versionEnd: start + path.length + 1 + version.length,
  })
  for (let off = -2; off <= 2; off++) {
    if (off !== 0) expect(readPlain(data, start, end + off, into)).toBe(false)
    if (off !== 0) expect(readPlain(data, start + off, end, into)).toBe(false)
  }
  for (let cut = 0; cut < record.length; cut++) expect(readPlain(record, 0, cut, into), String(cut)).toBe(false)
  expect(readPlain(record.subarray(0, -1), 0, record.length, into)).toBe(false)
  expect(readPlain(data, -1, end, into)).toBe(false)
})

test.each(BAD_RECORDS.map(({ rule, record }, i) => [`${rule} (${i})`, record] as const))(
  '%s is not plain',
  (_, record) => {
    expect(plainModule(record)).toBeUndefined()
  },
)

describe('a plain record breaks no rule', () => {
  const random = seeded(20190102)
  const pick = <T>(list: readonly T[]): T => list[random() % list.length]!
  /** Bytes with a meaning in records. */
  const SIGNS = utf8('\n /.-+~_v0129aAfgZ=:@!')
  const CASES = 40_000

  /** One or two bytes changed, removed or inserted, at any place or in both lines alike. */
  function mutated(record: Uint8Array): Uint8Array {
    let out = record
    for (let n = 1 + (random() % 2); n > 0; n--) {
      const at = random() % out.length
      const byte = random() % 4 === 0 ? random() % 256 : SIGNS[random() % SIGNS.length]!
      const act = random() % 3
      const put = act === 1 ? new Uint8Array() : Uint8Array.of(byte)
      out = concatBytes(out.subarray(0, at), put, out.subarray(act === 0 ? at : at + 1))
    }
    return out
  }

  const named = genuine.map((record) => ({ record, ...judgeRecord(record).module! }))
  /** A genuine record with another name in both lines, so that the lines still match. */
  function renamed(): Uint8Array {
    const { record, path, version } = pick(named)
    const other = fromUtf8(mutated(utf8(`${path} ${version}`))) ?? 'x y'
    return utf8(fromUtf8(record)!.replaceAll(`${path} ${version}`, other))
  }

  /** Paths and versions made of parts that the rules are about. */
  function composed(): Uint8Array {
    const element = (): string =>
      pick([
        'a',
        'a',
        'b',
        'v1',
        'v2',
        'v2.1',
        'v02',
        'v10',
        'v',
        'con',
        'Com1',
        'com0',
        'nul.x',
        'a~1',
        'a.b',
        '.a',
        'a.',
        '',
        'c++',
        'a_B',
        'x.v1',
      ])
    const host = pick(['a.b', 'gopkg.in', 'golang.org', 'a', 'A.b', '-a.b', 'aux.b', 'a_.b', 'gopkg.in'])
    const elements = Array.from({ length: random() % 3 }, element)
    const path =
      [host, ...elements].join('/') +
      pick(['', '', '', '.v1', '.v2', '.v0', '.v02', '/v2', '/v3', '-unstable', '/toolchain'])
    const number = (): string =>
      pick([
        '0',
        '0',
        '0',
        '1',
        '1',
        '1',
        '2',
        '2',
        '3',
        '10',
        random() % 4 === 0 ? '02' : '0',
        random() % 4 === 0 ? '' : '1',
      ])
    const time = pick([
      '20190102030405',
      '20190229030405',
      '20200229235959',
      '19691231000000',
      '20191301000000',
      '20190102240000',
      '2019010203040',
    ])
    const revision = pick([
      '0123456789ab',
      '0123456789ab',
      '0123456789AB',
      '0123456',
      '0123456789ab.1',
      '0123456789-ab',
    ])
    const before = pick(['', '', '0.', '0.', 'pre.0.', 'rc.1.0.', '1.', '10.', 'x', '.0.'])
    const pre = pick([
      '',
      '',
      `-${before}${time}-${revision}`,
      `-${before}${time}-${revision}`,
      '-rc1',
      '-01',
      '-0',
      '-a..b',
      '-',
      '-1.0a',
      '-a_b',
    ])
    const build = pick(['', '', '', '+incompatible', '+incompatible', '+meta', '+', '+incompatible1'])
    return utf8(recordOf(path, `${pick(['v', 'v', 'v', 'v', ''])}${number()}.${number()}.${number()}${pre}${build}`))
  }

  test.each([
    ['genuine records with other bytes', () => mutated(pick(genuine)), 500],
    ['genuine records with other names', renamed, 10_000],
    ['records composed of what the rules are about', composed, 500],
  ] as const)('%s', (_, make, least) => {
    let plain = 0
    let missed = 0
    for (let i = 0; i < CASES; i++) {
      const record = make()
      const module = plainModule(record)
      if (module !== undefined) {
        plain++
        expectEqual(judgeRecord(record), { module, broken: [] }, fromUtf8(record))
      } else if (i % 8 === 0 && judgeRecord(record).broken.length === 0) missed += 8
    }
    // The test is meaningful only if many are plain, and the fast path is useful only if it covers most correct
    // records.
    expect(plain).toBeGreaterThan(least)
    expect(plain).toBeGreaterThan(missed)
  })
})
