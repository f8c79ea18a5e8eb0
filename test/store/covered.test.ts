/** The times at which records were first covered: they never become earlier, and only a later quorum head sets them. */
import { MemoryLevel } from 'memory-level'
import { expect, test, vi } from 'vitest'
import { Covered } from '../../src/store/covered.js'
import { Disk } from '../../src/store/disk.js'
import { seeded, VolatileDatabase } from '../helpers/volatile-disk.js'

const LOG = 'ab'.repeat(32)
const OTHER = 'ac'.repeat(32)

function over(disk: Disk): Covered {
  return new Covered(disk.table('covered-sizes'), disk.table('covered-times'))
}

function start() {
  const disk = new Disk(new MemoryLevel())
  return { covered: over(disk), restart: () => over(disk), keys: () => disk.table('covered-sizes').keys() }
}

test('a record has the time of the first head that covers it; records before the first head have no exact time', async () => {
  const { covered, restart } = start()
  for (const [size, time] of [
    [10, 1000],
    [20, 1060],
    [25, 1120],
  ] as const)
    await covered.add(LOG, { size, time })
  for (const each of [covered, restart()]) {
    expect(await each.of(LOG, 0)).toEqual({ size: 10, time: 1000, from: 0, isExact: false })
    expect(await each.of(LOG, 9)).toEqual({ size: 10, time: 1000, from: 0, isExact: false })
    expect(await each.of(LOG, 10)).toEqual({ size: 20, time: 1060, from: 10, isExact: true })
    expect(await each.of(LOG, 24)).toEqual({ size: 25, time: 1120, from: 20, isExact: true })
    expect(await each.of(LOG, 25)).toBeUndefined()
    expect(await each.of(OTHER, 0)).toBeUndefined()
    expect(await Promise.all([0, 1000, 1001, 1060, 1061, 2000].map((time) => each.since(LOG, time)))).toEqual([
      0, 0, 10, 10, 20, 25,
    ])
  }
})

test('neither a smaller head nor an earlier time changes an earlier entry', async () => {
  const { covered, restart } = start()
  await covered.add(LOG, { size: 10, time: 1000 })
  await covered.add(LOG, { size: 10, time: 1 })
  await covered.add(LOG, { size: 5, time: 900 })
  await covered.add(LOG, { size: 5, time: 2000 })
  const first = { size: 10, time: 1000 }
  for (const each of [covered, restart()]) expect(await each.ends(LOG)).toEqual({ first, last: first })
  await covered.add(LOG, { size: 20, time: 500 })
  expect(await covered.of(LOG, 4)).toMatchObject({ size: 10, time: 1000 })
  expect(await covered.of(LOG, 15), 'not older than what was before it').toMatchObject({ size: 20, time: 1000 })
  await covered.add(LOG, { size: 20, time: 3000 })
  expect((await covered.ends(LOG))?.last, 'a head keeps its first time').toEqual({ size: 20, time: 1000 })
})

test('there is one entry per second, except for the first head of all', async () => {
  const { covered, keys, restart } = start()
  for (let size = 10; size <= 100; size += 10) await covered.add(LOG, { size, time: 1000 })
  await covered.add(LOG, { size: 200, time: 1001 })
  expect(await keys()).toHaveLength(3)
  for (const each of [covered, restart()]) {
    expect(await each.of(LOG, 9)).toMatchObject({ isExact: false, from: 0 })
    expect(await each.of(LOG, 10)).toMatchObject({ isExact: true, from: 0, time: 1000, size: 100 })
    expect(await each.of(LOG, 100)).toMatchObject({ isExact: true, from: 100, time: 1001 })
  }
})

test('an implausible time is ignored, and one that was accepted is forgotten when the clock is right again', async () => {
  const { covered, restart } = start()
  await covered.add(LOG, { size: 10, time: 1000 }, 1060)
  await covered.add(LOG, { size: 20, time: 9_000_000 }, 1100)
  expect(await covered.of(LOG, 15)).toBeUndefined()
  // Our own clock was wrong for a while.
  await covered.add(LOG, { size: 20, time: 9_000_000 }, 9_000_060)
  await covered.add(LOG, { size: 30, time: 9_000_100 }, 9_000_160)
  expect(await covered.of(LOG, 15)).toMatchObject({ time: 9_000_000 })
  await covered.add(LOG, { size: 40, time: 1200 }, 1260)
  for (const each of [covered, restart()]) {
    expect(await each.of(LOG, 5)).toMatchObject({ time: 1000, isExact: false })
    expect(await each.of(LOG, 15)).toMatchObject({ size: 40, time: 1200, from: 10, isExact: true })
    expect(await each.since(LOG, 9_000_000)).toBe(40)
  }
})

test('a time that is just plausible is taken, and kept while it is', async () => {
  const { covered, keys } = start()
  await covered.add(LOG, { size: 10, time: 1060 }, 1060)
  expect(await covered.of(LOG, 5)).toMatchObject({ time: 1060 })
  await covered.add(LOG, { size: 20, time: 1061 }, 1060)
  expect(await covered.of(LOG, 15)).toBeUndefined()
  await covered.add(LOG, { size: 30, time: 1060 }, 1060)
  expect(await covered.ends(LOG)).toEqual({ first: { size: 10, time: 1060 }, last: { size: 30, time: 1060 } })
  expect(await covered.of(LOG, 25)).toMatchObject({ size: 30, time: 1060, isExact: true })
  expect(await keys()).toHaveLength(2)
})

test('what is forgotten leaves nothing behind, and what is believed stays whole', async () => {
  const { covered, restart } = start()
  for (const [size, time] of [
    [10, 1000],
    [20, 1060],
    [30, 1061],
    [40, 5001],
  ] as const)
    await covered.add(LOG, { size, time })
  // The clock is right again: everything after this second is a lie.
  await covered.add(LOG, { size: 25, time: 1060 }, 1060)
  for (const each of [covered, restart()]) {
    expect(await each.ends(LOG)).toEqual({ first: { size: 10, time: 1000 }, last: { size: 25, time: 1060 } })
    expect(await each.of(LOG, 30)).toBeUndefined()
    expect(await each.since(LOG, 6000)).toBe(25)
  }
})

test('what has the last believable second is not forgotten with what is later', async () => {
  const { covered, restart } = start()
  for (const log of [LOG, OTHER])
    for (const [size, time] of [
      [10, 1000],
      [20, 1059],
      [30, 1060],
      [40, 1061],
    ] as const)
      await covered.add(log, { size, time })
  await covered.add(LOG, { size: 5, time: 1060 }, 1060)
  for (const each of [covered, restart()]) {
    expect(await each.of(LOG, 15)).toEqual({ size: 20, time: 1059, from: 10, isExact: true })
    expect(await each.of(LOG, 25)).toEqual({ size: 30, time: 1060, from: 20, isExact: true })
    expect(await each.of(LOG, 30)).toBeUndefined()
    expect(await each.since(LOG, 9999)).toBe(30)
    expect(await each.of(OTHER, 35), 'nor what is of another log').toMatchObject({ size: 40, time: 1061 })
    expect(await each.since(OTHER, 9999)).toBe(40)
  }
})

test('a head that is being added when a record is asked for answers nothing yet', async () => {
  const disk = new Disk(new MemoryLevel())
  const sizes = disk.table('covered-sizes')
  const covered = new Covered(sizes, disk.table('covered-times'))
  await covered.add(LOG, { size: 10, time: 1000 })
  const entries = sizes.entries.bind(sizes)
  const asked = covered.of(LOG, 10)
  const added = covered.add(LOG, { size: 20, time: 1060 })
  // A read that is so slow that it would find what was added in the meantime.
  vi.spyOn(sizes, 'entries').mockImplementation((range) => added.then(() => entries(range)))
  expect(await asked).toBeUndefined()
  await added
  expect(await covered.of(LOG, 10)).toMatchObject({ size: 20 })
})

test('as long as nothing has to be forgotten, heads are added without a read', async () => {
  const disk = new Disk(new MemoryLevel())
  const covered = over(disk)
  await covered.add(LOG, { size: 10, time: 1000 })
  const read = vi.spyOn(disk, 'read')
  await covered.add(LOG, { size: 20, time: 1060 }, 1060)
  await covered.add(LOG, { size: 30, time: 1060 }, 1060)
  expect(read).not.toHaveBeenCalled()
})

test('nothing is covered before the first head, and nothing before time began', async () => {
  const { covered } = start()
  expect(await covered.ends(LOG)).toBeUndefined()
  expect(await covered.since(LOG, 1000)).toBe(0)
  await covered.add(LOG, { size: 10, time: 0 })
  expect(await covered.since(LOG, 0)).toBe(0)
  expect(await covered.since(LOG, -5)).toBe(0)
  expect(await covered.since(LOG, 1)).toBe(10)
  expect(await covered.of(LOG, 9)).toMatchObject({ size: 10, time: 0 })
  expect(await covered.of(LOG, 10)).toBeUndefined()
})

test.each([
  ['a time that is no number', String(10).padStart(16, '0'), '1x'],
  ['a time behind a blank', String(10).padStart(16, '0'), ' 1'],
  ['a time with a fraction', String(10).padStart(16, '0'), '1000.5'],
  ['a time with an exponent', String(10).padStart(16, '0'), '1e3'],
  ['a size that is no number', 'ten', '1000'],
  ['a size beyond 2^53 - 1', '9999999999999999', '1000'],
])('a damaged table is reported: %s', async (_what, size, time) => {
  const disk = new Disk(new MemoryLevel())
  await disk.table('covered-sizes').put(`${LOG}!${size}`, time)
  await expect(over(disk).ends(LOG)).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
  await expect(over(disk).add(LOG, { size: 20, time: 2000 })).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
})

test('logs are kept separate', async () => {
  const { covered, restart } = start()
  await Promise.all([covered.add(LOG, { size: 10, time: 1000 }), covered.add(OTHER, { size: 7, time: 50 })])
  for (const each of [covered, restart()]) {
    expect(await each.of(OTHER, 3)).toMatchObject({ size: 7, time: 50 })
    expect(await each.since(OTHER, 51)).toBe(7)
    expect(await each.since(LOG, 1000)).toBe(0)
    for (const [log, head] of [
      [LOG, { size: 10, time: 1000 }],
      [OTHER, { size: 7, time: 50 }],
    ] as const)
      expect(await each.ends(log)).toEqual({ first: head, last: head })
  }
})

test('a time that was given out stays the same after any crash', async () => {
  for (let seed = 0; seed < 40; seed++) {
    const chance = seeded(seed)
    let database = await VolatileDatabase.make()
    const said = new Map<number, number>()
    let [size, time] = [0, 1000]
    for (let life = 0; life < 4; life++) {
      const covered = over(new Disk(database.db))
      for (const [id, known] of said) expect((await covered.of(LOG, id))?.time, `seed ${seed}`).toBe(known)
      const asked: Promise<void>[] = []
      for (let i = Math.floor(chance() * 6); i > 0; i--) {
        size += Math.ceil(chance() * 5)
        time += Math.floor(chance() * 3)
        const added = covered.add(LOG, { size, time })
        if (chance() < 0.7) await added
        else asked.push(added.catch(() => undefined))
      }
      for (let id = 0; id < size; id++) {
        const found = await covered.of(LOG, id)
        if (found !== undefined) said.set(id, found.time)
      }
      await Promise.all(asked)
      database = await database.crash(chance)
    }
  }
})
