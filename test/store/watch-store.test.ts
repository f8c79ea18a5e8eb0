import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { WatchStore } from '../../src/store/watch-store.js'

const open = (id: number, isAlarmed = false) => ({ log: 'log', id, record: `record ${id}`, isAlarmed })

test('the position in a log is 0 or more, and undefined before the first look', async () => {
  const kept = new WatchStore(new Disk(new MemoryLevel()).table('watched'))
  expect(await kept.position('log')).toBeUndefined()
  await kept.move('log', 0)
  expect(await kept.position('log'), 'a log without records').toBe(0)
  await kept.move('log', 77)
  expect(await kept.position('log')).toBe(77)
  expect(await kept.position('other')).toBeUndefined()
})

test('what is open survives with its alarm, and what is closed is gone', async () => {
  const table = new Disk(new MemoryLevel()).table('watched')
  const kept = new WatchStore(table)
  await kept.put(open(1))
  await kept.put(open(2))
  await kept.put(open(1, true))
  await kept.put(open(3))
  await kept.close(open(2))
  const again = new WatchStore(table)
  await again.load()
  expect(again.open).toEqual([open(1, true), open(3)])
})

test('unreadable entries are skipped', async () => {
  const table = new Disk(new MemoryLevel()).table('watched')
  for (const [id, text] of ['', '{', 'null', '{"record":1}', '[]'].entries()) await table.put(`open log ${id}`, text)
  await table.put('closed log 1', JSON.stringify(open(1)))
  const kept = new WatchStore(table)
  await kept.load()
  expect(kept.open).toEqual([])
  for (const size of ['many', '1.5', '0', '-1', '']) {
    await table.put('position log', size)
    expect(await kept.position('log'), size).toBeUndefined()
  }
})

test('a thousand records are kept open, and those can still change', async () => {
  const kept = new WatchStore(new Disk(new MemoryLevel()).table('watched'))
  for (let id = 0; id < 1010; id++) await kept.put(open(id))
  expect(kept.open).toHaveLength(1000)
  await kept.put(open(3, true))
  expect(kept.open.filter(({ isAlarmed }) => isAlarmed)).toEqual([open(3, true)])
})
