/** When lazy writes are made, and what becomes of those that fail or are overtaken. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { endOfTurn } from '../../src/lib/timed.js'
import { diskWith } from '../helpers/broken-disk.js'

describe('lazy writes', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
  afterEach(() => void vi.useRealTimers())

  const turns = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await endOfTurn()
  }

  /** Runs `act` once while the next batch is in progress. */
  const during = (state: { during: () => void }, act: () => Promise<void>): Promise<void> =>
    new Promise((resolve, reject) => {
      state.during = () => {
        state.during = () => undefined
        act().then(resolve, reject)
      }
    })

  test('are made a second after the first of them, and again a second after they failed', async () => {
    const { table, state, stored } = diskWith()
    await table.putLazily('a', '1')
    vi.advanceTimersByTime(600)
    await table.putLazily('b', '1')
    vi.advanceTimersByTime(399)
    await turns()
    expect(state.batches).toBe(0)
    vi.advanceTimersByTime(1)
    await turns()
    expect(state.batches).toBe(1)
    state.broken = true
    await table.putLazily('c', '1')
    vi.advanceTimersByTime(1000)
    await turns()
    state.broken = false
    expect(await stored()).toHaveLength(2)
    vi.advanceTimersByTime(999)
    await turns()
    expect(await stored()).toHaveLength(2)
    vi.advanceTimersByTime(1)
    await turns()
    expect(await stored()).toHaveLength(3)
    // Nothing is due any more: the next one waits its second.
    const { batches } = state
    await table.putLazily('d', '1')
    await turns()
    expect(state.batches).toBe(batches)
  })

  test('that failed are replaced by later ones', async () => {
    const { disk, table, state, stored } = diskWith()
    state.broken = true
    await table.putLazily('a', '1')
    await disk.flush()
    state.broken = false
    await table.putLazily('a', '2')
    await disk.flush()
    expect(await stored()).toEqual([['a', '2']])
    expect(state.changes, 'by one write').toBe(1)
    expect(disk.lazy.get('t', 'a')).toBeUndefined()
  })

  test('that fail while a durable one of their record is requested never replace it', async () => {
    const { disk, table, state, stored } = diskWith()
    await table.putLazily('a', 'lazy')
    state.broken = true
    const durable = during(state, () => {
      state.broken = false
      return table.put('a', 'durable')
    })
    await disk.flush()
    await durable
    expect(await table.get('a')).toBe('durable')
    await disk.flush()
    expect(await stored()).toEqual([['a', 'durable']])
    expect(await table.get('a')).toBe('durable')
  })

  test('of a record that is being written are made after it', async () => {
    const { disk, table, state, stored } = diskWith()
    await table.putLazily('a', '1')
    const later = during(state, () => table.putLazily('a', '2'))
    await disk.flush()
    await later
    expect(await table.get('a')).toBe('2')
    await disk.flush()
    expect(await stored()).toEqual([['a', '2']])
  })

  test('that are requested while a durable one is being made wait their second', async () => {
    const { disk, table, state } = diskWith()
    for (const key of ['first', 'after a flush']) {
      const { batches } = state
      const lazily = during(state, () => table.putLazily('lazy', key))
      await table.put('durable', key)
      await lazily
      await turns()
      expect(state.batches, key).toBe(batches + 1)
      await disk.flush()
      expect(state.batches).toBe(batches + 2)
    }
  })

  test('have one timer, and none when nothing waits or the disk is closed', async () => {
    const { disk, table, state } = diskWith()
    for (const key of ['a', 'b', 'c']) await table.putLazily(key, '1')
    expect(vi.getTimerCount()).toBe(1)
    await disk.flush()
    expect(vi.getTimerCount()).toBe(0)
    state.broken = true
    await table.putLazily('a', '2')
    await disk.close()
    expect(vi.getTimerCount()).toBe(0)
  })
})
