/** The clock is not trusted: it jumps, and no cosignature may have an earlier time than the one before it. */
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { cosignatureIn, MemoryGuard, startHeart, testSigner } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const history = new History(signer)
const START = Date.UTC(2026, 5, 1)
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const YEAR = 365 * 24 * HOUR

async function story() {
  const clock = { now: START }
  const db = new MemoryLevel()
  const guard = new MemoryGuard()
  const start = () => startHeart({ logKey: signer.verifier, prefix: showing(history), db, guard, now: () => clock.now })
  return { clock, start, heart: await start() }
}

test('a head is cosigned at the time of the clock', async () => {
  const { heart } = await story()
  await heart.submit('poll', history.head(5))
  expect(cosignatureIn(heart.published[0]!).time).toBe(START / 1000)
})

test.each([
  ['an hour', HOUR],
  ['a year', YEAR],
])('after a jump back of %s, times stay the same and never decrease, over a restart too', async (_name, jump) => {
  const { clock, heart, start } = await story()
  await heart.submit('poll', history.head(5))
  clock.now -= jump
  await heart.submit('poll', history.head(6))
  const again = await start()
  await again.submit('poll', history.head(7))
  expect([...heart.published, ...again.published].map((note) => cosignatureIn(note).time)).toEqual(
    Array<number>(3).fill(START / 1000),
  )
  clock.now = START + 1000
  await again.submit('poll', history.head(8))
  expect(cosignatureIn(again.published.at(-1)!).time).toBe(START / 1000 + 1)
})

test('a clock at or before the epoch gives a time that verifies', async () => {
  for (const now of [0, -YEAR, 999]) {
    const { clock, heart } = await story()
    clock.now = now
    await heart.submit('poll', history.head(5))
    expect(cosignatureIn(heart.published[0]!).time).toBe(1)
  }
})

test('an unchanged head is cosigned again after half an hour, and not before', async () => {
  const { clock, heart } = await story()
  await heart.submit('poll', history.head(5))
  clock.now += 30 * MINUTE - 1
  await heart.submit('poll', history.head(5))
  expect(heart.published).toHaveLength(1)
  clock.now += 1
  await heart.submit('poll', history.head(5))
  await heart.submit('poll', history.head(5))
  expect(heart.published.map((note) => cosignatureIn(note).time)).toEqual([START / 1000, START / 1000 + 1800])
})

test('after a jump back the refresh waits for the clock to catch up', async () => {
  const { clock, heart } = await story()
  await heart.submit('poll', history.head(5))
  clock.now -= HOUR
  await heart.submit('poll', history.head(5))
  expect(heart.published).toHaveLength(1)
  clock.now = START + 31 * MINUTE
  await heart.submit('poll', history.head(5))
  expect(cosignatureIn(heart.published[1]!).time).toBe(START / 1000 + 31 * 60)
})

test('a frozen log is not cosigned again', async () => {
  const { clock, heart } = await story()
  await heart.submit('poll', history.head(5))
  await heart.store.heads.hold(heart.log, '0abc')
  clock.now += HOUR
  expect((await heart.submit('poll', history.head(5))).kind).toBe('known')
  expect(heart.published).toHaveLength(1)
})
