/** `gossum policy check`: its report, its text, and the program with and without a node. */
import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { policyLines, policyReport, type PolicyReport } from '../../../src/cli/ui/policy-text.js'
import type { WitnessView } from '../../../src/status/shapes.js'
import { HttpServer } from '../../../src/http/server.js'
import { PUBLIC_POLICY, PUBLIC_POLICY_DATE } from '../../../src/config/public-policy.js'
import { makeSignerKey, SIGNATURE_TYPES } from '../../../src/tlog/note.js'
import { parsePolicy } from '../../../src/tlog/policy.js'
import { gossum, jsonError } from '../../helpers/cli.js'
import { scratchFolder } from '../../helpers/home.js'
import { fakeNode, LOG_ID } from '../../helpers/node-view.js'
import { vectorUrl } from '../../helpers/vectors.js'

const { dir, file } = scratchFolder()
const NOW = Date.parse('2026-01-02T12:00:00.000Z')
const KEYS = Array.from({ length: 7 }, (_, i) => {
  const seed = new Uint8Array(32).fill(i + 1)
  return makeSignerKey(`w${i + 1}.example`, SIGNATURE_TYPES.cosignature, seed).verifier.vkey
})
const FOREIGN = 'foreign+00000000+/wAB'

/** k of the first n witnesses. */
function equal(k: number, n: number): string {
  const names = KEYS.slice(0, n).map((_, i) => `w${i + 1}`)
  return [
    ...names.map((name, i) => `witness ${name} ${KEYS[i]!}`),
    `group us ${k} ${names.join(' ')}`,
    'quorum us',
    '',
  ].join('\n')
}

/** A node's view of a witness that last signed this many minutes ago. */
function view(i: number, minutes: number | null, convicted: string | null = null): WitnessView {
  const last =
    minutes === null ? null : { log: LOG_ID, size: 100, time: new Date(NOW - minutes * 60_000).toISOString() }
  return { name: `w${i}.example`, key: KEYS[i - 1]!, counted: convicted === null, own: i === 1, last, convicted }
}

const report = (policy: string, views?: WitnessView[]): PolicyReport => policyReport(parsePolicy(policy), views, NOW)
const lines = (one: PolicyReport): string[] => policyLines(one, NOW, (_style, text) => text)
const codes = (one: PolicyReport): string[] => one.warnings.map(({ code }) => code)

describe('the report on a file', () => {
  it('says that 3 of 4 survives one liar and one silent witness', () => {
    const good = report(equal(3, 4))
    expect(good).toEqual({
      quorum: 'us',
      witnesses: 4,
      threshold: 3,
      overlap: 2,
      liars: 1,
      blocking: 2,
      silent: 1,
      reachable: true,
      advice: {
        same: { witnesses: 4, threshold: 3, liars: 1, silent: 1 },
        more: { witnesses: 7, threshold: 5, liars: 2, silent: 2 },
      },
      warnings: [],
      date: null,
      ageDays: null,
      seen: null,
    })
    expect(lines(good)).toEqual([
      'quorum   us: needs 3 of 4 witnesses',
      'liars    survives 1: 2 that lie are enough for two histories to reach the quorum',
      'silence  survives 1: 2 that are silent stop the quorum',
      'advice   3 of 4 is the smallest threshold above two thirds',
      '         5 of 7 survives 2 liars and 2 silent witnesses (n = 3f + 1)',
    ])
  })

  it('warns that 2 of 3 survives no liar, and advises what would', () => {
    const weak = report(equal(2, 3))
    expect(weak).toMatchObject({ liars: 0, silent: 1, reachable: true })
    expect(codes(weak)).toEqual(['no-liar'])
    expect(lines(weak)).toEqual([
      'quorum   us: needs 2 of 3 witnesses',
      'liars    survives none: one that lies is enough for two histories to reach the quorum',
      'silence  survives 1: 2 that are silent stop the quorum',
      'advice   3 of 3, the smallest threshold above two thirds, survives 2 liars and 0 silent witnesses',
      '         3 of 4 survives 1 liar and 1 silent witness (n = 3f + 1)',
      'warning  one lying witness is enough for two histories to reach the quorum',
    ])
  })

  it.each<[string, string, string[], Partial<PolicyReport>]>([
    ['half of the witnesses', equal(1, 2), ['split-without-liar'], { liars: -1, overlap: 0, reachable: true }],
    [
      'no witness',
      'quorum none\n',
      ['no-quorum'],
      { threshold: 0, witnesses: 0, blocking: null, reachable: true, advice: null },
    ],
    [
      'only a key of an unknown type',
      `witness f ${FOREIGN}\nquorum f\n`,
      ['unreachable', 'unverifiable'],
      { threshold: null, liars: null, blocking: 0, reachable: false },
    ],
    [
      'one of two groups',
      `witness a ${KEYS[0]!}\nwitness b ${KEYS[1]!}\ngroup x any a\ngroup y any b\nquorum x\n`,
      ['no-liar', 'unused'],
      { witnesses: 1, threshold: 1 },
    ],
  ])('warns about a quorum of %s', (_what, policy, warned, expected) => {
    const one = report(policy)
    expect(codes(one)).toEqual(warned)
    expect(one).toMatchObject(expected)
    for (const { text } of one.warnings) expect(lines(one)).toContain(`warning  ${text}`)
  })

  it('does not treat nested groups as equal witnesses', () => {
    const names = KEYS.slice(0, 6).map((key, i) => `witness w${i} ${key}`)
    // Four of six are needed, yet one liar in the middle is enough.
    const nested = report(
      [...names, 'group a 2 w0 w1', 'group b 2 w2 w3', 'group c 2 w4 w5', 'group g 2 a b c', 'quorum g'].join('\n'),
    )
    expect(nested).toMatchObject({ threshold: 4, overlap: 2, liars: 1, blocking: 2, silent: 1 })
    expect(nested.advice!.same).toEqual({ witnesses: 6, threshold: 5, liars: 3, silent: 1 })
    expect(lines(nested)[3]).toMatch(/^advice {3}5 of 6, the smallest/)
  })
})

describe('the report with a node', () => {
  it('says which witnesses were heard, and how long the others have been silent', () => {
    const one = report(equal(3, 4), [view(1, 3), view(2, 119), view(3, 60 * 30), view(4, null)])
    expect(one).toMatchObject({ reachable: false, threshold: 3 })
    expect(codes(one)).toEqual(['unheard'])
    expect(one.seen!.map(({ silent }) => silent)).toEqual([false, false, true, true])
    expect(lines(one).slice(-6)).toEqual([
      'warning  2 witnesses that count were heard in the last 2 hours: too few',
      '',
      'w1  heard   size 100  3 min ago',
      'w2  heard   size 100  119 min ago',
      'w3  SILENT  size 100  30 h ago',
      'w4  SILENT  never heard',
    ])
    expect(report(equal(3, 4), [view(1, 3), view(2, 119), view(3, 30), view(4, null)])).toMatchObject({
      reachable: true,
      warnings: [],
    })
  })

  it('does not count convicted witnesses, even if recently heard', () => {
    const views = [view(1, 1), view(2, 1), view(3, 1, 'e3'), view(4, 1)]
    const one = report(equal(3, 4), views)
    expect(one).toMatchObject({ witnesses: 3, threshold: 3, silent: 0, reachable: true })
    expect(codes(one)).toEqual(['convicted'])
    expect(lines(one)).toContain('w3  CONVICTED by e3  size 100  60 s ago')
    views[0] = view(1, 1, 'e1')
    const lost = report(equal(3, 4), views)
    expect(lost).toMatchObject({ threshold: null, reachable: false })
    expect(codes(lost)).toEqual(['unreachable', 'convicted', 'convicted', 'unheard'])
    expect(lines(lost)[0]).toBe('quorum   us: cannot be reached by the 2 witnesses that can count')
  })

  it('says which witnesses are unknown to the node', () => {
    const one = report(equal(2, 2), [view(1, 1)])
    expect(one.seen![1]).toMatchObject({ known: false, silent: true, last: null })
    expect(lines(one).at(-1)).toBe('w2  unknown to the node')
  })
})

describe('gossum policy check', () => {
  const servers: HttpServer[] = []
  afterEach(async () => {
    await Promise.all(servers.splice(0).map((server) => server.stop()))
  })
  async function serve(witnesses: WitnessView[]): Promise<string> {
    const server = await HttpServer.start({
      host: '127.0.0.1',
      port: 0,
      node: fakeNode({ witnesses: () => witnesses }),
    })
    servers.push(server)
    return server.url
  }

  it('exits with 0 if the quorum can be reached, however weak', async () => {
    const path = file('weak.policy', equal(2, 3))
    const human = await gossum(['policy', 'check', path])
    expect(human).toMatchObject({ code: 0, stderr: '' })
    expect(human.stdout.trimEnd().split('\n')).toEqual(lines(report(equal(2, 3))))
    const machine = await gossum(['policy', 'check', '-', '--json'], { input: equal(2, 3) })
    expect(machine).toMatchObject({ code: 0, stderr: '' })
    expect(JSON.parse(machine.stdout)).toEqual({ file: '-', ...report(equal(2, 3)) })
  })

  it('exits with 2 for a malformed policy and 1 for a missing one', async () => {
    const bad = await gossum(['policy', 'check', '--json', file('bad.policy', 'quorum nobody\n')])
    expect([bad.code, bad.stdout, jsonError(bad).code]).toEqual([2, '', 'POLICY_MALFORMED'])
    const none = await gossum(['policy', 'check', '--json', '/nonexistent/policy'])
    expect([none.code, jsonError(none).code]).toEqual([1, 'FILE_UNREADABLE'])
    expect((await gossum(['policy', 'check'])).code).toBe(2)
  })

  it('exits with 4 if the witnesses heard by the node cannot reach the quorum, and 1 without the node', async () => {
    const path = file('p.policy', equal(2, 2))
    const heard = (i: number): WitnessView => ({
      ...view(i, 0),
      last: { log: LOG_ID, size: 7, time: new Date().toISOString() },
    })
    const good = await gossum(['policy', 'check', path, '--node', await serve([heard(1), heard(2)])])
    expect(good).toMatchObject({ code: 0, stderr: '' })
    expect(good.stdout).toMatch(/\nw1 {2}heard {2}size 7 {2}\d s ago\nw2 {2}heard /)
    const bad = await gossum(['policy', 'check', path, '--json', '--node', await serve([heard(1), view(2, null)])])
    expect(bad).toMatchObject({ code: 4, stderr: '' })
    expect(JSON.parse(bad.stdout)).toMatchObject({
      reachable: false,
      threshold: 2,
      seen: [{ name: 'w1' }, { silent: true }],
    })
    const dead = await gossum(['policy', 'check', path, '--json', '--node', 'http://127.0.0.1:1'])
    expect([dead.code, jsonError(dead).code]).toEqual([1, 'NODE_UNREACHABLE'])
  })
})

describe('the built-in policy', () => {
  const at = (days: number): number => Date.parse(PUBLIC_POLICY_DATE) + days * 86_400_000
  const aged = (days: number): PolicyReport =>
    policyReport(parsePolicy(PUBLIC_POLICY), undefined, at(days), PUBLIC_POLICY_DATE)

  it('survives five liars and five silent witnesses', () => {
    expect(aged(0)).toMatchObject({ witnesses: 16, threshold: 11, liars: 5, silent: 5, reachable: true, warnings: [] })
  })

  it('is reported with its age, and a warning beyond 180 days', () => {
    expect(aged(180)).toMatchObject({ date: PUBLIC_POLICY_DATE, ageDays: 180, warnings: [] })
    expect(aged(181)).toMatchObject({ ageDays: 181, warnings: [{ code: 'old' }] })
    expect(lines(aged(181)).find((text) => text.startsWith('list'))).toBe(
      `list     of ${PUBLIC_POLICY_DATE}, 181 days old`,
    )
    expect(report(equal(3, 4))).toMatchObject({ date: null, ageDays: null })
  })

  it('is printed for "public", while ./public is a file', async () => {
    const human = await gossum(['policy', 'check', 'public'])
    expect(human.code).toBe(0)
    expect(human.stdout).toContain('quorum   public: needs 11 of 16 witnesses\n')
    expect(human.stdout.endsWith(`\n\n${PUBLIC_POLICY}`)).toBe(true)
    const machine = await gossum(['policy', 'check', 'public', '--json'])
    expect(JSON.parse(machine.stdout)).toMatchObject({ file: 'public', date: PUBLIC_POLICY_DATE, text: PUBLIC_POLICY })
    file('public', equal(2, 2))
    const own = await gossum(['policy', 'check', './public', '--json'], { cwd: dir })
    expect(JSON.parse(own.stdout)).toMatchObject({ file: './public', witnesses: 2, date: null })
    expect(own.stdout).not.toContain('"text":"#')
  })

  it('is also trusted by verify, since it names the log', async () => {
    const head = file('genuine.txt', readFileSync(vectorUrl('sumdb/genuine/latest')))
    const { code, stdout } = await gossum(['verify', '--policy', 'public', head])
    // Signed by the log, and by none of the witnesses.
    expect({ code, verdict: stdout.split(' ')[0] }).toEqual({ code: 2, verdict: 'invalid' })
    expect(stdout).toContain('policy')
  })
})
