import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { MAX_SEEN_KEYS, MAX_STRANGER_BYTES, SeenLines } from '../../src/store/seen-lines.js'
import type { KeyStanding } from '../../src/store/signed-by.js'

const [LOG, OTHER] = ['ab'.repeat(32), 'ac'.repeat(32)]
/** Keys are named after their standing with us. */
const standings = (vkeys: readonly string[]): KeyStanding[] => vkeys.map((key) => key.split('/')[0] as KeyStanding)

function start() {
  let now = 1_000
  const table = new Disk(new MemoryLevel()).table('seen-lines')
  const fresh = () => new SeenLines(table, () => now++)
  const restart = async (): Promise<SeenLines> => {
    const again = fresh()
    for (const log of [LOG, OTHER]) await again.load(log)
    return again
  }
  const seen = fresh()
  const put = (key: string, size: number, root: string, time = 1, note = `${root} at ${time}`, its = seen) =>
    its.put(LOG, key, { size, root, time, note }, standings)
  return { table, seen, restart, put }
}

test('the largest head of a key and log is kept with its latest time, and one other of its size', async () => {
  const { seen, restart, put } = start()
  const steps: [size: number, root: string, time: number, kept: string[]][] = [
    [5, 'A', 100, ['A at 100']],
    [4, 'B', 900, ['A at 100']],
    [5, 'A', 90, ['A at 100']],
    [5, 'A', 110, ['A at 110']],
    [5, 'A', 110, ['A at 110']],
    [5, 'B', 1, ['A at 110', 'B at 1']],
    [5, 'B', 2, ['A at 110', 'B at 2']],
    [5, 'C', 999, ['A at 110', 'B at 2']],
    [6, 'D', 1, ['D at 1']],
  ]
  for (const [size, root, time, kept] of steps) {
    const before = await seen.notes(LOG, 'stranger/w')
    expect(seen.isNews(LOG, 'stranger/w', { size, root, time })).toBe(JSON.stringify(before) !== JSON.stringify(kept))
    await put('stranger/w', size, root, time)
    for (const each of [seen, await restart()]) expect((await each.notes(LOG, 'stranger/w')).sort()).toEqual(kept)
  }
})

test('a head of our history is forgotten here, and nothing else', async () => {
  const { seen, restart, put } = start()
  await put('stranger/w', 5, 'A')
  await put('stranger/w', 5, 'B')
  await seen.forget(LOG, 'stranger/w', { size: 4, root: 'A' })
  await seen.forget(LOG, 'stranger/w', { size: 5, root: 'C' })
  await seen.forget(LOG, 'stranger/v', { size: 5, root: 'A' })
  await seen.forget(OTHER, 'stranger/w', { size: 5, root: 'A' })
  expect(seen.get(LOG, 'stranger/w')).toHaveLength(2)
  await seen.forget(LOG, 'stranger/w', { size: 5, root: 'A' })
  for (const each of [seen, await restart()]) expect(await each.notes(LOG, 'stranger/w')).toEqual(['B at 1'])
  await seen.forget(LOG, 'stranger/w', { size: 5, root: 'B' })
  for (const each of [seen, await restart()]) expect(each.logs('stranger/w')).toEqual([])
})

test('strangers displace no key, and a key that counts displaces the last of those that count less', async () => {
  const { seen, restart, put } = start()
  const has = (its: SeenLines, ...keys: string[]): boolean[] => keys.map((key) => its.get(LOG, key).length > 0)
  await put('relayed/0', 5, 'A')
  await put('relayed/1', 5, 'A')
  for (let i = 2; i < MAX_SEEN_KEYS; i++) await put(`stranger/${i}`, 5, 'A')
  await put('stranger/flood', 5, 'A')
  const last = `stranger/${MAX_SEEN_KEYS - 1}`
  expect(has(seen, 'stranger/flood', last, 'stranger/2')).toEqual([false, true, true])
  await put('stranger/2', 6, 'B')
  expect(await seen.notes(LOG, 'stranger/2'), 'whoever is here goes on').toEqual(['B at 1'])
  const again = await restart()
  await put('relayed/2', 5, 'A', 1, 'x', again)
  expect(has(again, 'relayed/2', last, `stranger/${MAX_SEEN_KEYS - 2}`)).toEqual([true, false, true])
  expect(has(await restart(), last)).toEqual([false])
  for (let i = 3; i < MAX_SEEN_KEYS; i++) await put(`counted/${i}`, 5, 'A', 1, 'x', again)
  await put('relayed/3', 5, 'A', 1, 'x', again)
  expect(has(again, 'stranger/2', 'relayed/0', 'relayed/2', 'relayed/3')).toEqual([false, true, true, false])
  await put('counted/a', 5, 'A', 1, 'x', again)
  expect(has(again, 'counted/a', 'relayed/0', 'relayed/1', 'relayed/2')).toEqual([true, true, true, false])
})

test.each([
  ['stranger', MAX_STRANGER_BYTES, [LOG]],
  ['stranger', MAX_STRANGER_BYTES + 1, []],
  ['counted', MAX_STRANGER_BYTES + 1, [LOG]],
])('only a large head of a stranger is not kept: %s, %d bytes', async (standing, bytes, logs) => {
  const { seen, put } = start()
  await put(`${standing}/w`, 5, 'A', 1, 'x'.repeat(bytes))
  expect(seen.logs(`${standing}/w`)).toEqual(logs)
})

test('what was seen of one log is not taken for another', async () => {
  const { restart, put } = start()
  await put('stranger/w', 5, 'A')
  expect((await restart()).logs('stranger/w')).toEqual([LOG])
})

test('a record that was lost or damaged since has no note', async () => {
  const { seen, put, table } = start()
  await put('stranger/w', 5, 'A')
  await put('stranger/w', 5, 'B')
  await table.put(`${LOG} stranger/w A`, 'half a re')
  expect(await seen.notes(LOG, 'stranger/w')).toEqual(['B at 1'])
  await table.del(`${LOG} stranger/w B`)
  expect(await seen.notes(LOG, 'stranger/w')).toEqual([])
})

const WHOLE = { size: 5, time: 1, root: 'A', note: 'x', since: 1 }
const wrong = [{ size: -1 }, { time: -1 }, { since: -1 }, { root: 1 }, { note: 1 }]
test('a damaged record counts as none, and is rewritten', async () => {
  const { restart, put, table } = start()
  const records = wrong.map((fields) => JSON.stringify({ ...WHOLE, ...fields }))
  for (const damaged of ['{"size":5', '{"size":5,"time":1}', 'null', ...records]) {
    await put('stranger/w', 5, 'A')
    await table.put(`${LOG} stranger/w A`, damaged)
    const again = await restart()
    expect(again.get(LOG, 'stranger/w')).toEqual([])
    await put('stranger/w', 4, 'A', 1, 'x', again)
    expect(await again.notes(LOG, 'stranger/w')).toEqual(['x'])
  }
})
