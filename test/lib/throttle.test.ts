/** What is done again after each change: at once, once per pause, and before anybody is told. */
import { expect, test } from 'vitest'
import { Throttle } from '../../src/lib/throttle.js'
import { endOfTurn } from '../../src/lib/timed.js'

/** Acts that end when told to, and pauses that end when told to. */
function start() {
  const begun: string[] = []
  const ends: (() => void)[] = []
  const pauses = new Set<() => void>()
  const throttle = new Throttle(
    (key) => {
      begun.push(key)
      return new Promise((resolve) => ends.push(resolve))
    },
    1000,
    (act, ms) => {
      expect(ms).toBe(1000)
      const over = (): void => {
        pauses.delete(over)
        act()
      }
      pauses.add(over)
      return () => void pauses.delete(over)
    },
  )
  return {
    ...{ begun, throttle, pauses },
    /** Ends the oldest act in progress. */
    end: async () => {
      ends.shift()!()
      await endOfTurn()
    },
    pauseOver: () => [...pauses].forEach((over) => over()),
  }
}

/** Whether a promise has resolved by the end of this turn. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false
  void promise.then(() => (done = true))
  await endOfTurn()
  return done
}

test('the first change is acted on at once, and those of a pause once, at its end', async () => {
  const { throttle, begun, end, pauseOver, pauses } = start()
  throttle.changed('a')
  expect(begun).toEqual(['a'])
  // During the act: it may have read what was there before.
  throttle.changed('a')
  await end()
  for (let i = 0; i < 100; i++) throttle.changed('a')
  await endOfTurn()
  expect(begun).toEqual(['a'])
  pauseOver()
  expect(begun).toEqual(['a', 'a'])
  await end()
  // Nothing changed in this pause.
  pauseOver()
  expect([begun.length, pauses.size]).toEqual([2, 0])
  throttle.changed('a')
  expect(begun).toHaveLength(3)
})

test('a key does not wait for another', async () => {
  const { throttle, begun, end } = start()
  throttle.changed('a')
  throttle.changed('b')
  expect(begun).toEqual(['a', 'b'])
  expect(await isDone(throttle.settled('c'))).toBe(true)
  const a = throttle.settled('a')
  await end()
  expect(await isDone(a)).toBe(true)
  expect(await isDone(throttle.settled('b'))).toBe(false)
})

test('whoever waits until it is settled does not wait for a pause, but for what is due', async () => {
  const { throttle, begun, end, pauses } = start()
  throttle.changed('a')
  await end()
  expect(await isDone(throttle.settled('a'))).toBe(true)
  throttle.changed('a')
  const waiting = [throttle.settled('a'), throttle.settled('a')]
  await endOfTurn()
  // The pause is over with it, and both wait for one act.
  expect([begun.length, pauses.size]).toEqual([2, 0])
  for (const one of waiting) expect(await isDone(one)).toBe(false)
  await end()
  for (const one of waiting) expect(await isDone(one)).toBe(true)
  expect(pauses.size).toBe(1)
})

test('a change during the act is part of what is waited for', async () => {
  const { throttle, begun, end } = start()
  throttle.changed('a')
  throttle.changed('a')
  const settled = throttle.settled('a')
  await end()
  expect([begun.length, await isDone(settled)]).toEqual([2, false])
  await end()
  expect(await isDone(settled)).toBe(true)
})

test('stopping does what is due, and nothing later', async () => {
  const { throttle, begun, end, pauses } = start()
  for (const key of ['a', 'b']) throttle.changed(key)
  await end()
  await end()
  throttle.changed('b')
  const stopped = throttle.stop()
  throttle.changed('a')
  await endOfTurn()
  expect(begun).toEqual(['a', 'b', 'b'])
  await end()
  expect([await isDone(stopped), pauses.size]).toEqual([true, 0])
  throttle.changed('a')
  expect(begun).toHaveLength(3)
})
