import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { isFrozen, type Floor, type Heads, type LogState } from '../../src/store/heads.js'
import { CHAIN_START, formatJournal } from '../../src/store/journal-text.js'
import { encodeState, type Dispute } from '../../src/store/log-state.js'
import { Store } from '../../src/store/store.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { formatHash } from '../../src/tlog/hash.js'
import { breakWrites } from '../helpers/broken-disk.js'
import { MemoryJournal } from '../helpers/volatile-disk.js'

const LOG = 'a'.repeat(64)
const OTHER = 'b'.repeat(64)
const tree = (size: number) => ({ size, root: new Uint8Array(32).fill(size) })

/** A database and a journal in memory, and the heads loaded from them, after the loaded state has been written. */
function memory(journal = new MemoryJournal()) {
  const db = new MemoryLevel()
  let store: Store | undefined
  const flush = async (): Promise<void> => store?.flush()
  const load = async (file = journal): Promise<Heads> => {
    await flush()
    return (store = await Store.over(db, file)).heads
  }
  const table = new Disk(db).table('state')
  const stored = async (): Promise<string | undefined> => {
    await flush()
    return table.get(LOG)
  }
  const put = (text: string): Promise<void> => table.put(LOG, text)
  const forget = (): Promise<void> => table.del(LOG)
  return { db, journal, load, flush, stored, put, forget }
}

/** A copy of the journal as it is now. */
const copyOf = (journal: MemoryJournal): MemoryJournal => new MemoryJournal(journal.content)

/** A journal in which the log has this state. */
function journalWith(state: LogState, dispute?: Dispute): MemoryJournal {
  return new MemoryJournal(utf8(formatJournal([[LOG, encodeState(state, dispute)]], CHAIN_START).text))
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

  test('logs do not block each other', async () => {
    const heads = await memory().load()
    const before = { ...heads.get(LOG) }
    await heads.change(OTHER, heads.get(OTHER), { tree: tree(9) })
    expect(heads.get(LOG)).toEqual(before)
    expect(await heads.change(LOG, heads.get(LOG), { tree: tree(1) })).toBeDefined()
    expect(heads.get(OTHER).tree?.size).toBe(9)
  })

  test('the state is read back as it was, with signature and hold', async () => {
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

  test('a state in the database is one that the journal has, verbatim', async () => {
    const { load, stored, journal } = memory()
    const heads = await load()
    for (const size of [1, 2, 3]) {
      await advance(heads, size)
      expect(utf8Text(journal.content)).toContain(await stored())
    }
    expect(await stored()).toBe(encodeState(heads.get(LOG)))
  })

  test('a database that is outdated or empty is brought up to date', async () => {
    const { load, stored, put, forget } = memory()
    const heads = await load()
    await advance(heads, 1)
    const old = (await stored())!
    await advance(heads, 2, 3)
    const newest = await stored()
    for (const lag of [() => put(old), forget]) {
      await lag()
      const again = await load()
      expect(again.disagreement(LOG)).toBeUndefined()
      expect(again.get(LOG)).toMatchObject({ seq: 3, tree: tree(3) })
      expect(await stored()).toBe(newest)
    }
  })

  test('every log with a state is listed, followed or not, with its origin', async () => {
    const { load } = memory()
    const heads = await load()
    expect(heads.logs()).toEqual([])
    await heads.change(LOG, heads.get(LOG), { origin: 'the origin', tree: tree(1) })
    await heads.hold(OTHER, 'aa')
    const again = await load()
    expect(again.logs()).toEqual([LOG, OTHER])
    expect(again.get(LOG).origin).toBe('the origin')
  })
})

describe('holds', () => {
  test('freeze the log until each is acknowledged, over a restart too', async () => {
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

  test('are not lost to concurrent changes', async () => {
    const heads = await memory().load()
    await Promise.all([
      ...Array.from({ length: 20 }, (_, i) => heads.hold(LOG, `0${i.toString(16)}`)),
      ...Array.from({ length: 20 }, (_, i) => heads.change(LOG, heads.get(LOG), { tree: tree(i + 1) })),
    ])
    expect(heads.get(LOG).holds).toHaveLength(20)
  })
})

test('a frozen log takes holds while there is room for them, and a disputed log takes none', async () => {
  const { load, journal } = memory()
  const heads = await load()
  for (let i = 0; i < 256; i++) await heads.hold(LOG, i.toString(16).padStart(16, '0'))
  await heads.hold(LOG, 'f'.repeat(16))
  expect(heads.get(LOG).holds).toHaveLength(256)
  expect(heads.get(LOG).holds.at(-1)).toEqual({ id: '00000000000000ff', acked: false })
  const disputed = await load(new MemoryJournal(flipped(journal.content!)))
  await disputed.hold(LOG, 'e'.repeat(16))
  expect(disputed.get(LOG).holds.map(({ id }) => id)).not.toContain('e'.repeat(16))
})

describe('a write that fails', () => {
  test.each(['append', 'datasync'] as const)(
    'at %s leaves the state unchanged, and the next write continues from there',
    async (at) => {
      const { load, journal } = memory()
      const heads = await load()
      await advance(heads, 1)
      const before = heads.get(LOG)
      journal.fault = (place) => (place === at ? 'EIO' : undefined)
      await expect(heads.change(LOG, before, { tree: tree(2) })).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
      expect(heads.get(LOG)).toBe(before)
      expect(heads.failure).toMatch('EIO')
      journal.fault = () => undefined
      expect(await heads.change(LOG, before, { tree: tree(3) })).toMatchObject({ seq: 2 })
      expect(heads.failure).toBeUndefined()
      expect((await load()).get(LOG)).toMatchObject({ seq: 2, tree: tree(3) })
    },
  )

  test('of the database leaves the change in the journal, and the database catches up once it can be written', async () => {
    const { db, load, stored } = memory()
    const heads = await load()
    const disk = { full: true }
    breakWrites(db, () => (disk.full ? new Error('full') : undefined))
    await advance(heads, 1, 2)
    expect(await stored()).toBeUndefined()
    disk.full = false
    expect(JSON.parse((await stored())!)).toMatchObject({ seq: 2 })
  })
})

/** Changes the disk; returns the journal to go on with. */
type Damage = (parts: ReturnType<typeof memory>, old: { text: string; journal: MemoryJournal }) => unknown

describe('a journal that does not match the database', () => {
  async function disagreeing(damage: Damage) {
    const parts = memory()
    const heads = await parts.load()
    await advance(heads, 1, 2)
    const old = { text: (await parts.stored())!, journal: copyOf(parts.journal) }
    await heads.hold(LOG, '0abc')
    await advance(heads, 3, 7)
    await parts.flush()
    const given = await damage(parts, old)
    const journal = given instanceof MemoryJournal ? given : parts.journal
    const load = () => parts.load(journal)
    return { ...parts, journal, load, heads: await load() }
  }

  const damages: [string, Damage][] = [
    ['an older copy', (_, old) => old.journal],
    ['no file at all', () => new MemoryJournal()],
    ['a journal without a line of the log', () => new MemoryJournal(utf8(formatJournal([], CHAIN_START).text))],
    [
      'another state of the same number',
      ({ put, stored }) => stored().then((text) => put(text!.replace(/}$/, ',"x":1}'))),
    ],
    ['an unreadable record in the database', ({ put }) => put('{"seq":')],
    ['a changed line in the middle', ({ journal }) => new MemoryJournal(flipped(journal.content!))],
  ]

  test.each(damages)('%s: nothing may be changed, and the reason is given', async (_name, damage) => {
    const { heads, load } = await disagreeing(damage)
    expect(heads.disagreement(LOG)).toEqual(expect.any(String))
    await expect(heads.change(LOG, heads.get(LOG), { tree: tree(8) })).rejects.toMatchObject({
      code: 'STATE_DISAGREES',
    })
    expect((await load()).disagreement(LOG), 'asking again does not heal it').toEqual(expect.any(String))
  })

  test.each(damages.slice(0, -1))('%s: another log is not affected', async (_name, damage) => {
    const { heads } = await disagreeing(damage)
    expect(heads.disagreement(OTHER)).toBeUndefined()
    expect(await heads.change(OTHER, heads.get(OTHER), { tree: tree(1) })).toBeDefined()
  })

  test.each(damages)('%s: the larger tree is recovered, with every known hold', async (_name, damage) => {
    const { heads, load } = await disagreeing(damage)
    await heads.recover(LOG)
    const again = await load()
    for (const each of [heads, again]) {
      expect(each.disagreement(LOG)).toBeUndefined()
      expect(each.get(LOG).tree).toEqual(tree(7))
      expect(each.get(LOG).seq).toBeGreaterThan(5)
      expect(each.get(LOG).holds).toEqual([{ id: '0abc', acked: false }])
    }
    expect(await again.acknowledge(LOG, '0abc')).toBe(true)
    expect(await again.change(LOG, again.get(LOG), { tree: tree(8) })).toBeDefined()
    expect((await load()).disagreement(LOG)).toBeUndefined()
  })

  const other = (size: number) => ({ size, root: new Uint8Array(32).fill(100 + size) })
  test.each<[string, LogState['tree'], LogState['tree'], boolean]>([
    ['a larger tree', tree(8), tree(7), true],
    ['the same tree', tree(7), tree(7), true],
    ['a first tree', tree(7), undefined, true],
    ['no tree yet', undefined, undefined, true],
    ['another tree of its size', other(7), tree(7), false],
    ['a smaller tree', tree(6), tree(7), false],
    ['no tree any more', undefined, tree(7), false],
  ])('a state newer than the one in the database may, or may not, have %s', async (_what, its, before, may) => {
    const { load, put } = memory(journalWith({ seq: 5, tree: its, holds: [] }))
    await put(encodeState({ seq: 4, tree: before, holds: [] }))
    const heads = await load()
    const says = heads.disagreement(LOG)
    if (may) expect(says).toBeUndefined()
    else expect(says).toBe('the journal at state 5 does not continue the database at 4')
  })

  test.each([
    ['the database and the journal have different states 5', encodeState({ seq: 5, tree: tree(9), holds: [] })],
    ['the database is at state 6, the journal at 5', encodeState({ seq: 6, tree: tree(9), holds: [] })],
    ['the state in the database cannot be read', 'odd'],
  ])('the reason given is: %s', async (why, inDatabase) => {
    const { load, put } = memory(journalWith({ seq: 5, tree: tree(7), holds: [] }))
    await put(inDatabase)
    const heads = await load()
    expect(heads.disagreement(LOG)).toBe(why)
    expect(heads.get(LOG).tree, 'the journal’s').toEqual(tree(7))
  })

  test('an unreadable state in the journal is no state, and no other is taken in its place', async () => {
    const odd = formatJournal([[LOG, '{"seq":"?"}']], CHAIN_START)
    const { load, put } = memory(new MemoryJournal(utf8(odd.text)))
    expect((await load()).disagreement(LOG)).toBe('the state in the journal cannot be read')
    await put(encodeState({ seq: 4, tree: tree(4), holds: [] }))
    const heads = await load()
    expect(heads.disagreement(LOG)).toBe('the state in the journal cannot be read')
    await heads.recover(LOG)
    expect(heads.get(LOG)).toMatchObject({ seq: 5, tree: tree(4) })
  })

  test('with a damaged journal every log is disputed until it is recovered, one by one, over restarts', async () => {
    const { journal, load, flush } = memory()
    const heads = await load()
    await advance(heads, 1)
    await heads.change(OTHER, heads.get(OTHER), { tree: tree(9) })
    await advance(heads, 2, 3)
    await flush()
    const damaged = new MemoryJournal(flipped(journal.content!))
    const [third, fourth] = ['c'.repeat(64), 'd'.repeat(64)]
    let again = await load(damaged)
    for (const log of [LOG, OTHER, third]) expect(again.disagreement(log)).toMatch(/journal is damaged.*line/)
    await expect(again.change(third, again.get(third), { tree: tree(1) })).rejects.toMatchObject({
      code: 'STATE_DISAGREES',
    })
    expect(damaged.content, 'it is left as it is').toEqual(flipped(journal.content!))
    await again.recover(LOG)
    for (const each of [again, (again = await load(damaged))]) {
      expect([LOG, OTHER, third, fourth].map((log) => each.disagreement(log) === undefined)).toEqual([
        true,
        false,
        true,
        true,
      ])
    }
    expect(again.get(OTHER).tree).toEqual(tree(9))
    await again.recover(OTHER)
    again = await load(damaged)
    expect(again.disagreement(OTHER)).toBeUndefined()
    expect(again.get(OTHER)).toMatchObject({ tree: tree(9) })
  })

  test('an unknown log can be recovered if the damaged journal knows other logs, but not if it knows none', async () => {
    const { journal, load } = memory()
    await advance(await load(), 1, 2)
    const heads = await load(new MemoryJournal(flipped(journal.content!)))
    await heads.recover(OTHER)
    expect(heads.disagreement(OTHER)).toBeUndefined()
    expect(heads.disagreement(LOG)).toBeDefined()

    const empty = await memory(new MemoryJournal(new Uint8Array())).load()
    expect(empty.disagreement(OTHER)).toMatch('damaged')
    await expect(empty.recover(OTHER)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
  })

  test('a recovery keeps the newest cosignature, so that the next is not earlier', async () => {
    const { journal, load, flush } = memory()
    const heads = await load()
    const signed = { key: 'k', size: 4, time: 1_700_000_000 }
    await heads.change(LOG, heads.get(LOG), { tree: tree(4), signed })
    const older = copyOf(journal)
    await heads.change(LOG, heads.get(LOG), { tree: tree(5), signed: { ...signed, size: 5, time: signed.time + 9 } })
    await flush()
    const again = await load(older)
    await again.recover(LOG)
    expect(again.get(LOG).signed).toEqual({ key: 'k', size: 5, time: signed.time + 9 })
  })

  test('a hold that the operator acknowledged stays so, even if one of the two has no record of that', async () => {
    const { journal, load, flush } = memory()
    const heads = await load()
    await advance(heads, 1)
    await heads.hold(LOG, 'aa')
    const older = copyOf(journal)
    await heads.acknowledge(LOG, 'aa')
    await heads.hold(LOG, 'bb')
    await flush()
    const again = await load(older)
    await again.recover(LOG)
    expect(again.get(LOG).holds).toEqual([
      { id: 'aa', acked: true },
      { id: 'bb', acked: false },
    ])
  })

  test('a recovery is refused if the two contradict each other, or neither has a tree', async () => {
    const { load, put } = memory(
      journalWith({ seq: 7, tree: { size: 10, root: new Uint8Array(32).fill(2) }, holds: [] }),
    )
    await put(encodeState({ seq: 8, tree: tree(10), holds: [] }))
    const heads = await load()
    await expect(heads.recover(LOG)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
    expect(heads.disagreement(LOG)).toBeDefined()

    const empty = memory()
    await empty.put(encodeState({ seq: 1, holds: [] }))
    await expect((await empty.load()).recover(LOG)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
    await empty.put('not readable')
    await expect((await empty.load()).recover(LOG)).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
  })

  describe('the recovered floor', () => {
    const floor = (size: number, fill = size) => {
      return { size, root: formatHash(new Uint8Array(32).fill(fill)), at: '2026-01-02T11:00:00.000Z' }
    }
    const withNote = (size: number) => ({ ...floor(size), note: `head ${size}` })
    const at = (size: number | undefined, own: Floor | undefined): LogState => {
      return { seq: 5, holds: [], ...(size !== undefined && { tree: tree(size) }), floor: own }
    }
    /** The recovery of two states. */
    async function recovered(journal: LogState, other: LogState) {
      const { load } = memory(journalWith(journal, { why: 'they disagree', others: [other] }))
      const heads = await load()
      expect(heads.disagreement(LOG)).toBe('they disagree')
      await heads.recover(LOG)
      expect((await load()).get(LOG)).toEqual(heads.get(LOG))
      return heads.get(LOG)
    }

    test.each([
      ['is the journal’s if that is larger, with its head', withNote(9), floor(8), withNote(9)],
      ['is the one with its head if both have it', floor(9), withNote(9), withNote(9)],
      ['is the other one if that is larger', withNote(8), floor(9), floor(9)],
      ['is none that the tree has passed', undefined, floor(3), undefined],
      ['is none of size 0, which every tree extends', undefined, floor(0), undefined],
    ])('%s', async (_name, ours, others, expected) => {
      const state = await recovered(at(4, ours), at(2, others))
      expect(state.tree).toEqual(tree(4))
      expect(state.floor).toEqual(expected)
    })

    test('is enough to continue from if no tree is known', async () => {
      const state = await recovered({ seq: 0, holds: [] }, at(undefined, floor(9)))
      expect(state).toMatchObject({ seq: 6, floor: floor(9) })
      expect(state.tree).toBeUndefined()
    })

    test.each([
      ['two floors', floor(9), floor(9, 1)],
      ['a floor and a tree', undefined, floor(4, 1)],
    ])('is refused if %s contradict each other', async (_name, ours, others) => {
      await expect(recovered(at(4, ours), at(2, others))).rejects.toMatchObject({ code: 'STATE_DISAGREES' })
    })
  })

  test('a recovery of a log without a disagreement changes nothing', async () => {
    const { load } = memory()
    const heads = await load()
    const state = await advance(heads, 1, 2)
    await heads.recover(LOG)
    expect(heads.get(LOG)).toBe(state)
  })

  test.each(['append', 'datasync', 'replace', 'renamed'] as const)(
    'a recovery that fails at %s leaves a disagreement that can be recovered',
    async (at) => {
      const { journal, load, flush } = memory()
      await advance(await load(), 1, 2, 7)
      await flush()
      const damaged = new MemoryJournal(flipped(journal.content!))
      const heads = await load(damaged)
      damaged.fault = (place) => (place === at ? 'EIO' : undefined)
      await expect(heads.recover(LOG)).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
      damaged.fault = () => undefined
      expect(heads.disagreement(LOG)).toEqual(expect.any(String))
      const again = await load(new MemoryJournal(damaged.content))
      if (again.disagreement(LOG) !== undefined) await again.recover(LOG)
      expect(again.get(LOG).tree).toEqual(tree(7))
      await heads.recover(LOG)
      expect((await load(damaged)).get(LOG).tree).toEqual(tree(7))
    },
  )
})

test('a log with many acknowledged holds can be frozen again', async () => {
  const heads = await memory().load()
  for (let i = 0; i < 256; i++) {
    const id = i.toString(16).padStart(16, '0')
    await heads.hold(LOG, id)
    await heads.acknowledge(LOG, id)
  }
  await heads.hold(LOG, 'f'.repeat(16))
  expect(isFrozen(heads.get(LOG))).toBe(true)
})

function utf8Text(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes)
}

/** A journal with one flipped bit in its second line. */
function flipped(journal: Uint8Array): Uint8Array {
  const changed = Uint8Array.from(journal)
  changed[journal.indexOf(0x0a) + 100]! ^= 1
  return changed
}
