import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import type { GuardEntry } from '../../src/store/guard.js'
import { isFrozen, type Heads, type LogState } from '../../src/store/heads.js'
import { Store } from '../../src/store/store.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import { MemoryGuard } from '../helpers/heart.js'

const LOG = 'a'.repeat(64)
const OTHER = 'b'.repeat(64)
const tree = (size: number) => ({ size, root: new Uint8Array(32).fill(size) })

/** A database and a guard in memory, and the heads that are loaded from them. */
function memory(guard = new MemoryGuard()) {
  const db = new MemoryLevel()
  const load = async (): Promise<Heads> => (await Store.over(db, guard)).heads
  const stored = (): Promise<string | undefined> => new Disk(db).table('state').get(LOG)
  const put = (text: string): Promise<void> => new Disk(db).table('state').put(LOG, text)
  const forget = (): Promise<void> => new Disk(db).table('state').del(LOG)
  return { db, guard, load, stored, put, forget }
}

/** Advances a log to each size in turn. */
async function advance(heads: Heads, ...sizes: number[]): Promise<LogState> {
  for (const size of sizes) await heads.change(LOG, heads.get(LOG), { tree: tree(size) })
  return heads.get(LOG)
}

describe('compare and write', () => {
  test('of a hundred racing changes of one state exactly one wins, each time', async () => {
    const { load } = memory()
    const heads = await load()
    for (let round = 1; round <= 5; round++) {
      const from = heads.get(LOG)
      const results = await Promise.all(
        Array.from({ length: 100 }, (_, i) => heads.change(LOG, from, { tree: tree(round * 100 + i) })),
      )
      const winners = results.filter((state) => state !== undefined)
      expect(winners).toHaveLength(1)
      expect(heads.get(LOG)).toBe(winners[0])
      expect(winners[0]!.seq).toBe(round)
    }
    expect((await load()).get(LOG)).toEqual(heads.get(LOG))
  })

  test('logs do not stand in each other’s way', async () => {
    const heads = await memory().load()
    const before = { ...heads.get(LOG) }
    await heads.change(OTHER, heads.get(OTHER), { tree: tree(9) })
    expect(heads.get(LOG)).toEqual(before)
    expect(await heads.change(LOG, heads.get(LOG), { tree: tree(1) })).toBeDefined()
    expect(heads.get(OTHER).tree?.size).toBe(9)
  })

  test('the state comes back as it was, signed and held', async () => {
    const { load } = memory()
    const heads = await load()
    const signed = { key: 'k', size: 4, time: 1_700_000_000 }
    await heads.change(LOG, heads.get(LOG), { tree: tree(4), note: 'the note', signed })
    await heads.hold(LOG, '00ff')
    expect((await load()).get(LOG)).toEqual({
      seq: 2,
      tree: tree(4),
      note: 'the note',
      signed,
      holds: [{ id: '00ff', acked: false }],
    })
  })

  test('each state names the one before, and the guard has seen it', async () => {
    const { load, stored, guard } = memory()
    const heads = await load()
    let previous = ''
    for (const size of [1, 2, 3]) {
      await advance(heads, size)
      const text = (await stored())!
      expect((JSON.parse(text) as { previous: string }).previous).toBe(previous)
      previous = toHex(sha256(utf8(text)))
      expect(guard.entries.get(LOG)).toMatchObject({ seq: size, hash: previous, size })
    }
  })
})

describe('holds', () => {
  test('freeze until acknowledged, one by one, and over a restart', async () => {
    const { load } = memory()
    let heads = await load()
    await heads.hold(LOG, 'aa')
    await heads.hold(LOG, 'bb')
    await heads.hold(LOG, 'aa')
    heads = await load()
    expect(heads.get(LOG).holds).toHaveLength(2)
    expect(isFrozen(heads.get(LOG))).toBe(true)
    expect(await heads.acknowledge(LOG, 'cc')).toBe(false)
    expect(await heads.acknowledge(LOG, 'aa')).toBe(true)
    expect(isFrozen(heads.get(LOG))).toBe(true)
    expect(await heads.acknowledge(LOG, 'bb')).toBe(true)
    heads = await load()
    expect(isFrozen(heads.get(LOG))).toBe(false)
    await heads.hold(LOG, 'aa')
    expect(isFrozen(heads.get(LOG)), 'what was acknowledged does not freeze again').toBe(false)
  })

  test('are not lost to a change that races with them', async () => {
    const heads = await memory().load()
    await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => heads.hold(LOG, `0${i.toString(16)}`)),
      ...Array.from({ length: 20 }, (_, i) => heads.change(LOG, heads.get(LOG), { tree: tree(i + 1) })),
    ])
    expect(heads.get(LOG).holds).toHaveLength(20)
  })
})

/** A guard that loses what it is given, as a crash would, while `crashed` says so. */
class CrashingGuard extends MemoryGuard {
  crashed = false
  override append(entry: GuardEntry): Promise<void> {
    return this.crashed ? Promise.reject(new Error('the power is gone')) : super.append(entry)
  }
}

describe('a crash between the two writes', () => {
  test.each([1, 2])('heals %i times in a row', async (times) => {
    const guard = new CrashingGuard()
    const { load } = memory(guard)
    let heads = await load()
    await advance(heads, 1, 2)
    for (let i = 0; i < times; i++) {
      guard.crashed = true
      await expect(heads.change(LOG, heads.get(LOG), { tree: tree(3 + i) })).rejects.toMatchObject({
        code: 'STORE_WRITE_FAILED',
      })
      guard.crashed = false
      heads = await load()
      expect(heads.disagreement(LOG)).toBeUndefined()
      expect(heads.get(LOG)).toMatchObject({ seq: 3 + i, tree: tree(3 + i) })
      expect(guard.entries.get(LOG)).toMatchObject({ seq: 3 + i })
    }
    expect(await advance(heads, 9)).toMatchObject({ seq: 3 + times })
    expect((await load()).disagreement(LOG)).toBeUndefined()
  })

  test('that comes twice before anything else was written heals as well', async () => {
    const guard = new CrashingGuard()
    const { load } = memory(guard)
    const heads = await load()
    await advance(heads, 1)
    guard.crashed = true
    await expect(heads.change(LOG, heads.get(LOG), { tree: tree(2) })).rejects.toThrow()
    await expect(load()).rejects.toThrow('the power is gone')
    guard.crashed = false
    const healed = await load()
    expect(healed.disagreement(LOG)).toBeUndefined()
    expect(healed.get(LOG).tree?.size).toBe(2)
  })

  test('in the very first write heals', async () => {
    const guard = new CrashingGuard()
    const { load } = memory(guard)
    const heads = await load()
    guard.crashed = true
    await expect(heads.change(LOG, heads.get(LOG), { tree: tree(1) })).rejects.toThrow()
    guard.crashed = false
    const healed = await load()
    expect(healed.disagreement(LOG)).toBeUndefined()
    expect(healed.get(LOG).tree?.size).toBe(1)
  })

  test('a guard that could not be written leaves the state as it was, and the next change goes on from there', async () => {
    const guard = new CrashingGuard()
    const { load } = memory(guard)
    const heads = await load()
    await advance(heads, 1)
    const before = heads.get(LOG)
    guard.crashed = true
    await expect(heads.change(LOG, before, { tree: tree(2) })).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    expect(heads.get(LOG)).toBe(before)
    guard.crashed = false
    expect(await heads.change(LOG, before, { tree: tree(3) })).toMatchObject({ seq: 2 })
    expect((await load()).get(LOG)).toMatchObject({ seq: 2, tree: tree(3) })
  })
})

/** Does something to the disk; `old` is an older record of the database. */
type Damage = (parts: ReturnType<typeof memory>, old: string) => unknown

describe('what the database lost it does not tell, but the guard does', () => {
  async function disagreeing(damage: Damage) {
    const parts = memory()
    const heads = await parts.load()
    await advance(heads, 1, 2)
    const old = (await parts.stored())!
    await heads.hold(LOG, '0abc')
    await advance(heads, 3, 7)
    await damage(parts, old)
    return { ...parts, heads: await parts.load() }
  }

  const damages: [string, Damage][] = [
    ['an older record of the database', ({ put }, old) => put(old)],
    ['no record in the database', ({ forget }) => forget()],
    ['a record that cannot be read', ({ put }) => put('{"seq":')],
    ['a record of another chain', ({ put }, old) => put(old.replace(/"previous":"[0-9a-f]{4}/, '"previous":"0000'))],
    ['no line in the guard', ({ guard }) => guard.entries.clear()],
    [
      'an older line in the guard',
      ({ guard }) => guard.entries.set(LOG, { ...guard.entries.get(LOG)!, seq: 2, hash: '0'.repeat(64) }),
    ],
  ]

  test.each(damages)('%s: nothing may be changed, and it says why', async (_name, damage) => {
    const { heads, load } = await disagreeing(damage)
    expect(heads.disagreement(LOG)).toEqual(expect.any(String))
    await expect(heads.change(LOG, heads.get(LOG), { tree: tree(8) })).rejects.toMatchObject({
      code: 'STATE_DISAGREES',
    })
    expect((await load()).disagreement(LOG), 'asking again does not heal it').toEqual(expect.any(String))
    expect(heads.disagreement(OTHER), 'another log is not touched by it').toBeUndefined()
    expect(await heads.change(OTHER, heads.get(OTHER), { tree: tree(1) })).toBeDefined()
  })

  test.each(damages)('%s: recovered from the larger tree, with every hold that is known', async (_name, damage) => {
    const { heads, load, guard } = await disagreeing(damage)
    const before = Math.max(heads.get(LOG).seq, guard.entries.get(LOG)?.seq ?? 0)
    await heads.recover(LOG)
    for (const each of [heads, await load()]) {
      expect(each.disagreement(LOG)).toBeUndefined()
      expect(each.get(LOG).tree).toEqual(tree(7))
      expect(each.get(LOG).seq).toBeGreaterThan(before)
      expect(each.get(LOG).holds).toEqual([{ id: '0abc', acked: false }])
    }
    expect(await heads.acknowledge(LOG, '0abc')).toBe(true)
    expect(await heads.change(LOG, heads.get(LOG), { tree: tree(8) })).toBeDefined()
    expect((await load()).disagreement(LOG)).toBeUndefined()
  })

  test('one record ahead is the trace of a crash; two ahead are not', async () => {
    const { load, guard } = memory()
    const heads = await load()
    await advance(heads, 1, 2)
    const seen = guard.entries.get(LOG)!
    await advance(heads, 3)
    guard.entries.set(LOG, seen)
    expect((await load()).disagreement(LOG)).toBeUndefined()
    await advance(heads, 4)
    guard.entries.set(LOG, seen)
    expect((await load()).disagreement(LOG)).toEqual(expect.any(String))
  })

  test('recovering keeps the time of the newest cosignature, or the next could be earlier', async () => {
    const { load, forget } = memory()
    const heads = await load()
    const signed = { key: 'k', size: 4, time: 1_700_000_000 }
    await heads.change(LOG, heads.get(LOG), { tree: tree(4), signed })
    await heads.change(LOG, heads.get(LOG), { tree: tree(5), signed: { ...signed, size: 5, time: signed.time + 9 } })
    await forget()
    const again = await load()
    await again.recover(LOG)
    expect(again.get(LOG).signed).toEqual({ key: '', size: 5, time: signed.time + 9 })
  })

  test('recovering is refused where the two contradict each other, or neither knows a tree', async () => {
    const { load, guard } = memory()
    await advance(await load(), 10)
    const entry = {
      log: LOG,
      seq: 7,
      hash: 'f'.repeat(64),
      size: 10,
      time: 9,
      root: formatHash(tree(2).root),
      holds: [],
    }
    await guard.append(entry)
    const heads = await load()
    expect(heads.disagreement(LOG)).toBeDefined()
    await expect(heads.recover(LOG)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
    expect(heads.disagreement(LOG)).toBeDefined()

    const empty = memory()
    await empty.guard.append({ ...entry, root: '-', size: 0 })
    await expect((await empty.load()).recover(LOG)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
  })

  describe('and so is the floor', () => {
    const floor = (size: number, fill = size) => {
      return { size, root: formatHash(new Uint8Array(32).fill(fill)), at: '2026-01-02T11:00:00.000Z' }
    }
    const withNote = (size: number) => ({ ...floor(size), note: `head ${size}` })

    test('kept when the database lost it, with its tree and without its head, over a restart too', async () => {
      const { load, guard, put, stored } = memory()
      const heads = await load()
      await advance(heads, 1, 2)
      const old = (await stored())!
      await heads.change(LOG, await advance(heads, 3), { floor: withNote(9) })
      expect(guard.entries.get(LOG)).toMatchObject({ size: 3, floor: floor(9) })
      await put(old)
      const again = await load()
      await again.recover(LOG)
      for (const each of [again, await load()]) {
        expect(each.disagreement(LOG)).toBeUndefined()
        expect(each.get(LOG)).toMatchObject({ tree: tree(3), floor: floor(9) })
        expect(each.get(LOG).floor).not.toHaveProperty('note')
      }
      expect(guard.entries.get(LOG)).toMatchObject({ size: 3, floor: floor(9) })
    })

    test.each([
      ['the database’s when that is larger, with its head', withNote(9), floor(8), withNote(9)],
      ['the database’s when both know it', withNote(9), floor(9), withNote(9)],
      ['the guard’s when that is larger', withNote(8), floor(9), floor(9)],
      ['none that the tree has passed', undefined, floor(3), undefined],
      ['none of size 0, which every tree extends', undefined, floor(0), undefined],
    ])('%s', async (_name, ours, guarded, expected) => {
      const { load, guard } = memory()
      const heads = await load()
      await heads.change(LOG, await advance(heads, 4), { floor: ours })
      await guard.append({ ...guard.entries.get(LOG)!, seq: 7, hash: 'f'.repeat(64), floor: guarded })
      const again = await load()
      await again.recover(LOG)
      expect(again.get(LOG)).toMatchObject({ tree: tree(4) })
      expect(again.get(LOG).floor).toEqual(expected)
      expect(guard.entries.get(LOG)?.floor).toEqual(expected && floor(expected.size))
    })

    test('enough to go on from where no tree is known', async () => {
      const { load, forget } = memory()
      const heads = await load()
      await heads.change(LOG, heads.get(LOG), { floor: withNote(9) })
      await forget()
      const again = await load()
      await again.recover(LOG)
      expect(again.get(LOG).tree).toBeUndefined()
      expect((await load()).get(LOG).floor).toEqual(floor(9))
    })

    test.each([
      ['two floors', floor(9), floor(9, 1)],
      ['a floor and a tree', undefined, floor(4, 1)],
    ])('refused where %s contradict each other', async (_name, ours, guarded) => {
      const { load, guard } = memory()
      const heads = await load()
      await heads.change(LOG, await advance(heads, 4), { floor: ours })
      await guard.append({ ...guard.entries.get(LOG)!, seq: 7, hash: 'f'.repeat(64), floor: guarded })
      await expect((await load()).recover(LOG)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
    })
  })

  test('recovering a log that agrees changes nothing', async () => {
    const { load } = memory()
    const heads = await load()
    const state = await advance(heads, 1, 2)
    await heads.recover(LOG)
    expect(heads.get(LOG)).toBe(state)
  })

  test('a crash while recovering leaves a disagreement that can be recovered', async () => {
    const guard = new CrashingGuard()
    const parts = memory(guard)
    const heads = await parts.load()
    await advance(heads, 1, 2, 7)
    await parts.forget()
    guard.crashed = true
    await expect((await parts.load()).recover(LOG)).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
    guard.crashed = false
    const again = await parts.load()
    expect(again.disagreement(LOG)).toEqual(expect.any(String))
    await again.recover(LOG)
    expect((await parts.load()).get(LOG).tree).toEqual(tree(7))
  })
})
