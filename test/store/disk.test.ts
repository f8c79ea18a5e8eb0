/** Lazy writes: visible to reads immediately, written together, never lost to a temporary failure, and bounded. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Disk, type Database } from '../../src/store/disk.js'
import { breakWrites } from '../helpers/broken-disk.js'

/** A disk that counts its batches and fails them while `broken`. */
function diskWith() {
  const db: Database = new MemoryLevel()
  const state = { broken: false, batches: 0, synced: 0 }
  breakWrites(db, () => (state.broken ? new Error('broken') : undefined))
  const batch = db.batch.bind(db) as (...args: unknown[]) => Promise<void>
  const counting = (operations: unknown, options?: { readonly sync?: boolean }): Promise<void> => {
    state.batches++
    if (options?.sync === true) state.synced++
    return batch(operations, options)
  }
  db.batch = counting as typeof db.batch
  const disk = new Disk(db)
  const stored = (): Promise<[string, string][]> => new Disk(db).table('t').entries()
  return { disk, table: disk.table('t'), state, stored }
}

test('reads include pending writes: one record, a range in order, backwards, and up to a limit', async () => {
  const { disk, table, state } = diskWith()
  for (const key of ['b', 'd', 'f']) await table.put(key, `stored ${key}`)
  const { batches } = state
  for (const key of ['a', 'd', 'g']) await table.putLazily(key, `lazy ${key}`)
  await disk.table('other').putLazily('c', 'of another table')
  const look = async () => [
    await table.get('d'),
    await table.keys(),
    await table.values({ gte: 'b', lt: 'g' }),
    await table.entries({ reverse: true, limit: 2 }),
    await table.keys({ gte: 'c', limit: 1 }),
  ]
  const waiting = await look()
  expect(waiting).toEqual([
    'lazy d',
    ['a', 'b', 'd', 'f', 'g'],
    ['stored b', 'lazy d', 'stored f'],
    [
      ['g', 'lazy g'],
      ['f', 'stored f'],
    ],
    ['d'],
  ])
  expect(state.batches).toBe(batches)
  await disk.flush()
  expect(state.batches).toBe(batches + 1)
  expect(await look()).toEqual(waiting)
})

test('only the newest value of a record is written, and no caller waits for it', async () => {
  const { disk, table, state, stored } = diskWith()
  for (let i = 0; i < 10_000; i++) await table.putLazily('key', `${i}`)
  expect(state.batches).toBe(0)
  await disk.flush()
  expect([state.batches, state.synced]).toEqual([1, 0])
  expect(await stored()).toEqual([['key', '9999']])
})

test('pending writes go with the next durable write, before it', async () => {
  const { table, state, stored } = diskWith()
  await table.putLazily('key', 'lazy')
  await table.putLazily('other', 'lazy')
  await table.put('key', 'durable')
  expect([state.batches, state.synced]).toEqual([1, 1])
  expect(await stored()).toEqual([
    ['key', 'durable'],
    ['other', 'lazy'],
  ])
  expect(await table.get('key')).toBe('durable')
})

test('the later request counts: a deletion, a value after it, and the clearing of a table', async () => {
  const { disk, table, stored } = diskWith()
  await table.putLazily('a', '1')
  const deleted = table.del('a')
  await table.putLazily('a', '2')
  await Promise.all([deleted, disk.flush()])
  expect(await stored()).toEqual([['a', '2']])
  await table.putLazily('b', '1')
  await table.clear()
  expect(await table.entries()).toEqual([])
  await disk.flush()
  expect(await stored()).toEqual([])
})

describe('a disk that fails', () => {
  test('keeps pending writes, where reads find them, and makes them once it can', async () => {
    const { disk, table, state, stored } = diskWith()
    state.broken = true
    await table.putLazily('a', '1')
    await table.putLazily('b', '1')
    await disk.flush()
    await table.putLazily('b', '2')
    await expect(table.put('c', 'durable')).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    expect(await table.entries()).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
    state.broken = false
    await disk.flush()
    expect(await stored()).toEqual([
      ['a', '1'],
      ['b', '2'],
    ])
  })

  test('does not bring back what was deleted meanwhile', async () => {
    const { disk, table, state, stored } = diskWith()
    state.broken = true
    await table.putLazily('a', '1')
    await disk.flush()
    state.broken = false
    await table.del('a')
    await disk.flush()
    expect(await stored()).toEqual([])
  })

  test('accepts a limited number of pending writes: after that, writers get an error', async () => {
    const { disk, table, state, stored } = diskWith()
    state.broken = true
    let taken = 0
    const refused = async (): Promise<unknown> => {
      for (;;) {
        const error: unknown = await table.putLazily(`${taken}`, 'x').catch((thrown: unknown) => thrown)
        if (error !== undefined) return error
        taken++
      }
    }
    expect(await refused()).toMatchObject({ code: 'STORE_WRITE_FAILED' })
    expect(taken).toBe(8192)
    state.broken = false
    await table.putLazily('again', 'x')
    await disk.flush()
    expect(await stored()).toHaveLength(8193)
  })
})

test('many pending writes are made without a request, and all of them on closing', async () => {
  const { disk, table, state } = diskWith()
  for (let i = 0; i < 1024; i++) await table.putLazily(`${i}`, 'x')
  await table.putLazily('last', 'x')
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
  expect(state.batches).toBeGreaterThan(0)
  const { batches } = state
  await table.putLazily('after', 'x')
  await disk.close()
  expect(state.batches).toBeGreaterThan(batches)
})
