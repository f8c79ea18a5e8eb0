import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { MAX_SIGNERS, SignedBy } from '../../src/store/signed-by.js'

const LOG = 'ab'.repeat(32)
const OTHER = 'ac'.repeat(32)
const none = (): boolean => false

function start() {
  const table = new Disk(new MemoryLevel()).table('signed-by')
  const restart = async (): Promise<SignedBy> => {
    const again = new SignedBy(table)
    await again.load(LOG)
    await again.load(OTHER)
    return again
  }
  return { table, restart, signedBy: new SignedBy(table) }
}

test('what is larger, or as large and later, takes the place of what was known', async () => {
  const { signedBy, restart } = start()
  const steps: [size: number, time: number, kept: [number, number]][] = [
    [5, 100, [5, 100]],
    [5, 90, [5, 100]],
    [5, 110, [5, 110]],
    [4, 500, [5, 110]],
    [6, 50, [6, 50]],
  ]
  for (const [size, time, kept] of steps) {
    await signedBy.put(LOG, 'w', { size, time, note: `${size} at ${time}` }, none)
    expect(signedBy.get(LOG, 'w')).toEqual({ size: kept[0], time: kept[1] })
    expect(await signedBy.note(LOG, 'w')).toBe(kept.join(' at '))
  }
  expect((await restart()).get(LOG, 'w')).toEqual({ size: 6, time: 50 })
})

test('logs and keys are kept apart, whatever is in a key', async () => {
  const { signedBy, restart } = start()
  const keys = ['a+1+A/=', 'a!b"+1+A', 'ä…+1+A']
  for (const [i, key] of keys.entries()) await signedBy.put(LOG, key, { size: i, time: 1, note: key }, none)
  await signedBy.put(OTHER, keys[0]!, { size: 9, time: 2, note: 'other' }, none)
  const again = await restart()
  for (const each of [signedBy, again]) {
    expect(keys.map((key) => each.get(LOG, key)?.size)).toEqual([0, 1, 2])
    expect(each.logs(keys[0]!).sort()).toEqual([LOG, OTHER])
    expect(each.logs(keys[1]!)).toEqual([LOG])
    expect(await each.note(LOG, keys[1]!)).toBe(keys[1])
  }
})

test('1024 keys a log: the one that was silent for longest makes room, but none that counts', async () => {
  const { signedBy, restart } = start()
  const put = (key: string, time: number): Promise<void> =>
    signedBy.put(LOG, key, { size: 5, time, note: key }, (candidate) => candidate === 'ours')
  await put('ours', 1)
  for (let i = 0; i < MAX_SIGNERS + 9; i++) await put(`other ${i}`, 100 + i)
  const again = await restart()
  for (const each of [signedBy, again]) {
    expect(each.get(LOG, 'ours')).toEqual({ size: 5, time: 1 })
    expect(each.get(LOG, 'other 9')).toBeUndefined()
    expect(each.get(LOG, 'other 10')).toBeDefined()
    expect(await each.note(LOG, 'other 9')).toBeUndefined()
  }
})

test('where all keys count a new one does not', async () => {
  const { signedBy } = start()
  for (let i = 0; i <= MAX_SIGNERS; i++) await signedBy.put(LOG, `${i}`, { size: 5, time: 1, note: 'x' }, () => true)
  expect(signedBy.get(LOG, `${MAX_SIGNERS}`)).toBeUndefined()
  expect(signedBy.get(LOG, '0')).toBeDefined()
})

test('a damaged record is none, and is made anew', async () => {
  const { signedBy, restart, table } = start()
  await signedBy.put(LOG, 'w', { size: 5, time: 1, note: 'x' }, none)
  for (const damaged of ['{"size":5', '{"size":5,"time":1}', 'null']) {
    await table.put(`${LOG}!w`, damaged)
    const again = await restart()
    expect(again.get(LOG, 'w')).toBeUndefined()
    expect(await again.note(LOG, 'w')).toBeUndefined()
    await again.put(LOG, 'w', { size: 4, time: 1, note: 'y' }, none)
    expect(again.get(LOG, 'w')?.size).toBe(4)
  }
})
