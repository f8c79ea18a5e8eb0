import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { endOfTurn } from '../../src/lib/timed.js'
import type { KeptPromise } from '../../src/store/kept-promises.js'
import { LOG, logId, promise, roomsFor, startShelf } from '../helpers/shelf.js'

describe('promises kept for others', () => {
  test.each<[string, Partial<KeptPromise>, isKept: boolean, now: [size: number, root: string, time: number]]>([
    ['a larger tree', { size: 20, root: 'x' }, true, [20, 'x', 100]],
    ['a larger tree at an earlier time', { size: 20, root: 'x', time: 1 }, true, [20, 'x', 1]],
    ['a later time', { time: 200 }, true, [10, 'root 10', 200]],
    ['the same', {}, true, [10, 'root 10', 100]],
    ['an earlier time, which is kept with the later one', { time: 1 }, true, [10, 'root 10', 100]],
    ['a smaller tree', { size: 9, time: 999 }, false, [10, 'root 10', 100]],
    ['another tree of its size', { root: 'x', time: 999 }, false, [10, 'root 10', 100]],
  ])('are one per key and log: of size 10, then %s', async (_, second, isKept, now) => {
    const { shelf, load } = await startShelf()
    expect(await shelf.put(promise('w', 10), 'stranger')).toBe(true)
    expect(await shelf.put(promise('w', 10, second), 'stranger')).toBe(isKept)
    for (const each of [shelf, await load()]) {
      const [size, root, time] = now
      expect(each.get('w', LOG)).toMatchObject({ size, root, time })
      expect(await each.read('w', LOG)).toMatchObject({ size, root, time, head: 'head 10', witness: 'w', log: LOG })
    }
  })

  test('are separate for each key and log, and are read back unchanged', async () => {
    const { shelf, load } = await startShelf()
    const keys = ['ä…+00+A/=', 'a!+1+A', 'a+1+A']
    const all = keys.flatMap((key, i) => [promise(key, i), promise(key, i + 10, { log: logId(1) })])
    await Promise.all(all.map((one) => shelf.put(one, 'stranger')))
    for (const each of [shelf, await load()]) {
      for (const one of all) expect(await each.read(one.witness, one.log)).toEqual(one)
      expect(each.logs(keys[0]!)).toEqual([LOG, logId(1)])
      expect(each.logs('nobody')).toEqual([])
    }
  })

  test('are on disk before they are confirmed, many with one write', async () => {
    const db = new MemoryLevel<string, string>()
    const batch = vi.spyOn(db as unknown as { batch: (...args: unknown[]) => Promise<void> }, 'batch')
    const { shelf } = await startShelf(roomsFor(100), db)
    await Promise.all(Array.from({ length: 64 }, (_, i) => shelf.put(promise('w', 10, { log: logId(i) }), 'stranger')))
    expect(batch).toHaveBeenCalledTimes(1)
    expect(batch.mock.calls[0]![0], 'and nothing else').toHaveLength(64)
    expect(batch.mock.calls[0]![1]).toEqual({ sync: true })
    await shelf.put(promise('w', 10), 'stranger')
    expect(batch, 'what is there is not written again').toHaveBeenCalledTimes(1)
  })

  test('that arrive twice are not confirmed before they are on disk', async () => {
    const { shelf, table } = await startShelf()
    let write: () => void = () => undefined
    vi.spyOn(table, 'put').mockReturnValueOnce(new Promise((resolve) => (write = resolve)))
    const order: string[] = []
    const both = [1, 2].map((i) => shelf.put(promise('w', 10), 'stranger').then(() => order.push(`kept ${i}`)))
    await new Promise((resolve) => setImmediate(resolve))
    order.push('written')
    write()
    await Promise.all(both)
    expect(order).toEqual(['written', 'kept 1', 'kept 2'])
  })

  test('that the disk rejects are not kept, and what was kept before still is', async () => {
    const { shelf, table } = await startShelf(roomsFor(2))
    const full = () => vi.spyOn(table, 'put').mockRejectedValueOnce(new Error('no space'))
    full()
    await expect(shelf.put(promise('w', 10), 'stranger')).rejects.toThrow('no space')
    expect(shelf.get('w', LOG)).toBeUndefined()
    await shelf.put(promise('w', 10), 'stranger')
    full()
    await expect(shelf.put(promise('w', 20), 'stranger')).rejects.toThrow('no space')
    expect(shelf.get('w', LOG)).toMatchObject({ size: 10 })
    expect(await shelf.put(promise('v', 1), 'stranger'), 'the failures took no room').toBe(true)
    expect(await shelf.put(promise('u', 1), 'stranger')).toBe(false)
  })

  test('of a new key that the disk rejects give it no place: it comes last when it returns', async () => {
    const { shelf, table } = await startShelf(roomsFor(2))
    vi.spyOn(table, 'put').mockRejectedValueOnce(new Error('no space'))
    await expect(shelf.put(promise('failed', 10), 'stranger')).rejects.toThrow('no space')
    for (const key of ['a', 'b']) await shelf.put(promise(key, 10), 'stranger')
    expect(await shelf.put(promise('failed', 10), 'stranger')).toBe(false)
  })

  const [late, larger, ofAnother] = [promise('late', 10), promise('late', 20), promise('late', 10, { log: logId(1) })]
  test.each<[string, before: KeptPromise[], failing: KeptPromise, room: number, left: string[]]>([
    ['the only one of its key', [], late, 2, []],
    ['for one more log', [late], ofAnother, 3, [LOG]],
    ['in place of a smaller one', [late], larger, 2, []],
  ])('that lose their place before the disk rejects them are gone: %s', async (_, before, failing, room, left) => {
    const { shelf, table, load } = await startShelf(roomsFor(room))
    for (const one of [promise('old', 10), ...before]) await shelf.put(one, 'stranger')
    const write = Promise.withResolvers<never>()
    vi.spyOn(table, 'put').mockReturnValueOnce(write.promise)
    const failed = expect(shelf.put(failing, 'stranger')).rejects.toThrow('no space')
    await endOfTurn()
    expect(await shelf.put(promise('old', 10, { log: logId(1) }), 'stranger')).toBe(true)
    write.reject(new Error('no space'))
    await failed
    for (const each of [shelf, await load()]) {
      expect(each.logs('late')).toEqual(left)
      expect(await each.put(promise('new', 10), 'stranger'), 'the room is full').toBe(false)
    }
  })

  const recordWith = (changes: object) =>
    JSON.stringify({ ...promise('w', 10), bearer: 'stranger', since: 1, heardAt: 1, ...changes })
  test.each([
    ...['{"size":5', '{"size":5}', 'null', '7'],
    ...['seq', 'time', 'size', 'since', 'heardAt'].map((name) => recordWith({ [name]: -1 })),
    ...['root', 'head', 'signature'].map((name) => recordWith({ [name]: 1 })),
    ...['nobody', 'toString', ['stranger'], undefined].map((bearer) => recordWith({ bearer })),
  ])('in an unreadable record count as none, and are rewritten: %s', async (damaged) => {
    const { load, table } = await startShelf()
    await table.put(`w ${LOG}`, damaged)
    const again = await load()
    expect([again.get('w', LOG), await again.read('w', LOG)]).toEqual([undefined, undefined])
    expect(await again.put(promise('w', 5), 'stranger')).toBe(true)
    expect(await again.read('w', LOG)).toEqual(promise('w', 5))
  })

  test('in a record that names no log count as none', async () => {
    const { load, table } = await startShelf()
    await table.put('w', recordWith({}))
    expect((await load()).logs('w')).toEqual([])
  })
})
