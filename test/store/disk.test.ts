/** Lazy writes: visible to reads immediately, written together, never lost to a temporary failure, and bounded. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { Disk, type Database } from '../../src/store/disk.js'
import { endOfTurn } from '../../src/lib/timed.js'
import { breakWrites, diskWith } from '../helpers/broken-disk.js'

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

test('a pending record is read without the database', async () => {
  const { disk, table } = diskWith()
  await table.putLazily('a', '1')
  const read = vi.spyOn(disk, 'read')
  expect(await table.get('a')).toBe('1')
  expect(read).not.toHaveBeenCalled()
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

test('says why the last write failed, until one succeeds', async () => {
  const { disk, table, state } = diskWith()
  expect(disk.failure).toBeUndefined()
  state.broken = true
  await expect(table.put('a', '1')).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED', detail: 'broken' })
  expect(disk.failure).toBe('broken')
  state.broken = false
  await table.put('a', '2')
  expect(disk.failure).toBeUndefined()
})

test('what is requested at once is one write, up to a number of changes and of characters, in order', async () => {
  const { table, state, stored } = diskWith()
  await Promise.all(Array.from({ length: 1024 }, (_, i) => table.put(`${i}`, 'x')))
  expect(state.batches).toBe(1)
  await Promise.all(Array.from({ length: 1025 }, (_, i) => table.put(`${i}`, 'y')))
  expect(state.batches).toBe(3)
  const half = 'x'.repeat(512 * 1024)
  await Promise.all(['a', 'b'].map((key) => table.put(key, half)))
  expect(state.batches).toBe(4)
  await Promise.all(['a', 'b', 'c'].map((key) => table.put(key, half)))
  expect(state.batches).toBe(6)
  // A value that is too large for any batch is one by itself.
  await Promise.all(['a', 'b'].map((key) => table.put(key, `${half}${half}${half}`)))
  expect(state.batches).toBe(8)
  await Promise.all([table.put('z', '1'), table.clear(), table.put('z', '2'), table.put('y', '2')])
  expect(await stored()).toEqual([
    ['y', '2'],
    ['z', '2'],
  ])
})

test('a deletion needs no sync of its own: it comes back only if a crash forgets it', async () => {
  const { table, state } = diskWith()
  await table.put('a', '1')
  await table.del('a')
  expect([state.batches, state.synced]).toEqual([2, 1])
  await Promise.all([table.del('a'), table.put('b', '1')])
  expect([state.batches, state.synced]).toEqual([3, 2])
})

describe('after a failed write the database is reopened', () => {
  /** A database that fails once `broken`, and what is opened in its place. */
  function reopenable() {
    const first: Database = new MemoryLevel()
    const second: Database = new MemoryLevel()
    const state = {
      broken: false,
      opened: 0,
      ready: () => Promise.resolve(),
      open: () => Promise.resolve(second),
    }
    breakWrites(first, () => (state.broken ? new Error('no space') : undefined))
    const disk = new Disk(first, {
      ready: () => state.ready(),
      open: () => {
        state.opened++
        return state.open()
      },
    })
    return { disk, table: disk.table('t'), state, first, second }
  }

  test('before the next one, and not while writes succeed', async () => {
    const { disk, table, state, first, second } = reopenable()
    await table.put('a', '1')
    await table.put('a', '2')
    expect(state.opened).toBe(0)
    state.broken = true
    await expect(table.put('b', '1')).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    expect(await table.get('a'), 'reads go on').toBe('2')
    expect(state.opened).toBe(0)
    await table.put('c', '1')
    await table.put('d', '1')
    expect([state.opened, first.status]).toEqual([1, 'closed'])
    expect(await new Disk(second).table('t').keys()).toEqual(['c', 'd'])
    expect(await table.keys(), 'reads are from the new one').toEqual(['c', 'd'])
    await disk.close()
    expect(second.status).toBe('closed')
  })

  test('when that is possible: until then writes fail, and reads go on', async () => {
    const { table, state, first } = reopenable()
    await table.put('a', '1')
    state.broken = true
    await expect(table.put('b', '1')).rejects.toMatchObject({ detail: 'no space' })
    state.ready = () => Promise.reject(new Error('still no space'))
    await expect(table.put('b', '1')).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED', detail: 'still no space' })
    expect([state.opened, first.status, await table.get('a')]).toEqual([0, 'open', '1'])
    state.ready = () => Promise.resolve()
    await table.put('b', '1')
    expect(state.opened).toBe(1)
  })

  test('and if it cannot be opened, reads say so until it can', async () => {
    const { table, state, second } = reopenable()
    state.broken = true
    await expect(table.put('a', '1')).rejects.toThrow()
    state.open = () => Promise.reject(new Error('locked'))
    await expect(table.put('a', '1')).rejects.toMatchObject({ detail: 'locked' })
    await expect(table.get('a')).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    state.open = () => Promise.resolve(second)
    await table.put('a', '1')
    expect(await table.get('a')).toBe('1')
  })

  test('while reads wait', async () => {
    const { table, state, second } = reopenable()
    state.broken = true
    await expect(table.put('a', '1')).rejects.toThrow()
    const opened = Promise.withResolvers<Database>()
    state.open = () => opened.promise
    const written = table.put('a', '1')
    while (state.opened === 0) await endOfTurn()
    const read = table.get('x')
    opened.resolve(second)
    await written
    expect(await read).toBeUndefined()
  })
})

test('what a database cannot read is damage; after closing it is not', async () => {
  const db: Database = new MemoryLevel()
  const disk = new Disk(db)
  const table = disk.table('t')
  await table.put('a', '1')
  const get = vi.spyOn(db, 'get').mockRejectedValueOnce(new Error('checksum mismatch'))
  const keys = vi.spyOn(db, 'keys').mockImplementationOnce(() => {
    throw new Error('checksum mismatch')
  })
  await expect(table.keys()).rejects.toMatchObject({ code: 'STORE_DAMAGED', detail: 'checksum mismatch' })
  await expect(table.get('a')).rejects.toMatchObject({ code: 'STORE_DAMAGED', detail: 'checksum mismatch' })
  expect([get.mock.calls.length, keys.mock.calls.length]).toEqual([1, 1])
  await disk.close()
  await expect(table.get('a')).rejects.toMatchObject({ code: 'LEVEL_DATABASE_NOT_OPEN' })
})

test('what a database that is never reopened cannot read is damage after a failed write too', async () => {
  const { table, state, db } = diskWith()
  state.broken = true
  await expect(table.put('a', '1')).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
  vi.spyOn(db, 'get').mockRejectedValueOnce(new Error('checksum mismatch'))
  await expect(table.get('a')).rejects.toMatchObject({ code: 'STORE_DAMAGED' })
})
