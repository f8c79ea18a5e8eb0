import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { ToldStore, type ToldNews } from '../../src/store/told-store.js'

const news = (id: number): ToldNews => ({ event: 'watch', at: '2026-01-02T03:04:05.000Z', log: 'log', id: String(id) })

test('the newest hundred survive in order, and later ones follow them', async () => {
  const disk = new Disk(new MemoryLevel())
  const told = new ToldStore(disk.table('told'))
  await told.load()
  for (let id = 0; id < 130; id++) await told.add(news(id))
  await disk.flush()
  const again = new ToldStore(disk.table('told'))
  await again.load()
  const ids = ({ list }: ToldStore): number[] => list.map(({ id }) => Number(id))
  expect(ids(again)).toEqual(Array.from({ length: 100 }, (_, i) => 30 + i))
  expect(ids(told)).toEqual(ids(again))
  await again.add(news(130))
  await disk.flush()
  const third = new ToldStore(disk.table('told'))
  await third.load()
  expect(ids(third)).toEqual(Array.from({ length: 100 }, (_, i) => 31 + i))
})

test('all survive while there is room for them, with a suspect of any size and one without', async () => {
  const table = new Disk(new MemoryLevel()).table('told')
  const told = new ToldStore(table)
  const suspect = { ...news(2), event: 'suspect', code: 'TILE_INVALID' } as const
  const all: ToldNews[] = [news(1), { ...suspect, size: 0 }, { ...suspect, size: null }]
  for (const each of all) await told.add(each)
  const again = new ToldStore(table)
  await again.load()
  expect(again.list).toEqual(all)
})

test('unreadable entries are skipped', async () => {
  const table = new Disk(new MemoryLevel()).table('told')
  const wrong = [
    { event: 'rumour' },
    ...['at', 'log', 'id', 'code', 'module'].map((name) => ({ [name]: 1 })),
    { size: -1 },
    ...['yesterday', '2026', '2026-13-01T00:00:00Z'].map((at) => ({ at })),
  ].map((fields) => JSON.stringify({ ...news(1), ...fields }))
  const texts = ['', '{', 'null', '[]', '{"event":"watch"}', ...wrong]
  for (const [key, text] of texts.entries()) await table.put(String(key), text)
  await table.put('no number', JSON.stringify(news(2)))
  const told = new ToldStore(table)
  await told.load()
  expect(told.list).toEqual([news(2)])
  await told.add(news(3))
  expect(told.list).toEqual([news(2), news(3)])
})
