/** Index feeds, valid or not: read to their end, each line once, and never without end. */
import { expect, test } from 'vitest'
import { formatMoment, parseMoment, type Moment } from '../../../src/lib/rfc3339.js'
import { FeedPages, parseLine, PAGE_LINES, type AskPage, type FeedPage } from '../../../src/mirror/index/feed-pages.js'
import { utf8 } from '../../../src/tlog/bytes.js'

const START = { seconds: 1_700_000_000, nanos: 0 }
const at = (seconds: number, nanos = 0): Moment => ({ seconds: START.seconds + seconds, nanos })
const line = (i: number, time: Moment): string =>
  `${JSON.stringify({ Path: `example.com/m${i}`, Version: 'v1.0.0', Timestamp: formatMoment(time) })}\n`

/** A feed of lines with these times, as served by an honest server. */
function honest(times: readonly Moment[], most = PAGE_LINES): AskPage {
  return (since, limit) => {
    const from = parseMoment(since)!
    const later = times.flatMap((time, i) =>
      time.seconds > from.seconds || (time.seconds === from.seconds && time.nanos >= from.nanos) ? [line(i, time)] : [],
    )
    return Promise.resolve(utf8(later.slice(0, Math.min(limit, most)).join('')))
  }
}

async function readAll(ask: AskPage, since = START): Promise<{ pages: FeedPage[]; paths: string[]; feed: FeedPages }> {
  const feed = new FeedPages(ask, since)
  const pages: FeedPage[] = []
  while (!feed.isEnd) {
    pages.push(await feed.next())
    expect(pages.length, 'it ends').toBeLessThan(100)
  }
  return { pages, paths: pages.flatMap(({ lines }) => lines.map(({ path }) => path)), feed }
}

const paths = (count: number): string[] => Array.from({ length: count }, (_, i) => `example.com/m${i}`)

test('an honest feed is read completely, page by page, each line once', async () => {
  const times = Array.from({ length: 9000 }, (_, i) => at(Math.floor(i / 700), (i % 3) * 1000)).toSorted(
    (a, b) => a.seconds - b.seconds || a.nanos - b.nanos,
  )
  const { paths: read, pages, feed } = await readAll(honest(times))
  expect(read).toEqual(paths(9000))
  expect(pages.flatMap(({ backwards, invalid }) => [...backwards, ...invalid])).toEqual([])
  expect(feed.reached).toEqual(times.at(-1))
})

test('a feed with smaller pages than requested is also read completely', async () => {
  const { paths: read } = await readAll(
    honest(
      Array.from({ length: 50 }, (_, i) => at(i)),
      7,
    ),
  )
  expect(read).toEqual(paths(50))
})

test('lines after a full page of one time are still read', async () => {
  const times = [...Array.from({ length: 2500 }, () => at(5)), at(6), at(7)]
  const { paths: read } = await readAll(honest(times))
  expect(read.slice(0, 2000)).toEqual(paths(2000))
  expect(read.slice(-2)).toEqual(['example.com/m2500', 'example.com/m2501'])
})

test('a feed that repeats the same page counts as ended', async () => {
  const page = utf8(Array.from({ length: PAGE_LINES }, (_, i) => line(i, at(i))).join(''))
  let asked = 0
  const { paths: read, pages } = await readAll(() => {
    asked++
    return Promise.resolve(page)
  })
  expect(read).toEqual(paths(PAGE_LINES))
  expect(asked).toBeLessThan(5)
  expect(pages.at(-1)!.backwards.length, 'it is said that it goes back').toBeGreaterThan(0)
})

test('lines that go back in time are reported and do not count', async () => {
  const answers = [[line(0, at(10)), line(1, at(9)), line(2, at(11))], [line(2, at(11))]]
  const { pages } = await readAll(() => Promise.resolve(utf8((answers.shift() ?? []).join(''))))
  expect(pages[0]!.lines.map(({ path }) => path)).toEqual(['example.com/m0', 'example.com/m2'])
  expect(pages[0]!.backwards.map(({ path }) => path)).toEqual(['example.com/m1'])
})

test('invalid lines are reported truncated, and the rest is read', async () => {
  const bad = [
    'not json',
    '[]',
    'null',
    '{}',
    '{"Path":"example.com/a","Version":"v1.0.0"}',
    '{"Path":"example.com/a","Version":"v1.0.0","Timestamp":"today"}',
    '{"Path":"example.com/a","Version":1,"Timestamp":"2026-01-01T00:00:00Z"}',
    '{"Path":"../etc/passwd","Version":"v1.0.0","Timestamp":"2026-01-01T00:00:00Z"}',
    '{"Path":"example.com/a","Version":"v1","Timestamp":"2026-01-01T00:00:00Z"}',
    `{"Path":"example.com/${'a'.repeat(5000)}","Version":"v1.0.0","Timestamp":"2026-01-01T00:00:00Z"}`,
  ]
  for (const text of bad) expect(parseLine(text), text).toBeUndefined()
  const answers = [`${bad.join('\n')}\n\n${line(7, at(3))}`]
  const { pages, paths: read } = await readAll(() => Promise.resolve(utf8(answers.shift() ?? '')))
  expect(read).toEqual(['example.com/m7'])
  expect(pages[0]!.invalid).toHaveLength(bad.length)
  for (const text of pages[0]!.invalid) expect(text.length).toBeLessThanOrEqual(200)
})
