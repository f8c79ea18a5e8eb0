/** A feed compared with a node's index: each kind of difference is found, and small delays are none. */
import { describe, expect, test } from 'vitest'
import {
  IndexCheck,
  type IndexFinding,
  type IndexReport,
} from '../../../../src/cli/commands/check-index/index-check.js'
import { compareMoments, formatMoment, parseMoment, type Moment } from '../../../../src/lib/rfc3339.js'
import { utf8 } from '../../../../src/tlog/bytes.js'

const T = 1_700_000_000
const LAG = 600
const HOUR = 3600

interface Line {
  readonly name: string
  readonly time: Moment
}

/** Lines of one side: `name` at this many seconds from the start. */
const lines = (...of: readonly [name: string, seconds: number][]): Line[] =>
  of.map(([name, seconds], i) => ({ name, time: { seconds: T + seconds, nanos: i } }))

const text = ({ name, time }: Line): string =>
  `${JSON.stringify({ Path: `example.com/${name}`, Version: 'v1.0.0', Timestamp: formatMoment(time) })}\n`

function pageOf(all: readonly Line[], query: URLSearchParams): Uint8Array {
  const since = parseMoment(query.get('since') ?? '0001-01-01T00:00:00Z')!
  const module = query.get('module')
  const wanted = all.filter(({ name, time }) => {
    return compareMoments(time, since) >= 0 && (module === null || module === `example.com/${name}`)
  })
  return utf8(
    wanted
      .slice(0, Number(query.get('limit') ?? 2000))
      .map(text)
      .join(''),
  )
}

interface Sides {
  readonly feed: readonly Line[]
  /** The node's lines; the first is covered by its first quorum head. */
  readonly log: readonly Line[]
  /** The time up to which it has the whole log, and what its audit lacks. */
  readonly verified?: number
  readonly behind?: number
  readonly now?: number
}

async function compare(
  { feed, log, verified = 10 * HOUR, behind = 0, now = 10 * HOUR }: Sides,
  since?: number,
): Promise<{ found: string[]; report: IndexReport; judged: Moment[]; findings: IndexFinding[] }> {
  const findings: IndexFinding[] = []
  const judged: Moment[] = []
  const size = log.length
  const cosignatures = [{ time: formatMoment({ seconds: T, nanos: 0 }) }]
  const view = { size, quorum: { size, cosignatures }, verifiedAt: formatMoment({ seconds: T + verified, nanos: 0 }) }
  const logs = [{ ...view, audit: { indexed: size - behind } }]
  const check = new IndexCheck({
    feed: (from, limit) => Promise.resolve(pageOf(feed, new URLSearchParams({ since: from, limit: String(limit) }))),
    node: {
      ask: (path) => Promise.resolve(pageOf(log.slice(0, size - behind), new URL(path, 'http://n').searchParams)),
      askJson: () => Promise.resolve({ value: { logs } as never, body: utf8('') }),
    },
    lag: LAG,
    now: () => (T + now) * 1000,
    onFinding: (finding) => findings.push(finding),
    onJudged: (at) => Promise.resolve(void judged.push(at)),
  })
  const report = await check.run(since === undefined ? undefined : { seconds: T + since, nanos: 0 })
  const found = findings.map(({ class: of, path }) => `${of} ${path?.slice('example.com/'.length) ?? ''}`.trim())
  return { found, report, judged, findings }
}

const FIRST = ['old', 0] as const
const both = lines([...FIRST], ['a', HOUR], ['b', 2 * HOUR], ['c', 3 * HOUR])

describe('nothing is found', () => {
  test('if both are the same, and everything old enough is judged', async () => {
    const { found, report } = await compare({ feed: both, log: both })
    expect(found).toEqual([])
    expect(report).toMatchObject({ undecided: undefined, records: 3 })
    expect(report.judged.seconds).toBe(T + 10 * HOUR - LAG)
  })

  test('if either is later by less than the lag', async () => {
    const feed = lines([...FIRST], ['a', HOUR + LAG - 5], ['b', 2 * HOUR])
    const log = lines([...FIRST], ['a', HOUR], ['b', 2 * HOUR + LAG - 5])
    expect((await compare({ feed, log })).found).toEqual([])
  })

  test('among lines younger than the lag', async () => {
    const young = 10 * HOUR - LAG + 5
    const feed = lines([...FIRST], ['a', HOUR], ['new-in-feed', young])
    const log = lines([...FIRST], ['a', HOUR], ['new-in-log', young])
    expect((await compare({ feed, log })).found).toEqual([])
  })

  test('among lines from before the first quorum head of the node', async () => {
    const feed = lines(['old', -5 * HOUR], ['older', -9 * HOUR], ['a', HOUR]).toSorted(
      (a, b) => a.time.seconds - b.time.seconds,
    )
    const log = lines(['older', 0], ['old', 0], ['not-in-feed', 0], ['a', HOUR])
    expect((await compare({ feed, log })).found).toEqual([])
    expect((await compare({ feed, log }, -20 * HOUR)).found, 'also when it is asked for').toEqual([])
  })

  test('if the node was away, and its next head covers what the feed had long before', async () => {
    const feed = lines([...FIRST], ['a', HOUR], ['b', 2 * HOUR], ['c', 8 * HOUR])
    const log = lines([...FIRST], ['a', 7 * HOUR], ['b', 7 * HOUR], ['c', 8 * HOUR])
    expect((await compare({ feed, log })).found).toEqual([])
  })

  test('for a version that the feed shows twice', async () => {
    const feed = lines([...FIRST], ['a', HOUR], ['a', HOUR + 10])
    expect((await compare({ feed, log: lines([...FIRST], ['a', HOUR]) })).found).toEqual([])
  })
})

describe('a finding is', () => {
  test('that the feed shows what the log does not have', async () => {
    const feed = lines([...FIRST], ['a', HOUR], ['forged', 2 * HOUR], ['c', 3 * HOUR])
    const { found, findings } = await compare({ feed, log: lines([...FIRST], ['a', HOUR], ['c', 3 * HOUR]) })
    expect(found).toEqual(['index only forged'])
    expect(findings[0]).toMatchObject({ version: 'v1.0.0', logTime: null })
    expect(findings[0]!.feedTime).toMatch(/^2023-/)
  })

  test('that the feed hides what the log has', async () => {
    const log = lines([...FIRST], ['a', HOUR], ['hidden', 2 * HOUR], ['c', 3 * HOUR])
    expect((await compare({ feed: lines([...FIRST], ['a', HOUR], ['c', 3 * HOUR]), log })).found).toEqual([
      'log only hidden',
    ])
    expect((await compare({ feed: [], log })).found, 'all of it').toEqual([
      'log only a',
      'log only hidden',
      'log only c',
    ])
  })

  test('that the feed shows a version long after the log recorded it', async () => {
    const feed = lines([...FIRST], ['b', 2 * HOUR], ['late', 5 * HOUR])
    const log = lines([...FIRST], ['late', HOUR], ['b', 2 * HOUR])
    expect((await compare({ feed, log })).found).toEqual(['log only late', 'time order late'])
  })

  test('that the feed shows a version that later heads of the log still lacked', async () => {
    const feed = lines([...FIRST], ['early', HOUR], ['b', 2 * HOUR], ['c', 3 * HOUR], ['d', 6 * HOUR])
    const log = lines([...FIRST], ['b', 2 * HOUR], ['c', 3 * HOUR], ['early', 5 * HOUR], ['d', 6 * HOUR])
    expect((await compare({ feed, log })).found).toEqual(['time order early'])
  })

  test('that the feed goes back in time, or into the future', async () => {
    const log = lines([...FIRST], ['a', HOUR], ['b', 2 * HOUR])
    const back = lines([...FIRST], ['b', 2 * HOUR], ['a', HOUR])
    const askedAsItIs = back.map((line) => ({ ...line }))
    expect((await compare({ feed: askedAsItIs, log })).found).toContain('time order a')
    const future = lines([...FIRST], ['a', HOUR], ['b', 2 * HOUR], ['x', 9_000 * HOUR])
    expect((await compare({ feed: future, log })).found).toEqual(['time order x'])
  })
})

describe('a node that is behind', () => {
  test('leaves undecided what it cannot know', async () => {
    const feed = lines([...FIRST], ['a', HOUR], ['b', 2 * HOUR], ['c', 3 * HOUR])
    const { found, report } = await compare({ feed, log: both, behind: 2 })
    expect(found).toEqual([])
    expect(report.undecided).toContain('behind')
    expect(report.judged.seconds).toBeLessThan(T + 2 * HOUR)
  })

  test('has lines judged only up to when it last saw the log', async () => {
    const feed = lines([...FIRST], ['a', HOUR], ['forged', 2 * HOUR], ['unknown', 6 * HOUR])
    const { found, report } = await compare({ feed, log: lines([...FIRST], ['a', HOUR]), verified: 4 * HOUR })
    expect(found).toEqual(['index only forged'])
    expect(report.undecided).toContain('later than')
    expect(report.judged.seconds).toBe(T + 4 * HOUR - LAG)
  })

  test('has an empty index reported', async () => {
    const { report } = await compare({ feed: both, log: [] })
    expect(report.undecided).toContain('empty')
  })
})

test('a run split in two finds the same as one run', async () => {
  const feed = lines(
    [...FIRST],
    ['a', HOUR],
    ['forged', 2 * HOUR],
    ['c', 4 * HOUR],
    ['forged2', 6 * HOUR],
    ['e', 7 * HOUR],
  )
  const log = lines(
    [...FIRST],
    ['a', HOUR + 300],
    ['hidden', 3 * HOUR],
    ['c', 4 * HOUR - 300],
    ['hidden2', 6 * HOUR],
    ['e', 7 * HOUR],
  )
  const whole = (await compare({ feed, log })).found
  expect(whole.toSorted()).toEqual(['index only forged', 'index only forged2', 'log only hidden', 'log only hidden2'])
  for (let stop = HOUR; stop < 10 * HOUR; stop += 700) {
    const visible = (of: readonly Line[]): Line[] => of.filter(({ time }) => time.seconds <= T + stop)
    const first = await compare({ feed: visible(feed), log: visible(log), now: stop, verified: stop })
    const second = await compare({ feed, log }, first.report.judged.seconds - T)
    expect([...first.found, ...second.found].toSorted(), `stopped at ${stop}`).toEqual(whole.toSorted())
  }
})
