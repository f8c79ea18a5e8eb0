/** The whole store over a disk in memory that loses at a crash what was not synced: nothing acknowledged is lost. */
import { expect, test } from 'vitest'
import { Store } from '../../src/store/store.js'
import { MemoryJournal, seeded, VolatileDatabase } from '../helpers/volatile-disk.js'

const LOGS = ['a', 'b', 'c'].map((letter) => letter.repeat(64))
const tree = (size: number) => ({ size, root: new Uint8Array(32).fill(size) })

test('nothing acknowledged is lost in a crash that drops or tears journal and database separately', async () => {
  let lagged = 0
  for (let seed = 0; seed < 60; seed++) {
    const chance = seeded(seed)
    let [file, database] = [new MemoryJournal(), await VolatileDatabase.make()]
    const acked = new Map<string, number>()
    for (let life = 0; life < 6; life++) {
      const store = await Store.over(database.db, file)
      for (const log of LOGS) {
        expect(store.heads.disagreement(log), `seed ${seed}`).toBeUndefined()
        expect(store.heads.get(log).seq, `seed ${seed}`).toBeGreaterThanOrEqual(acked.get(log) ?? 0)
      }
      for (let i = Math.floor(chance() * 8); i > 0; i--) {
        const log = LOGS[Math.floor(chance() * LOGS.length)]!
        const from = store.heads.get(log)
        const changed = store.heads.change(log, from, { tree: tree(from.seq + 1) })
        if (chance() < 0.2) void changed.catch(() => undefined)
        else acked.set(log, (await changed)?.seq ?? from.seq)
        if (chance() < 0.3) await store.flush()
      }
      file = file.crash(chance)
      database = await database.crash(chance)
      const stored = await database.db.sublevel('state').values().all()
      if (stored.length < acked.size) lagged++
    }
  }
  expect(lagged, 'some of it was lost from the database').toBeGreaterThan(0)
})
