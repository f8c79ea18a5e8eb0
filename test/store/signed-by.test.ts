import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { Disk } from '../../src/store/disk.js'
import { MAX_SIGNERS, SignedBy, type KeyStanding } from '../../src/store/signed-by.js'

const LOG = 'ab'.repeat(32)
const OTHER = 'ac'.repeat(32)
/** All keys have the same standing. */
const all =
  (standing: KeyStanding) =>
  (vkeys: readonly string[]): KeyStanding[] =>
    vkeys.map(() => standing)
const none = all('stranger')

function start(now = Date.now, monotonic = now) {
  const table = new Disk(new MemoryLevel()).table('signed-by')
  const restart = async (): Promise<SignedBy> => {
    const again = new SignedBy(table, now, monotonic)
    await again.load(LOG)
    await again.load(OTHER)
    return again
  }
  return { table, restart, signedBy: new SignedBy(table, now, monotonic) }
}

test('a larger head, or a later one of the same size, replaces the known one', async () => {
  const { signedBy, restart } = start()
  const steps: [size: number, time: number, kept: [number, number]][] = [
    [5, 100, [5, 100]],
    [5, 100, [5, 100]],
    [5, 90, [5, 100]],
    [5, 110, [5, 110]],
    [4, 500, [5, 110]],
    [6, 50, [6, 50]],
  ]
  for (const [size, time, kept] of steps) {
    await signedBy.put(LOG, 'w', { size, time, note: `${size} at ${time}` }, none)
    expect(signedBy.get(LOG, 'w')).toMatchObject({ size: kept[0], time: kept[1] })
    expect(await signedBy.note(LOG, 'w')).toBe(kept.join(' at '))
  }
  expect(signedBy.isNews(LOG, 'w', { size: 6, time: 50 }), 'the same again').toBe(false)
  expect((await restart()).get(LOG, 'w')).toMatchObject({ size: 6, time: 50 })
})

test('logs and keys are kept separate, whatever a key contains', async () => {
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
    expect(each.get('ad'.repeat(32), keys[0]!)).toBeUndefined()
  }
})

test('a head has the root in its third line, and is dated by the clocks of this machine', async () => {
  const table = new Disk(new MemoryLevel()).table('signed-by')
  const signedBy = new SignedBy(table)
  await signedBy.put(LOG, 'w', { size: 5, time: 1, note: 'log.example\n5\nroot=\n\n— log.example line\n' }, none)
  const again = new SignedBy(table)
  await again.load(LOG)
  for (const each of [signedBy, again]) {
    const { root, heardAt } = each.get(LOG, 'w')!
    expect(root).toBe('root=')
    expect(Math.abs(Date.now() - heardAt)).toBeLessThan(3_600_000)
  }
})

test('of 1024 keys per log, the one silent longest by our own clock makes room, but none that counts', async () => {
  let now = 1_000_000
  const { signedBy, restart } = start(() => now)
  const standings = (vkeys: readonly string[]): KeyStanding[] =>
    vkeys.map((key) => (key === 'ours' ? 'counted' : 'stranger'))
  const put = async (key: string, size: number, time: number): Promise<void> => {
    now += 1000
    await signedBy.put(LOG, key, { size, time, note: key }, standings)
  }
  await put('ours', 5, 1)
  // A time claimed by a key protects it from nothing: these claim to sign in 30,000 years.
  for (let i = 0; i < MAX_SIGNERS - 1; i++) await put(`other ${i}`, 5, 9e11 - i)
  await put('other 0', 6, 1)
  for (let i = 0; i < 9; i++) await put(`late ${i}`, 5, 1)
  const again = await restart()
  for (const each of [signedBy, again]) {
    expect(each.get(LOG, 'ours')).toMatchObject({ size: 5, time: 1 })
    for (const here of ['other 0', 'other 10', 'late 0', 'late 8']) expect(each.get(LOG, here), here).toBeDefined()
    for (const gone of ['other 1', 'other 9']) expect(each.get(LOG, gone), gone).toBeUndefined()
    expect(await each.note(LOG, 'other 9')).toBeUndefined()
  }
  await again.put(LOG, 'latest', { size: 5, time: 1, note: 'latest' }, standings)
  expect(again.get(LOG, 'other 10'), 'the order outlives a restart').toBeUndefined()
  expect(again.get(LOG, 'other 11')).toBeDefined()
})

test('strangers displace only strangers, and relayed keys are displaced before counted keys', async () => {
  const { signedBy } = start()
  const standings = (vkeys: readonly string[]): KeyStanding[] => vkeys.map((key) => key.split(' ')[0] as KeyStanding)
  const put = (key: string): Promise<void> => signedBy.put(LOG, key, { size: 5, time: 1, note: key }, standings)
  const has = (key: string): boolean => signedBy.get(LOG, key) !== undefined
  await put('relayed 0')
  await put('relayed 1')
  await put('stranger 0')
  for (let i = 3; i < MAX_SIGNERS; i++) await put(`counted ${i}`)
  await put('stranger 1')
  expect([has('stranger 0'), has('stranger 1'), has('relayed 0')]).toEqual([false, true, true])
  await put('relayed 2')
  expect([has('stranger 1'), has('relayed 2'), has('relayed 0')]).toEqual([false, true, true])
  await put('stranger 2')
  expect([has('stranger 2'), has('relayed 0')]).toEqual([false, true])
  await put('relayed 3')
  expect([has('relayed 3'), has('relayed 0'), has('relayed 1')]).toEqual([true, false, true])
})

test('a head is dated by when we heard of it or, in old records, when it was signed, but no later than now', async () => {
  let now = 5_000_000
  const { signedBy, restart, table } = start(() => now)
  await signedBy.put(LOG, 'w', { size: 5, time: 9e11, note: 'x' }, none)
  await table.put(`${LOG}!old`, JSON.stringify({ size: 5, time: 100, note: 'x' }))
  await table.put(`${LOG}!old and wrong`, JSON.stringify({ size: 5, time: 9e11, note: 'x' }))
  now = 6_000_000
  const again = await restart()
  expect(['w', 'old', 'old and wrong'].map((key) => again.get(LOG, key)?.heardAt)).toEqual([5e6, 1e5, 6e6])
})

test('if all keys count, a new one is not added', async () => {
  const { signedBy } = start()
  for (let i = 0; i <= MAX_SIGNERS; i++)
    await signedBy.put(LOG, `${i}`, { size: 5, time: 1, note: 'x' }, all('counted'))
  expect(signedBy.get(LOG, `${MAX_SIGNERS}`)).toBeUndefined()
  expect(signedBy.get(LOG, '0')).toBeDefined()
})

test('a damaged record counts as none, and is rewritten', async () => {
  const { signedBy, restart, table } = start()
  await signedBy.put(LOG, 'w', { size: 5, time: 1, note: 'x' }, none)
  const wrong = [{ size: -1 }, { time: -1 }, { heardAt: -1 }, { note: 1 }]
  const records = wrong.map((fields) => JSON.stringify({ size: 5, time: 1, heardAt: 1, note: 'x', ...fields }))
  for (const damaged of ['{"size":5', '{"size":5,"time":1}', 'null', ...records]) {
    await table.put(`${LOG}!w`, damaged)
    const again = await restart()
    expect(again.get(LOG, 'w')).toBeUndefined()
    expect(await again.note(LOG, 'w')).toBeUndefined()
    await again.put(LOG, 'w', { size: 4, time: 1, note: 'y' }, none)
    expect(again.get(LOG, 'w')?.size).toBe(4)
  }
})

test('a clock that was ahead for a while does not hide that a witness has fallen silent', async () => {
  const time = { now: 5_000_000, monotonic: 0 }
  const { signedBy, restart } = start(
    () => time.now,
    () => time.monotonic,
  )
  time.now += 3 * 86_400_000
  await signedBy.put(LOG, 'w', { size: 5, time: 9e11, note: 'x' }, none)
  expect(signedBy.get(LOG, 'w')?.heardAt).toBe(time.now)
  time.now -= 3 * 86_400_000
  time.now += 1000
  time.monotonic += 1000
  expect(signedBy.get(LOG, 'w')?.heardAt, 'a second ago').toBe(time.now - 1000)
  const again = await restart()
  time.now += 7_200_000
  time.monotonic += 7_200_000
  expect(signedBy.get(LOG, 'w')?.heardAt).toBe(time.now - 7_201_000)
  expect(again.get(LOG, 'w')?.heardAt, 'at the latest when the home was opened').toBe(time.now - 7_200_000)
})
