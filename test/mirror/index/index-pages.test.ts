/**
 * Pages of the index: a client that continues from the last time that it saw gets every version once, whatever heads
 * there were.
 */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { compareMoments, formatMoment, parseMoment } from '../../../src/lib/rfc3339.js'
import { indexPage, type IndexEntry, type RecordTimes } from '../../../src/mirror/index/index-pages.js'
import { LogIndex } from '../../../src/mirror/index/log-index.js'
import { Covered } from '../../../src/store/covered.js'
import { Disk } from '../../../src/store/disk.js'
import { utf8 } from '../../../src/tlog/bytes.js'
import { recordOf } from '../../helpers/bad-records.js'
import { seeded } from '../../helpers/volatile-disk.js'

const LOG = 'ab'.repeat(32)

async function start() {
  const disk = new Disk(new MemoryLevel())
  const covered = new Covered(disk.table('covered-sizes'), disk.table('covered-times'))
  const index = await LogIndex.over(new MemoryLevel())
  const times: RecordTimes = { of: (id) => covered.of(LOG, id), since: (time) => covered.since(LOG, time) }
  let read = 0
  const readTo = async (size: number): Promise<void> => {
    if (size <= read) return
    const records = Array.from({ length: size - read }, (_, i) =>
      utf8(recordOf(`example.com/m${(read + i) % 5}`, `v1.${read + i}.0`)),
    )
    for (let at = 0; at < records.length; at += 256) {
      const first = read + at
      const end = Math.min(256 - (first % 256), records.length - at)
      index.take(first, records.slice(at, at + end))
      at -= 256 - end
    }
    await index.keep({ from: read, to: size })
    read = size
  }
  return { covered, index, times, readTo, add: (size: number, time: number) => covered.add(LOG, { size, time }) }
}

/** All pages, as a client reads them: since the last time of the page before, whose line is repeated and skipped. */
async function pagesOf(index: LogIndex, times: RecordTimes, limit: number, from?: IndexEntry): Promise<IndexEntry[]> {
  const all: IndexEntry[] = []
  for (let last = from; ; last = all.at(-1) ?? from) {
    const since = last && parseMoment(formatMoment(last.time))
    const page = await indexPage(index, times, { limit, since })
    const fresh = last === undefined ? page : page.slice(1)
    if (last !== undefined) expect(page[0]).toMatchObject({ id: last.id })
    if (fresh.length === 0) return all
    all.push(...fresh)
  }
}

describe('paging', () => {
  test('returns every version once and in order, despite new heads, a lagging audit and equal times', async () => {
    for (let seed = 0; seed < 8; seed++) {
      const chance = seeded(seed)
      const { index, times, readTo, add } = await start()
      let [size, time] = [0, 1_700_000_000]
      const seen: IndexEntry[] = []
      for (let round = 0; round < 8; round++) {
        size += Math.floor(chance() * 700)
        time += Math.floor(chance() * 3)
        await add(size, time)
        await readTo(Math.floor(size * (0.5 + chance())))
        const limit = 2 + Math.floor(chance() * 90)
        seen.push(...(await pagesOf(index, times, limit, seen.at(-1))))
      }
      await readTo(size)
      seen.push(...(await pagesOf(index, times, 500, seen.at(-1))))
      expect(
        seen.map(({ id }) => id),
        `seed ${seed}`,
      ).toEqual(Array.from({ length: size }, (_, id) => id))
      for (const [i, entry] of seen.entries())
        if (i > 0) expect(compareMoments(seen[i - 1]!.time, entry.time), `seed ${seed}`).toBeLessThan(0)
      // What was served once is always served in the same form.
      const again = await pagesOf(index, times, 2000)
      expect(
        again.map(({ time: at }) => at),
        `seed ${seed}`,
      ).toEqual(seen.map(({ time: at }) => at))
    }
  })

  test('starts at "since", to the nanosecond', async () => {
    const { index, times, readTo, add } = await start()
    await add(10, 1000)
    await add(25, 1005)
    await readTo(25)
    const since = async (seconds: number, nanos = 0): Promise<number[]> =>
      (await indexPage(index, times, { since: { seconds, nanos }, limit: 3 })).map(({ id }) => id)
    expect(await since(0)).toEqual([0, 1, 2])
    expect(await since(1000, 8)).toEqual([8, 9, 10])
    expect(await since(1000, 500)).toEqual([10, 11, 12])
    expect(await since(1004)).toEqual([10, 11, 12])
    expect(await since(1005)).toEqual([10, 11, 12])
    expect(await since(1005, 14)).toEqual([24])
    expect(await since(1005, 15)).toEqual([])
    expect(await since(1006)).toEqual([])
    expect(await since(-62_135_596_800)).toEqual([0, 1, 2])
  })

  test('includes only what a quorum head covers', async () => {
    const { index, times, readTo, add } = await start()
    await readTo(20)
    expect(await indexPage(index, times, { limit: 100 })).toEqual([])
    await add(12, 1000)
    expect(await indexPage(index, times, { limit: 100 })).toHaveLength(12)
  })
})

test('the versions of one module have the same times as in the full index', async () => {
  const { index, times, readTo, add } = await start()
  await add(10, 1000)
  await add(600, 1060)
  await readTo(700)
  const all = await indexPage(index, times, { limit: 2000 })
  const wanted = all.filter(({ path }) => path === 'example.com/m2')
  expect(await indexPage(index, times, { limit: 2000, module: 'example.com/m2' })).toEqual(wanted)
  const since = wanted[50]!.time
  expect(await indexPage(index, times, { limit: 3, module: 'example.com/m2', since })).toEqual(wanted.slice(50, 53))
  expect(await indexPage(index, times, { limit: 3, module: 'example.com/none' })).toEqual([])
  expect(wanted[0]).toMatchObject({ isExact: false })
  expect(wanted.at(-1)).toMatchObject({ isExact: true, time: { seconds: 1060 } })
})
