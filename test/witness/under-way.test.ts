import { expect, test } from 'vitest'
import { endOfTurn } from '../../src/lib/timed.js'
import { UnderWay } from '../../src/witness/under-way.js'

/** A promise that is settled from outside. */
function work() {
  let end: (value: number) => void = () => undefined
  let fail: (error: Error) => void = () => undefined
  const promise = new Promise<number>((resolve, reject) => ([end, fail] = [resolve, reject]))
  return { promise, end: (value = 0) => end(value), fail: (error: Error) => fail(error) }
}

test('idle waits for all work under way, and for what that starts', async () => {
  const underWay = new UnderWay(
    (error) => expect.unreachable(String(error)),
    () => 0,
  )
  await underWay.idle()
  const [first, second] = [work(), work()]
  underWay.background(underWay.track(first.promise).then(() => underWay.track(second.promise)))
  let isIdle = false
  const idle = underWay.idle().then(() => (isIdle = true))
  first.end()
  await endOfTurn()
  expect(isIdle).toBe(false)
  second.end()
  await idle
})

test('the caller that tracks work gets its value or its failure, and nothing is reported elsewhere', async () => {
  const told: unknown[] = []
  const underWay = new UnderWay(
    (error) => told.push(error),
    () => 0,
  )
  const [good, bad] = [work(), work()]
  const [value, failure] = [underWay.track(good.promise), underWay.track(bad.promise)]
  good.end(7)
  bad.fail(new Error('no'))
  expect(await value).toBe(7)
  await expect(failure).rejects.toThrow('no')
  await underWay.idle()
  expect(told).toEqual([])
})

test('a failure that no caller waits for is reported once', async () => {
  const told: unknown[] = []
  const underWay = new UnderWay(
    (error) => told.push(error),
    () => 0,
  )
  const bad = work()
  underWay.background(bad.promise)
  bad.fail(new Error('no'))
  await underWay.idle()
  await endOfTurn()
  expect(told).toEqual([new Error('no')])
})

test('the age of the oldest unfinished work is known', async () => {
  let now = 0
  const underWay = new UnderWay(
    (error) => expect.unreachable(String(error)),
    () => now,
  )
  expect(underWay.oldestMs).toBe(0)
  const [first, second] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()]
  void underWay.track(first.promise)
  now = 10
  void underWay.track(second.promise)
  now = 100
  expect(underWay.oldestMs).toBe(100)
  first.resolve(undefined)
  await endOfTurn()
  expect(underWay.oldestMs).toBe(90)
  second.resolve(undefined)
  await underWay.idle()
  expect(underWay.oldestMs).toBe(0)
})
