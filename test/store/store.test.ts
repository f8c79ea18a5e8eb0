import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { HISTORY_LENGTH, History } from '../../src/store/history.js'
import { SCHEMA_VERSION, Store } from '../../src/store/store.js'
import { startChild } from '../helpers/crash-child-process.js'
import { MemoryState } from '../fakes/memory-state.js'
import { copyHome, temporaryHome } from '../helpers/home.js'
import { oldHome } from '../helpers/old-home.js'
import { MemoryJournal } from '../helpers/volatile-disk.js'

const LOG = 'a'.repeat(64)
const tree = (size: number) => ({ size, root: new Uint8Array(32).fill(size) })
const stored = (error: string) => expect.objectContaining({ code: error }) as Error

/** Opens a home, advances its log to each size, and closes it. */
async function advance(home: string, ...sizes: number[]): Promise<void> {
  const store = await Store.open(home)
  for (const size of sizes) await store.heads.change(LOG, store.heads.get(LOG), { tree: tree(size) })
  await store.close()
}

/** Writes the version of the layout into the database of a home, without any if it is undefined. */
async function setSchema(home: string, version: string | undefined): Promise<void> {
  const db = new Level(join(home, 'db'))
  await db.open()
  const meta = db.sublevel('meta')
  await (version === undefined ? meta.del('schema') : meta.put('schema', version))
  await db.close()
}

describe('a home', () => {
  test('that is new is created, and keeps what was written over a restart', async () => {
    const home = join(temporaryHome(), 'not', 'there', 'yet')
    await advance(home, 1, 2)
    const store = await Store.open(home)
    expect(store.heads.disagreement(LOG)).toBeUndefined()
    expect(store.heads.get(LOG)).toMatchObject({ seq: 2, tree: tree(2) })
    await store.close()
  })

  test('is used by one process: another gets STORE_LOCKED until the first has ended', async () => {
    const home = temporaryHome()
    const child = startChild({ home, die: 'never', after: 0, from: 1, to: 0, onlyOpen: true })
    await child.line((value) => value === 'open')
    await expect(Store.open(home)).rejects.toEqual(stored('STORE_LOCKED'))
    child.kill()
    expect(await child.gone).toBe('SIGKILL')
    await advance(home, 1)
  })

  test('can be opened only once in a process too, without disturbing its user', async () => {
    const home = temporaryHome()
    const store = await Store.open(home)
    await expect(Store.open(home)).rejects.toEqual(stored('STORE_LOCKED'))
    await store.heads.change(LOG, store.heads.get(LOG), { tree: tree(1) })
    await store.close()
    await advance(home, 2)
  })

  test('of a newer version is refused and left closed, with all its files', async () => {
    const home = temporaryHome()
    await advance(home, 1)
    await setSchema(home, `${Number(SCHEMA_VERSION) + 1}`)
    writeFileSync(join(home, 'guard'), '')
    await expect(Store.open(home)).rejects.toEqual(stored('STORE_SCHEMA'))
    await expect(Store.open(home), 'it did not stay open').rejects.toEqual(stored('STORE_SCHEMA'))
    expect(existsSync(join(home, 'guard'))).toBe(true)
  })

  test('in which only its database directory was created is new', async () => {
    const home = temporaryHome()
    mkdirSync(join(home, 'db'))
    for (const name of ['LOCK', '000001.dbtmp', '000003.log.gz']) writeFileSync(join(home, 'db', name), '')
    await advance(home, 1)
  })
})

test('a database that lost its CURRENT file is damaged, not new, even without a journal', async () => {
  const home = temporaryHome()
  await advance(home, 1)
  rmSync(join(home, 'db', 'CURRENT'))
  rmSync(join(home, 'journal'))
  await expect(Store.open(home)).rejects.toEqual(stored('STORE_DAMAGED'))
  expect(existsSync(join(home, 'db', 'CURRENT')), 'nothing was made in its place').toBe(false)
})

describe('a journal and a database of different ages', () => {
  test('an older journal is noticed, and recovered from the database', async () => {
    const home = temporaryHome()
    const backup = temporaryHome()
    await advance(home, 1, 2, 3)
    copyHome(join(home, 'journal'), join(backup, 'journal'))
    await advance(home, 4, 5)
    copyHome(join(backup, 'journal'), join(home, 'journal'))
    const store = await Store.open(home)
    expect(store.heads.disagreement(LOG)).toMatch(/database is at state 5.*journal at 3/)
    await expect(store.heads.change(LOG, store.heads.get(LOG), { tree: tree(4) })).rejects.toEqual(
      stored('STATE_DISAGREES'),
    )
    await store.heads.recover(LOG)
    expect(store.heads.get(LOG).tree).toEqual(tree(5))
    await store.close()
    const again = await Store.open(home)
    expect(again.heads.disagreement(LOG)).toBeUndefined()
    await again.close()
  })

  test('a journal of an earlier life is noticed even if it has more states than the database', async () => {
    const [home, earlier] = [temporaryHome(), temporaryHome()]
    await advance(earlier, 1, 2, 3, 4)
    await advance(home, 8, 9)
    copyHome(join(earlier, 'journal'), join(home, 'journal'))
    const store = await Store.open(home)
    expect(store.heads.disagreement(LOG)).toMatch(/journal at state 4 does not continue the database at 2/)
    await store.heads.recover(LOG)
    expect(store.heads.get(LOG).tree).toEqual(tree(9))
    await store.close()
  })

  test('an older database is brought up to date', async () => {
    const home = temporaryHome()
    const backup = temporaryHome()
    await advance(home, 1, 2, 3)
    copyHome(join(home, 'db'), join(backup, 'db'))
    await advance(home, 4, 5)
    copyHome(join(backup, 'db'), join(home, 'db'))
    const store = await Store.open(home)
    expect(store.heads.disagreement(LOG)).toBeUndefined()
    expect(store.heads.get(LOG).tree).toEqual(tree(5))
    await store.close()
    // Its content is noticed when the journal is gone.
    rmSync(join(home, 'journal'))
    const without = await Store.open(home)
    await without.heads.recover(LOG)
    expect(without.heads.get(LOG).tree).toEqual(tree(5))
    await without.close()
  })

  test('a missing journal is noticed, and recovered from the full database', async () => {
    const home = temporaryHome()
    await advance(home, 1, 2, 3)
    rmSync(join(home, 'journal'))
    const store = await Store.open(home)
    expect(store.heads.disagreement(LOG)).toEqual(expect.any(String))
    await store.heads.recover(LOG)
    expect(store.heads.disagreement(LOG)).toBeUndefined()
    expect(store.heads.get(LOG).tree).toEqual(tree(3))
    await store.close()
  })

  test('a journal without a database is not a new home', async () => {
    const home = temporaryHome()
    await advance(home, 1, 2, 3)
    rmSync(join(home, 'db'), { recursive: true })
    await expect(Store.open(home)).rejects.toEqual(stored('STORE_DAMAGED'))
    mkdirSync(join(home, 'db'), { recursive: true })
    await expect(Store.open(home)).rejects.toEqual(stored('STORE_DAMAGED'))
  })

  test('an empty database loses nothing that was signed', async () => {
    const home = temporaryHome()
    await advance(home, 1, 2, 3)
    const other = temporaryHome()
    await (await Store.open(other)).close()
    copyHome(join(other, 'db'), join(home, 'db'))
    const store = await Store.open(home)
    expect(store.heads.disagreement(LOG)).toBeUndefined()
    expect(store.heads.get(LOG).tree).toEqual(tree(3))
    await store.close()
  })
})

describe('the guard that older versions wrote', () => {
  test('is read even if the database next to it does not know its version', async () => {
    const home = oldHome('healthy')
    await setSchema(home, undefined)
    const store = await Store.open(home)
    const logs = store.heads.logs()
    expect(logs.length).toBeGreaterThan(0)
    expect(logs.map((log) => store.heads.disagreement(log))).toEqual(logs.map(() => undefined))
    expect(logs.map((log) => store.heads.get(log).signed?.time)).not.toContain(undefined)
    await store.close()
    expect(existsSync(join(home, 'guard'))).toBe(false)
  })

  test('is removed if they made it again, but not from a home that lost its journal', async () => {
    const home = temporaryHome()
    const guard = join(home, 'guard')
    await advance(home, 1)
    writeFileSync(guard, '')
    await advance(home, 2)
    expect(existsSync(guard)).toBe(false)
    rmSync(join(home, 'journal'))
    writeFileSync(guard, '')
    const store = await Store.open(home)
    expect(store.heads.disagreement(LOG)).toEqual(expect.any(String))
    await store.close()
    expect(existsSync(guard)).toBe(true)
  })
})

describe('a home whose state is shared with other machines', () => {
  const mark = (home: string): string => join(home, 'state-elsewhere')

  test('is marked on its first start with that state, and refuses to open without it from then on', async () => {
    const home = temporaryHome()
    const shared = new MemoryState()
    for (let start = 1; start <= 2; start++) {
      const store = await Store.open(home, shared)
      expect(store.heads.isShared).toBe(true)
      await store.heads.change(LOG, store.heads.get(LOG), { tree: tree(start) })
      await store.close()
      expect(shared.states.get(LOG)?.seq).toBe(start)
      await expect(Store.open(home)).rejects.toEqual(stored('STATE_ELSEWHERE'))
    }
  })

  test('keeps the mark that it has', async () => {
    const home = temporaryHome()
    writeFileSync(mark(home), 'moved by the operator')
    await (await Store.open(home, new MemoryState())).close()
    expect(readFileSync(mark(home), 'utf8')).toBe('moved by the operator')
  })

  test('opens without that state in order to be moved, either way, and that marks nothing', async () => {
    for (const isMarked of [false, true]) {
      const home = temporaryHome()
      if (isMarked) writeFileSync(mark(home), '')
      const store = await Store.open(home, 'moving')
      expect(store.heads.isShared).toBe(false)
      await store.close()
      expect(existsSync(mark(home))).toBe(isMarked)
    }
  })

  test('is not marked by a start that the shared state refused', async () => {
    const home = temporaryHome()
    const shared = Object.assign(new MemoryState(), { rows: () => Promise.resolve(undefined) })
    await expect(Store.open(home, shared)).rejects.toEqual(stored('STATE_UNKNOWN'))
    await advance(home, 1)
  })
})

describe('a store that cannot write', () => {
  test('its journal says why, until it can', async () => {
    const journal = new MemoryJournal()
    const store = await Store.over(new MemoryLevel(), journal)
    expect(store.failure).toBeUndefined()
    journal.fault = (place) => (place === 'append' ? 'EIO' : undefined)
    const change = () => store.heads.change(LOG, store.heads.get(LOG), { tree: tree(1) })
    await expect(change()).rejects.toEqual(stored('STORE_WRITE_FAILED'))
    expect(store.failure).toMatch(/EIO/)
    journal.fault = () => undefined
    await change()
    expect(store.failure).toBeUndefined()
  })

  test('its database stays open for reads while there is no room, and is never made anew', async () => {
    const home = temporaryHome()
    const [db, away, room] = [join(home, 'db'), join(home, 'away'), join(home, 'db.room')]
    const store = await Store.open(home)
    await store.quorum.put('first', 'head')
    renameSync(db, away)
    mkdirSync(room)
    // More than its memory holds: LevelDB needs a new file for the second.
    const large = 'x'.repeat(2 * 1024 * 1024)
    await store.quorum.put('large', large)
    for (let tries = 0; tries < 2; tries++) {
      await expect(store.quorum.put('second', 'head')).rejects.toEqual(stored('STORE_WRITE_FAILED'))
      expect(await store.quorum.get('first')).toBe('head')
    }
    expect(store.failure).toMatch(/db\.room/)
    rmdirSync(room)
    for (let tries = 0; tries < 2; tries++)
      await expect(store.quorum.put('second', 'head')).rejects.toEqual(stored('STORE_WRITE_FAILED'))
    await expect(store.quorum.get('first')).rejects.toEqual(stored('STORE_WRITE_FAILED'))
    rmSync(db, { recursive: true })
    renameSync(away, db)
    await store.quorum.put('second', 'head')
    expect(store.failure).toBeUndefined()
    expect(await store.quorum.entries()).toEqual([
      ['first', 'head'],
      ['large', large],
      ['second', 'head'],
    ])
    await store.close()
  })
})

describe('what can be fetched again is bounded', () => {
  test('history keeps the newest heads', async () => {
    const table = new Disk(new MemoryLevel()).table('history')
    await table.put('b'.repeat(64) + '!0000000000000001', 'of another log')
    const full = new History(table)
    for (let size = 1; size <= HISTORY_LENGTH; size++) await full.put(LOG, size, `head ${size}`)
    for (const history of [full, new History(table)]) {
      await history.put(LOG, HISTORY_LENGTH + 5, 'newest')
      expect(await history.get(LOG, 1)).toBeUndefined()
      expect(await history.get(LOG, 2)).toBe('head 2')
      expect(await history.latest(LOG, 2)).toEqual([
        { size: HISTORY_LENGTH + 5, note: 'newest' },
        { size: HISTORY_LENGTH, note: `head ${HISTORY_LENGTH}` },
      ])
    }
    expect((await table.keys()).length).toBe(HISTORY_LENGTH + 1)
  })

  test('old tiles are dropped, and tiles in use stay', async () => {
    const store = await Store.over(new MemoryLevel(), new MemoryJournal())
    const tiles = store.tiles.of('log')
    const data = (n: number): Uint8Array => new Uint8Array(64).fill(n)
    await tiles.put('in use', data(1))
    for (let i = 0; i < 3; i++) {
      for (let n = 0; n < 4096; n++) await tiles.put(`tile ${i} ${n}`, data(n))
      expect(await tiles.get('in use')).toEqual(data(1))
    }
    expect(await tiles.get('tile 0 0')).toBeUndefined()
    expect(await tiles.get('tile 2 4000')).toEqual(data(4000))
    expect(await store.tiles.of('another log').get('tile 2 4000')).toBeUndefined()
  })

  test('tiles that arrive many at a time are bounded too', async () => {
    const db = new MemoryLevel()
    const tiles = (await Store.over(db, new MemoryJournal())).tiles.of('log')
    for (let batch = 0; batch < 1600; batch++) {
      await Promise.all(Array.from({ length: 8 }, (_, i) => tiles.put(`tile ${batch} ${i}`, new Uint8Array(32))))
    }
    const kept = await Promise.all([0, 1].map((n) => db.sublevel(`tiles-${n}`).keys().all()))
    expect(kept.flat().length).toBeLessThanOrEqual(8192)
  })
})
