import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { Disk, type Database } from '../../src/store/disk.js'
import { PromiseShelf, type Bearer, type KeptPromise, type Room } from '../../src/store/kept-promises.js'

const logId = (i: number): string => i.toString(16).padStart(64, '0')
const LOG = logId(0)
const DAY = 24 * 3_600_000

function promise(witness: string, size: number, rest: Partial<KeptPromise> = {}): KeptPromise {
  return {
    witness,
    log: LOG,
    seq: size,
    time: 100,
    size,
    root: `root ${size}`,
    head: `head ${size}`,
    signature: 'c2ln',
    ...rest,
  }
}

/** Spaces for this many promises. */
const roomsFor = (promises: number, bytes = 1e9, ofOneKey = promises): Record<Bearer, Room> => {
  const room = { promises, bytes, ofOneKey }
  return { counted: room, chosen: room, stranger: room }
}

async function start(rooms = roomsFor(100), db: Database = new MemoryLevel()) {
  const clock = { now: 1_000_000 }
  const table = new Disk(db).table('deposits')
  const load = () => PromiseShelf.load(table, () => clock.now++, rooms)
  return { clock, table, load, shelf: await load() }
}

const kept = (shelf: PromiseShelf, witnesses: readonly string[], log = LOG): boolean[] =>
  witnesses.map((witness) => shelf.get(witness, log) !== undefined)

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
    const { shelf, load } = await start()
    expect(await shelf.put(promise('w', 10), 'stranger')).toBe(true)
    expect(await shelf.put(promise('w', 10, second), 'stranger')).toBe(isKept)
    for (const each of [shelf, await load()]) {
      const [size, root, time] = now
      expect(each.get('w', LOG)).toMatchObject({ size, root, time })
      expect(await each.read('w', LOG)).toMatchObject({ size, root, time, head: 'head 10', witness: 'w', log: LOG })
    }
  })

  test('are separate for each key and log, and are read back unchanged', async () => {
    const { shelf, load } = await start()
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
    const { shelf } = await start(roomsFor(100), db)
    await Promise.all(Array.from({ length: 64 }, (_, i) => shelf.put(promise('w', 10, { log: logId(i) }), 'stranger')))
    expect(batch).toHaveBeenCalledTimes(1)
    expect(batch.mock.calls[0]![1]).toEqual({ sync: true })
  })

  test('that arrive twice are not confirmed before they are on disk', async () => {
    const { shelf, table } = await start()
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
    const { shelf, table } = await start(roomsFor(2))
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

  test('in an unreadable record count as none, and are rewritten', async () => {
    const { shelf, load, table } = await start()
    await shelf.put(promise('w', 10), 'stranger')
    for (const damaged of ['{"size":5', '{"size":5}', 'null', '7']) {
      await table.put(`w ${LOG}`, damaged)
      const again = await load()
      expect([again.get('w', LOG), await again.read('w', LOG)]).toEqual([undefined, undefined])
      expect(await again.put(promise('w', 5), 'stranger')).toBe(true)
    }
  })
})

describe('when there is no more room', () => {
  test('a flood of keys displaces no other, and a key that is there longer can continue', async () => {
    const { shelf, load } = await start(roomsFor(10))
    for (let i = 0; i < 4; i++) await shelf.put(promise(`old/${i}`, 10), 'stranger')
    const flood: boolean[] = []
    for (let i = 0; i < 50; i++) flood.push(await shelf.put(promise(`flood/${i}`, 10), 'stranger'))
    expect(flood.filter(Boolean)).toHaveLength(6)
    const olds = [0, 1, 2, 3].map((i) => `old/${i}`)
    for (const old of olds) expect(await shelf.put(promise(old, 20), 'stranger')).toBe(true)
    // Of another log: the last of the flood is displaced.
    const again = await load()
    expect(await again.put(promise('old/1', 5, { log: logId(1) }), 'stranger')).toBe(true)
    for (const each of [again, await load()]) {
      expect(kept(each, [...olds, 'flood/0', 'flood/4', 'flood/5'])).toEqual([
        true,
        true,
        true,
        true,
        true,
        true,
        false,
      ])
      expect(kept(each, ['old/1'], logId(1))).toEqual([true])
    }
    expect(await again.read('flood/5', LOG)).toBeUndefined()
  })

  test('a flood of promises by one key is limited to its share', async () => {
    const { shelf } = await start(roomsFor(10, 1e9, 4))
    const put = (i: number) => shelf.put(promise('w', 10, { log: logId(i) }), 'counted')
    expect(await Promise.all([0, 1, 2, 3, 4, 5].map(put))).toEqual([true, true, true, true, false, false])
    expect(await shelf.put(promise('w', 20, { log: logId(1) }), 'counted'), 'what it has goes on').toBe(true)
  })

  test('a flood by a key that is there longest displaces others only up to its share', async () => {
    const { shelf, load } = await start(roomsFor(10, 1e9, 4))
    await shelf.put(promise('old', 10), 'stranger')
    const others = Array.from({ length: 9 }, (_, i) => `other/${i}`)
    for (const other of others) await shelf.put(promise(other, 10), 'stranger')
    const flood: boolean[] = []
    for (let i = 1; i < 50; i++) flood.push(await shelf.put(promise('old', 10, { log: logId(i) }), 'stranger'))
    expect(flood).toEqual([true, true, true, ...Array<boolean>(46).fill(false)])
    for (const each of [shelf, await load()])
      expect(kept(each, others)).toEqual([true, true, true, true, true, true, false, false, false])
  })

  test('large heads take as much room as many small ones', async () => {
    const large = { head: 'x'.repeat(1000) }
    const { shelf } = await start(roomsFor(100, 3_000))
    expect(await shelf.put(promise('old', 10), 'stranger')).toBe(true)
    expect(await shelf.put(promise('late', 10, large), 'stranger')).toBe(true)
    expect(await shelf.put(promise('later', 10, large), 'stranger')).toBe(true)
    expect(await shelf.put(promise('latest', 10, large), 'stranger')).toBe(false)
    expect(await shelf.put(promise('old', 20, { head: 'x'.repeat(1500) }), 'stranger')).toBe(true)
    expect(kept(shelf, ['old', 'late', 'later'])).toEqual([true, true, false])
    // A promise that cannot fit, whatever is displaced, displaces nothing.
    expect(await shelf.put(promise('old', 30, { head: 'x'.repeat(9000) }), 'stranger')).toBe(false)
    expect(kept(shelf, ['old', 'late'])).toEqual([true, true])
  })

  test('strangers, chosen peers and counted keys take no room from one another', async () => {
    const { shelf, load } = await start(roomsFor(3))
    const bearers: Bearer[] = ['counted', 'chosen', 'stranger']
    for (const bearer of bearers) for (let i = 0; i < 9; i++) await shelf.put(promise(`${bearer}/${i}`, 10), bearer)
    for (const each of [shelf, await load()])
      for (const bearer of bearers)
        expect(
          kept(
            each,
            [0, 1, 2, 3].map((i) => `${bearer}/${i}`),
          ),
        ).toEqual([true, true, true, false])
    // A key that was there earlier displaces only promises in its own space.
    expect(await shelf.put(promise('counted/0', 10, { log: logId(1) }), 'counted')).toBe(true)
    expect(kept(shelf, ['counted/1', 'counted/2', 'chosen/2', 'stranger/2'])).toEqual([true, false, true, true])
  })

  test('a key that rises in standing takes along what it has, and is not brought down again', async () => {
    const { shelf, load } = await start(roomsFor(3))
    for (const i of [0, 1]) await shelf.put(promise('w', 10, { log: logId(i) }), 'stranger')
    expect(await shelf.put(promise('w', 20), 'counted')).toBe(true)
    // A stranger brings what it has promised since.
    expect(await shelf.put(promise('w', 30), 'stranger')).toBe(true)
    for (const each of [shelf, await load()]) {
      for (const i of [0, 1, 2])
        expect(await each.put(promise('stranger', 10, { log: logId(i) }), 'stranger')).toBe(true)
      expect(await each.put(promise('c', 10), 'counted')).toBe(true)
      expect(await each.put(promise('c', 10, { log: logId(1) }), 'counted'), 'three are in').toBe(false)
    }
  })

  test('a key that was silent for half a year can be displaced by any other', async () => {
    const { shelf, clock } = await start(roomsFor(2))
    await shelf.put(promise('silent', 10), 'stranger')
    await shelf.put(promise('alive', 10), 'stranger')
    clock.now += 179 * DAY
    await shelf.put(promise('alive', 20), 'stranger')
    expect(await shelf.put(promise('new', 10), 'stranger')).toBe(false)
    clock.now += 2 * DAY
    expect(await shelf.put(promise('new', 10), 'stranger')).toBe(true)
    expect(kept(shelf, ['silent', 'alive', 'new'])).toEqual([false, true, true])
  })
})
