/**
 * Homes of the version before the journal: taken over once, wherever the process is stopped, and nothing is forgotten.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { describe, expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { DiskJournalFile } from '../../src/store/journal-file.js'
import { makeJournal } from '../../src/store/old-home.js'
import { Store } from '../../src/store/store.js'
import { toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatHash, sha256 } from '../../src/tlog/hash.js'
import { copyHome, temporaryHome } from '../helpers/home.js'

const [A, B, C, D] = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64)) as [string, string, string, string]
const tree = (size: number) => ({ size, root: new Uint8Array(32).fill(size) })
const root = (size: number): string => formatHash(tree(size).root)
const hashOf = (text: string): string => toHex(sha256(utf8(text)))
const FLOOR = { size: 99, root: root(99), at: '2026-01-02T11:00:00.000Z' }

/** A state as written by the old version. */
function oldState(seq: number, previous: string, more: object = {}): string {
  return JSON.stringify({
    seq,
    previous,
    size: seq * 10,
    root: root(seq * 10),
    note: `head ${seq * 10}`,
    signed: { key: 'k', size: seq * 10, time: 1_700_000_000 + seq },
    ...more,
    holds: [{ id: '00aa', acked: seq % 2 === 0 }],
  })
}

/** A line of the guard as written by the old version. */
function guardLine(log: string, seq: number, hash: string, holds = '-', floor?: typeof FLOOR): string {
  const fields = [log, seq, hash, seq * 10, root(seq * 10), 1_700_000_000 + seq, holds]
  return checkedLine([...fields, ...(floor === undefined ? [] : [floor.size, floor.root, floor.at])].join(' '))
}

function checkedLine(body: string): string {
  return `${body} ${hashOf(body).slice(0, 16)}\n`
}

interface Old {
  readonly states: Readonly<Record<string, string>>
  readonly guard: string | undefined
}

async function oldHome({ states, guard }: Old): Promise<string> {
  const home = temporaryHome()
  const db = new Level(join(home, 'db'))
  await db.open()
  await db.sublevel('meta').put('schema', '1')
  for (const [log, text] of Object.entries(states)) await db.sublevel('state').put(log, text)
  await db.sublevel('history').put(`${A}!0000000000000007`, 'a head')
  await db.close()
  if (guard !== undefined) writeFileSync(join(home, 'guard'), guard)
  return home
}

const first = oldState(1, '')
const second = oldState(2, hashOf(first), { floor: { ...FLOOR, note: 'its head' } })
const third = oldState(3, hashOf(second))
/** A agrees; for B the database is one ahead after a crash; C is behind the guard; D is known to the guard alone. */
const MIXED: Old = {
  states: { [A]: second, [B]: second, [C]: first },
  guard: [
    guardLine(A, 1, hashOf(first), '00aa'),
    guardLine(A, 2, hashOf(second)),
    guardLine(B, 1, hashOf(first)),
    guardLine(C, 3, hashOf(third), '00bb', FLOOR),
    guardLine(D, 2, hashOf(second), '00aa'),
    'half a li',
  ].join(''),
}

async function expectTakenOver(home: string): Promise<void> {
  const store = await Store.open(home)
  const { heads } = store
  expect([A, B].map((log) => heads.disagreement(log))).toEqual([undefined, undefined])
  for (const log of [A, B]) {
    expect(heads.get(log)).toEqual({
      seq: 2,
      tree: tree(20),
      note: 'head 20',
      signed: { key: 'k', size: 20, time: 1_700_000_002 },
      floor: { ...FLOOR, note: 'its head' },
      holds: [{ id: '00aa', acked: true }],
    })
  }
  expect(heads.disagreement(C)).toMatch(/database is at state 1, the guard .*at 3/)
  expect(heads.disagreement(D)).toMatch(/database is at state 0, the guard .*at 2/)
  expect(await store.history.get(A, 7)).toBe('a head')
  expect(existsSync(join(home, 'guard'))).toBe(false)
  await store.close()
}

describe('an old home', () => {
  test('is taken over: agreed logs continue, and disputed ones stay disputed, over restarts', async () => {
    const home = await oldHome(MIXED)
    await expectTakenOver(home)
    await expectTakenOver(home)
    const store = await Store.open(home)
    expect(await store.heads.change(A, store.heads.get(A), { tree: tree(21) })).toMatchObject({ seq: 3 })
    await expect(store.heads.change(C, store.heads.get(C), { tree: tree(41) })).rejects.toMatchObject({
      code: 'STATE_DISAGREES',
    })
    await store.close()
  })

  test('can be recovered from its database or its guard, whichever has more', async () => {
    const home = await oldHome(MIXED)
    for (let opening = 0; opening < 2; opening++) {
      const store = await Store.open(home)
      for (const log of [C, D]) await store.heads.recover(log)
      expect(store.heads.get(C)).toMatchObject({
        tree: tree(30),
        signed: { key: '', size: 30, time: 1_700_000_003 },
        floor: FLOOR,
        holds: [
          { id: '00aa', acked: false },
          { id: '00bb', acked: false },
        ],
      })
      expect(store.heads.get(D)).toMatchObject({ tree: tree(20), holds: [{ id: '00aa', acked: false }] })
      expect(store.heads.disagreement(C)).toBeUndefined()
      await store.close()
    }
  })

  test('without its guard has every log disputed, except one that cannot have lost anything', async () => {
    const home = await oldHome({ states: { [A]: second, [B]: first }, guard: undefined })
    const store = await Store.open(home)
    expect(store.heads.disagreement(A)).toMatch(/database is at state 2, the guard .*at 0/)
    expect(store.heads.disagreement(B)).toBeUndefined()
    await store.heads.recover(A)
    expect(store.heads.get(A), 'nothing of the state is lost').toMatchObject({ tree: tree(20), note: 'head 20' })
    await store.close()
  })

  test('with a guard that cannot be read is not taken over: that is not the same as none', async () => {
    const home = await oldHome({ ...MIXED, guard: undefined })
    mkdirSync(join(home, 'guard'))
    await expect(Store.open(home)).rejects.toThrow()
    expect(existsSync(join(home, 'journal'))).toBe(false)
  })

  test('with an unreadable state has that log disputed, and the guard still knows its tree', async () => {
    const home = await oldHome({ states: { [A]: 'half a st' }, guard: guardLine(A, 2, hashOf(second)) })
    const store = await Store.open(home)
    expect(store.heads.disagreement(A)).toMatch(/database is at state 0, the guard .*at 2/)
    await store.heads.recover(A)
    expect(store.heads.get(A)).toMatchObject({ tree: tree(20), signed: { size: 20, time: 1_700_000_002 } })
    await store.close()
  })

  test('whose guard alone knows a log, with a tree that was not signed, has promised and holds nothing', async () => {
    const home = await oldHome({ states: {}, guard: checkedLine(`${A} 1 ${hashOf(first)} 20 ${root(20)} 0 -`) })
    const store = await Store.open(home)
    await store.heads.recover(A)
    const { seq } = store.heads.get(A)
    expect(store.heads.get(A)).toEqual({ seq, tree: tree(20), holds: [] })
    await store.close()
  })

  test('with a changed line in its guard is damaged, and left as it is', async () => {
    const home = await oldHome({ ...MIXED, guard: MIXED.guard!.replace('0', '1') })
    await expect(Store.open(home)).rejects.toMatchObject({
      code: 'STORE_DAMAGED',
      detail: expect.stringContaining('line 1') as string,
    })
    expect(existsSync(join(home, 'guard'))).toBe(true)
    expect(existsSync(join(home, 'journal'))).toBe(false)
  })

  test('in which nothing was ever written is taken over too', async () => {
    const home = await oldHome({ states: {}, guard: '' })
    const store = await Store.open(home)
    expect(store.heads.logs()).toEqual([])
    await store.close()
  })
})

describe('a takeover that was stopped', () => {
  /** The old home with the new journal, before anything else. */
  async function withJournal(): Promise<string> {
    const home = await oldHome(MIXED)
    const db = new Level(join(home, 'db'))
    await db.open()
    const journal = new DiskJournalFile(join(home, 'journal'))
    await makeJournal({ states: new Disk(db).table('state'), guardPath: join(home, 'guard'), journal })
    await journal.close()
    await db.close()
    return home
  }

  test('while the journal was written is repeated', async () => {
    const home = await oldHome(MIXED)
    writeFileSync(join(home, 'journal.new'), 'half')
    await expectTakenOver(home)
  })

  test('before the database had its new version is repeated, even if the old version ran meanwhile', async () => {
    await expectTakenOver(await withJournal())
    const home = await withJournal()
    const db = new Level(join(home, 'db'))
    await db.open()
    await db.sublevel('state').put(A, third)
    await db.close()
    writeFileSync(join(home, 'guard'), `${MIXED.guard!.replace('half a li', '')}${guardLine(A, 3, hashOf(third))}`)
    const store = await Store.open(home)
    expect(store.heads.disagreement(A)).toBeUndefined()
    expect(store.heads.get(A).seq).toBe(3)
    await store.close()
  })

  test('before the guard was removed is finished', async () => {
    const home = await withJournal()
    const db = new Level(join(home, 'db'))
    await db.open()
    await db.sublevel('meta').put('schema', '2')
    await db.close()
    await expectTakenOver(home)
  })
})

test('an old database restored next to the journal does not replace it', async () => {
  const home = await oldHome(MIXED)
  const backup = temporaryHome()
  copyHome(home, backup)
  await expectTakenOver(home)
  let store = await Store.open(home)
  await store.heads.change(A, store.heads.get(A), { tree: tree(21) })
  await store.close()
  const journal = readFileSync(join(home, 'journal'))
  copyHome(join(backup, 'db'), join(home, 'db'))
  writeFileSync(join(home, 'guard'), readFileSync(join(backup, 'guard')))
  store = await Store.open(home)
  expect(store.heads.get(A)).toMatchObject({ seq: 3, tree: tree(21) })
  expect(store.heads.disagreement(A)).toBeUndefined()
  await store.close()
  // The old version, continued with alone, is ahead of it: that is reported.
  copyHome(backup, home)
  const db = new Level(join(home, 'db'))
  await db.open()
  await db.sublevel('state').put(A, oldState(9, hashOf('x')))
  await db.close()
  writeFileSync(join(home, 'journal'), journal)
  rmSync(join(home, 'guard'))
  store = await Store.open(home)
  expect(store.heads.disagreement(A)).toMatch(/database is at state 9, the journal at 3/)
  await store.close()
})
