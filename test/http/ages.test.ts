import { expect, test } from 'vitest'
import { Ages } from '../../src/status/ages.js'

/** A wall clock and a monotonic clock, both in milliseconds. */
function clocks() {
  const time = { wall: 1_000_000, monotonic: 0 }
  const ages = new Ages(
    () => time.wall,
    () => time.monotonic,
  )
  const pass = (ms: number): void => {
    time.wall += ms
    time.monotonic += ms
  }
  return { ages, time, pass }
}

test('an age is measured by the time of day, in seconds', () => {
  const { ages, pass } = clocks()
  expect(ages.of('head', 990_000)).toBe(10)
  pass(5_500)
  expect(ages.of('head', 990_000)).toBe(15.5)
})

test('a future time has age 0 at first, and then ages from when it was first seen', () => {
  const { ages, pass } = clocks()
  const future = 1_000_000 + 86_400_000
  expect(ages.of('head', future)).toBe(0)
  pass(60_000)
  expect(ages.of('head', future)).toBe(60)
})

test('a clock set back makes nothing younger than the time since it was first seen', () => {
  const { ages, time, pass } = clocks()
  ages.of('head', 1_000_000)
  pass(60_000)
  time.wall -= 3_600_000
  expect(ages.of('head', 1_000_000)).toBe(60)
})

test('a different value under the same name starts a new age; names are independent', () => {
  const { ages, time, pass } = clocks()
  ages.of('one', 1_000_000)
  ages.of('other', 1_000_000)
  pass(60_000)
  time.wall = 0
  expect(ages.of('one', 1_000_001)).toBe(0)
  expect(ages.of('other', 1_000_000)).toBe(60)
})
