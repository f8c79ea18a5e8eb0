/** Promises kept for others, when there is no more room for all of them. */
import { describe, expect, test } from 'vitest'
import type { Bearer, KeptPromise, Room } from '../../src/store/kept-promises.js'
import { kept, LOG, logId, promise, roomsFor, startShelf } from '../helpers/shelf.js'

const DAY = 24 * 3_600_000

describe('when there is no more room', () => {
  test('a flood of keys displaces no other, and a key that is there longer can continue', async () => {
    const { shelf, load } = await startShelf(roomsFor(10))
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
    const { shelf } = await startShelf(roomsFor(10, 1e9, 4))
    const put = (i: number) => shelf.put(promise('w', 10, { log: logId(i) }), 'counted')
    expect(await Promise.all([0, 1, 2, 3, 4, 5].map(put))).toEqual([true, true, true, true, false, false])
    expect(await shelf.put(promise('w', 20, { log: logId(1) }), 'counted'), 'what it has goes on').toBe(true)
  })

  test('a flood by a key that is there longest displaces others only up to its share', async () => {
    const { shelf, load } = await startShelf(roomsFor(10, 1e9, 4))
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
    const { shelf } = await startShelf(roomsFor(100, 3_000))
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
    const { shelf, load } = await startShelf(roomsFor(3))
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
    const { shelf, load } = await startShelf(roomsFor(3))
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
    const { shelf, clock } = await startShelf(roomsFor(2))
    await shelf.put(promise('silent', 10), 'stranger')
    await shelf.put(promise('alive', 10), 'stranger')
    clock.now += 179 * DAY
    await shelf.put(promise('alive', 20), 'stranger')
    expect(await shelf.put(promise('new', 10), 'stranger')).toBe(false)
    clock.now += 2 * DAY
    expect(await shelf.put(promise('new', 10), 'stranger')).toBe(true)
    expect(kept(shelf, ['silent', 'alive', 'new'])).toEqual([false, true, true])
    expect(await shelf.put(promise('newer', 10), 'stranger'), 'who was heard since is not silent').toBe(false)
  })

  test('a key that was silent for half a year displaces others for itself, and nothing of its own', async () => {
    const { shelf, clock } = await startShelf(roomsFor(2))
    for (const key of ['silent', 'alive']) await shelf.put(promise(key, 10), 'stranger')
    clock.now += 181 * DAY
    await shelf.put(promise('alive', 20), 'stranger')
    expect(await shelf.put(promise('silent', 10, { log: logId(1) }), 'stranger')).toBe(true)
    expect([shelf.logs('silent'), shelf.logs('alive')]).toEqual([[LOG, logId(1)], []])
  })

  test('half a year to the millisecond is not silence: only those that were there earlier displace', async () => {
    const { shelf, clock } = await startShelf(roomsFor(2))
    await shelf.put(promise('old', 10), 'stranger')
    const heardAt = clock.now
    await shelf.put(promise('late', 10), 'stranger')
    const put = (key: string) => {
      // The clock goes on between what dates a promise and what looks for silent keys.
      clock.now = heardAt + 180 * DAY - 1
      return shelf.put(promise(key, 10, { log: logId(1) }), 'stranger')
    }
    await shelf.put(promise('old', 20), 'stranger')
    expect(await put('new')).toBe(false)
    expect(await put('old')).toBe(true)
    expect(kept(shelf, ['old', 'late'])).toEqual([true, false])
  })

  test('keys that came at the same time displace nothing of one another', async () => {
    const { shelf, clock } = await startShelf(roomsFor(2))
    const at = clock.now
    for (const key of ['a', 'b']) {
      clock.now = at
      await shelf.put(promise(key, 10), 'stranger')
    }
    for (const key of ['a', 'b'])
      expect(await shelf.put(promise(key, 10, { log: logId(1) }), 'stranger'), key).toBe(false)
  })

  test('a key is as old as its oldest record', async () => {
    const { shelf, table, load } = await startShelf(roomsFor(3))
    for (const key of ['late', 'w']) await shelf.put(promise(key, 10), 'stranger')
    await shelf.put(promise('w', 10, { log: logId(1) }), 'stranger')
    const id = `w ${logId(1)}`
    await table.put(id, JSON.stringify({ ...(JSON.parse((await table.get(id))!) as object), since: 1 }))
    const again = await load()
    expect(await again.put(promise('w', 10, { log: logId(2) }), 'stranger')).toBe(true)
    expect(kept(again, ['late'])).toEqual([false])
  })

  test('a key that came late loses its newest promises first, and keeps the others', async () => {
    const { shelf, load } = await startShelf(roomsFor(4))
    const put = (key: string, i: number) => shelf.put(promise(key, 10, { log: logId(i) }), 'stranger')
    await put('old', 0)
    for (const i of [0, 1, 2]) await put('late', i)
    for (const [i, left] of [[0, 1], [0]].entries()) {
      expect(await put('old', i + 1)).toBe(true)
      for (const each of [shelf, await load()]) expect(each.logs('late')).toEqual(left.map(logId))
    }
  })
})

describe('a room that is full to the last byte', () => {
  /** The length of each record here of a key without rank. */
  const BYTES = 150
  const another = (key: string, i: number, rest: Partial<KeptPromise> = {}) =>
    promise(key, 10, { log: logId(i), ...rest })

  test('can be used to the last byte, and no further', async () => {
    const { shelf, table } = await startShelf(roomsFor(100, 3 * BYTES))
    for (const key of ['a', 'b', 'c']) expect(await shelf.put(promise(key, 10), 'stranger'), key).toBe(true)
    expect((await table.values()).map(({ length }) => length)).toEqual([BYTES, BYTES, BYTES])
    expect(await shelf.put(promise('d', 10), 'stranger')).toBe(false)
    for (const key of ['a', 'b', 'c']) expect(await shelf.put(promise(key, 20), 'stranger'), key).toBe(true)
    expect(kept(shelf, ['a', 'b', 'c']), 'a larger tree takes the place of a smaller one').toEqual([true, true, true])
    for (const [i, left] of [
      [1, [true, true, false]],
      [2, [true, false, false]],
    ] as const) {
      expect(await shelf.put(another('a', i), 'stranger')).toBe(true)
      expect(kept(shelf, ['a', 'b', 'c']), 'one makes room for one').toEqual(left)
    }
  })

  test('is not made by counting a silent key twice', async () => {
    const { shelf, clock } = await startShelf(roomsFor(100, 2 * BYTES))
    for (const key of ['old', 'silent']) await shelf.put(promise(key, 10), 'stranger')
    clock.now += 181 * DAY
    await shelf.put(promise('old', 20), 'stranger')
    expect(await shelf.put(another('old', 1, { head: 'x'.repeat(BYTES) }), 'stranger')).toBe(false)
    expect(kept(shelf, ['old', 'silent'])).toEqual([true, true])
  })

  test.each<[string, Room]>([
    ['promises', { promises: 3, bytes: 1e9, ofOneKey: 9 }],
    ['bytes', { promises: 100, bytes: 3 * BYTES, ofOneKey: 9 }],
  ])('gives up as much for a key that rises as the key brings along, in %s', async (_, room) => {
    const { shelf } = await startShelf({ counted: room, chosen: room, stranger: room })
    for (const i of [0, 1]) await shelf.put(another('w', i), 'stranger')
    for (const key of ['a', 'b', 'c']) await shelf.put(promise(key, 10), 'counted')
    expect(await shelf.put(promise('w', 20), 'counted')).toBe(true)
    expect(kept(shelf, ['a', 'b', 'c'])).toEqual([true, false, false])
    expect(await shelf.put(promise('d', 10), 'counted'), 'the room is full').toBe(false)
    const strangers = ['s', 't', 'u', 'v'].map((key) => shelf.put(promise(key, 10), 'stranger'))
    expect(await Promise.all(strangers), 'the room that it left has space again').toEqual([true, true, true, false])
  })
})
