/** Past cosigned heads: found by size, newest first, kept across restarts, and no more than there is room for. */
import { MemoryLevel } from 'memory-level'
import { expect, test, vi } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { History, HISTORY_LENGTH } from '../../src/store/history.js'

const [LOG, OTHER] = ['ab', 'abc']

function start() {
  const db = new MemoryLevel()
  const disk = new Disk(db)
  const table = disk.table('history')
  /** What is on disk now, whatever waits to be written. */
  const stored = (): Promise<string[]> => new Disk(db).table('history').keys()
  return { disk, table, history: new History(table), restart: () => new History(table), stored }
}

const sizesOf = (heads: readonly { readonly size: number }[]): number[] => heads.map(({ size }) => size)

test('a head is found by its log and exact size, before and after a restart', async () => {
  const { history, restart } = start()
  for (const size of [0, 5, 9, 100]) await history.put(LOG, size, `head ${size}`)
  await history.put(OTHER, 7, 'of another log')
  for (const each of [history, restart()]) {
    for (const size of [0, 5, 9, 100]) expect(await each.get(LOG, size)).toBe(`head ${size}`)
    for (const size of [4, 7, 99, 101]) expect(await each.get(LOG, size), String(size)).toBeUndefined()
    expect(await each.get(OTHER, 7)).toBe('of another log')
    expect(await each.get('a', 5)).toBeUndefined()
  }
  // Cosignatures that came later replace the note; the head stays one.
  await history.put(LOG, 9, 'head 9, cosigned')
  expect(await restart().get(LOG, 9)).toBe('head 9, cosigned')
  expect(sizesOf(await history.latest(LOG, 10))).toEqual([100, 9, 5, 0])
})

test('the newest come first: as many as wanted, of one log, and below a size', async () => {
  const { history } = start()
  for (const size of [10, 2, 300, 45]) await history.put(LOG, size, `head ${size}`)
  await history.put(OTHER, 1000, 'of another log')
  await history.put('aa', 1, 'of a third')
  expect(await history.latest(LOG, 2)).toEqual([
    { size: 300, note: 'head 300' },
    { size: 45, note: 'head 45' },
  ])
  expect(sizesOf(await history.latest(LOG, 10))).toEqual([300, 45, 10, 2])
  expect(sizesOf(await history.latest(LOG, 10, 45))).toEqual([10, 2])
  expect(sizesOf(await history.latest(LOG, 10, 46))).toEqual([45, 10, 2])
  expect(await history.latest('b', 10)).toEqual([])
})

test('a head that is kept durably is on disk when that has ended, and one that is kept lazily is found at once', async () => {
  const { disk, history, stored } = start()
  await history.put(LOG, 1, 'durable')
  expect(await stored()).toHaveLength(1)
  await history.put(LOG, 2, 'lazy', 'lazily')
  expect(await stored()).toHaveLength(1)
  expect(await history.get(LOG, 2)).toBe('lazy')
  expect(sizesOf(await history.latest(LOG, 5))).toEqual([2, 1])
  await disk.flush()
  expect(await stored()).toHaveLength(2)
})

test('a head larger than all others is not searched for, and neither is the largest when it gets a cosignature', async () => {
  const { table, history, restart } = start()
  const get = vi.spyOn(table, 'get')
  for (const size of [1, 2, 3]) await history.put(LOG, size, `head ${size}`)
  for (let i = 0; i < 3; i++) await history.put(LOG, 3, `head 3, again ${i}`)
  expect(await history.get(LOG, 4)).toBeUndefined()
  expect(get).not.toHaveBeenCalled()
  const again = restart()
  expect(await again.get(LOG, 4)).toBeUndefined()
  await again.put(LOG, 4, 'head 4')
  expect(get).not.toHaveBeenCalled()
  expect(await again.get(LOG, 2)).toBe('head 2')
  expect(get).toHaveBeenCalledTimes(1)
})

test('the oldest heads go when there is no room, and those of other logs stay', async () => {
  const { table, restart, stored } = start()
  const keyOf = (size: number): string => `${LOG}!${String(size).padStart(16, '0')}`
  await Promise.all(Array.from({ length: HISTORY_LENGTH - 1 }, (_, i) => table.put(keyOf(i + 1), 'head')))
  const history = restart()
  await history.put(OTHER, 1, 'of another log')
  await history.put(LOG, HISTORY_LENGTH, 'head')
  expect(await history.get(LOG, 1), 'there was room for one more').toBe('head')
  await history.put(LOG, HISTORY_LENGTH, 'head, cosigned')
  await history.put(LOG, 17, 'head, cosigned')
  expect(await history.get(LOG, 1), 'none of these is a new one').toBe('head')
  await history.put(LOG, HISTORY_LENGTH + 1, 'head')
  expect(await history.get(LOG, 1)).toBeUndefined()
  expect(await history.get(LOG, 2)).toBe('head')
  await history.put(LOG, HISTORY_LENGTH + 2, 'head')
  expect(await history.get(LOG, 2)).toBeUndefined()
  expect(await history.get(LOG, 3)).toBe('head')
  // Also right after a restart, when nothing is counted yet.
  await restart().put(LOG, HISTORY_LENGTH + 3, 'head')
  expect((await stored()).filter((key) => key.startsWith(`${LOG}!`))).toHaveLength(HISTORY_LENGTH)
  expect(await history.get(OTHER, 1)).toBe('of another log')
})
