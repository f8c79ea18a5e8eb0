/** When a head became a quorum head: witnesses that lie about the time change it only as far as they could anyway. */
import { expect, test } from 'vitest'
import { quorumTime, renewedTime } from '../../src/witness/quorum-time.js'

const times = (said: Record<string, number>) => new Map(Object.entries(said).map(([key, time]) => [key, { time }]))
const two = (signedBy: ReadonlySet<string>): boolean => signedBy.size >= 2

test('the time is that of the cosignature that completed the quorum', () => {
  expect(quorumTime(times({ a: 100, b: 130, c: 500 }), two)).toBe(130)
  expect(quorumTime(times({ c: 500, b: 130, a: 100 }), two)).toBe(130)
  expect(quorumTime(times({ a: 100 }), two)).toBeUndefined()
  expect(quorumTime(times({}), two)).toBeUndefined()
})

test('two cosignatures of one second count together', () => {
  expect(quorumTime(times({ a: 100, b: 100 }), two)).toBe(100)
})

test('one liar of three makes no head older or younger than the honest witnesses say', () => {
  expect(quorumTime(times({ honest: 1000, alsoHonest: 1010, liar: 1 }), two)).toBe(1000)
  expect(quorumTime(times({ honest: 1000, alsoHonest: 1010, liar: 9_999_999_999 }), two)).toBe(1010)
})

test('a required witness determines the time, however early the others were', () => {
  const withA = (signedBy: ReadonlySet<string>): boolean => signedBy.has('a') && signedBy.size >= 2
  expect(quorumTime(times({ a: 300, b: 100, c: 200 }), withA)).toBe(300)
})

test('if no witness is required, one alone cannot make a head old', () => {
  const none = (): boolean => true
  expect(quorumTime(times({ own: 1000, liar: 1 }), none)).toBe(1000)
  expect(quorumTime(times({ own: 1000, other: 990, liar: 1 }), none)).toBe(1000)
  expect(quorumTime(times({ own: 1000 }), none)).toBe(1000)
  expect(quorumTime(times({}), none)).toBeUndefined()
})

test('a head is renewed as of the latest time that a quorum has reached', () => {
  for (const said of [
    { a: 100, b: 130, c: 500 },
    { c: 500, b: 130, a: 100 },
    { b: 130, c: 500, a: 100 },
    { a: 100, c: 500, b: 130 },
  ])
    expect(renewedTime(times(said), two)).toBe(130)
  expect(renewedTime(times({ honest: 1000, alsoHonest: 1010, liar: 9_999_999_999 }), two), 'one liar').toBe(1010)
  expect(renewedTime(times({ a: 100 }), two)).toBeUndefined()
})
