/** Alerts that were not taken yet: kept on disk before anyone is notified, within bounds, whatever the disk does. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Outbox } from '../../src/alerts/outbox.js'
import type { Alert } from '../../src/alerts/alert.js'
import { temporaryHome } from '../helpers/home.js'
import { madeAlert } from './made.js'

/** Test machines are busy. */
const EVENTUALLY = { timeout: 20_000 }

const DAY = 86_400_000

function opened(dir: string, now = () => Date.parse(madeAlert().at)) {
  const errors: unknown[] = []
  const dropped: [string, readonly string[]][] = []
  const box = Outbox.open({
    ...{ dir, now },
    onError: (error) => errors.push(error),
    onDropped: (alert: Alert, receivers) => dropped.push([alert.id, receivers]),
  })
  return { box, errors, dropped }
}

test('alerts that a receiver has not accepted survive a restart, in order, only for that receiver', async () => {
  const dir = join(temporaryHome(), 'outbox')
  const box = await opened(dir).box
  const alerts = [madeAlert(1), madeAlert(2), madeAlert(3)]
  for (const alert of alerts) await box.put(alert, ['a', 'b'])
  await box.done(alerts[0]!.id, 'a')
  for (const { id } of alerts) await box.done(id, 'b')
  expect([box.oldest('a'), box.oldest('b'), box.count('a'), box.count('b')]).toEqual([alerts[1], undefined, 2, 0])

  const again = await opened(dir).box
  expect(again.oldest('a')).toEqual(alerts[1])
  expect([...again.receivers()]).toEqual(['a'])
  await again.put(madeAlert(0), ['a'])
  expect((await opened(dir).box).oldest('a')).toEqual(alerts[1])
  for (const { id } of alerts) await again.done(id, 'a')
  await again.put(madeAlert(9), ['a'])
  expect((await opened(dir).box).oldest('a'), 'what came last is told last').toEqual(madeAlert(0))
  await again.forget('a')
  expect(readdirSync(dir)).toEqual([])
})

test('above the maximum number, the oldest of the least severe are dropped, and evidence stays', async () => {
  const { box: opening, dropped } = opened(join(temporaryHome(), 'outbox'))
  const box = await opening
  const proof = madeAlert(0, { severity: 'misbehaviour', name: 'split view' })
  await box.put(proof, ['a'])
  for (let i = 1; i <= 300; i++) await box.put(madeAlert(i, { severity: 'doubtful' }), ['a'])
  expect(box.count('a')).toBe(256)
  expect(dropped.map(([id]) => id)).toEqual(
    Array.from({ length: 45 }, (_, i) => madeAlert(i + 1, { severity: 'doubtful' }).id),
  )
  expect(box.oldest('a')).toEqual(proof)
})

test('above the maximum size, alerts are dropped as well', async () => {
  const { box: opening, dropped } = opened(join(temporaryHome(), 'outbox'))
  const box = await opening
  const evidence = { id: 'e'.repeat(16), path: '/e', file: 'x'.repeat(64 * 1024) }
  for (let i = 0; i < 200; i++) await box.put(madeAlert(i, { evidence }), ['a'])
  expect(box.count('a')).toBeLessThan(128)
  expect(box.count('a')).toBeGreaterThan(100)
  expect(dropped).toHaveLength(200 - box.count('a'))
})

test('alerts that are too old are dropped, and the receivers reported', async () => {
  const dir = join(temporaryHome(), 'outbox')
  let now = Date.parse(madeAlert().at)
  const { box: opening, dropped } = opened(dir, () => now)
  const box = await opening
  await box.put(madeAlert(0), ['a', 'b'])
  now += 3 * DAY
  box.expire()
  expect(dropped).toEqual([])
  now += 1000
  box.expire()
  expect([dropped, box.oldest('a')]).toEqual([[[madeAlert(0).id, ['a', 'b']]], undefined])
  await expect.poll(() => readdirSync(dir), EVENTUALLY).toEqual([])
})

test.each([
  ['cut off', (text: string) => text.slice(0, 40)],
  ['empty', () => ''],
  ['no valid alert', () => '{"receivers":["a"]}'],
  ['another alert', (text: string) => text.replace(/"id":"[0-9a-f]{32}"/, `"id":"${'0'.repeat(32)}"`)],
])('a file that is %s is reported, and delays no other alert', async (_what, spoil) => {
  const dir = join(temporaryHome(), 'outbox')
  const first = await opened(dir).box
  await first.put(madeAlert(1), ['a'])
  await first.put(madeAlert(2), ['a'])
  const [name] = readdirSync(dir).toSorted()
  const path = join(dir, name!)
  writeFileSync(path, spoil(readFileSync(path, 'utf8')))
  const { box, errors } = opened(dir)
  expect((await box).oldest('a')).toEqual(madeAlert(2))
  expect(errors).toHaveLength(1)
  expect(existsSync(path), 'it is left for who wants to look').toBe(true)
})

test('a disk error is reported, and the alert is still sent', async () => {
  const home = temporaryHome()
  mkdirSync(join(home, 'alarm'))
  writeFileSync(join(home, 'alarm', 'outbox'), 'a file in its place')
  const { box: opening, errors } = opened(join(home, 'alarm', 'outbox'))
  const box = await opening
  await box.put(madeAlert(), ['a'])
  expect(box.oldest('a')).toEqual(madeAlert())
  expect(errors.length).toBeGreaterThanOrEqual(2)
})
