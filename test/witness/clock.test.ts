/** When the clock is reported as wrong, and whose statements count for that. */
import { describe, expect, test } from 'vitest'
import { RELEASED } from '../../src/version.js'
import { Clock, clockNews, type PromisedTime } from '../../src/witness/clock.js'

const START = Date.parse('2026-12-24T12:00:00Z')
const [SECOND, HOUR, DAY] = [1000, 3_600_000, 86_400_000]

/** A clock that agrees with its observations, and can be set without time passing. */
function start() {
  const time = { now: START, monotonic: 0 }
  const clock = new Clock({ now: () => time.now, monotonic: () => time.monotonic, released: '2026-11-28' })
  const pass = (ms: number): void => {
    time.now += ms
    time.monotonic += ms
  }
  const names = (promises: readonly PromisedTime[] = []): string[] =>
    clock.report(promises).conditions.map(({ name }) => name)
  return { clock, time, pass, names }
}

describe('a clock that others contradict', () => {
  test.each([
    [-61, 'clock behind', /is 61 s behind the one peer or log that says the time/],
    [61, 'clock ahead', /is 61 s ahead of the one peer or log/],
    [3 * 86_400, 'clock ahead', /is 3 days ahead of/],
  ])('by %d s is reported', (seconds, name, words) => {
    const { clock } = start()
    clock.observe('log', START - seconds * SECOND)
    const { offset, conditions } = clock.report([])
    expect(offset).toBe(seconds)
    expect(conditions).toEqual([{ name, text: expect.stringMatching(words) as string }])
  })

  test.each([0, 60, -60])('by %d s is not reported', (seconds) => {
    const { clock, names } = start()
    clock.observe('log', START - seconds * SECOND)
    expect(names()).toEqual([])
  })

  test('has an unknown offset while nothing is observed', () => {
    const { clock } = start()
    expect(clock.report([])).toEqual({ offset: undefined, conditions: [] })
    clock.observe('log', NaN)
    expect(clock.report([]).offset).toBeUndefined()
  })

  test('is reported only if more than half of the sources contradict it', () => {
    const { clock, names } = start()
    for (const honest of ['a', 'b', 'c']) clock.observe(honest, START)
    for (const liar of ['x', 'y']) clock.observe(liar, START + DAY)
    expect(names()).toEqual([])
    clock.observe('z', START + DAY)
    expect(names(), 'half of them').toEqual([])
    clock.observe('a', START + DAY)
    expect(names()).toEqual(['clock behind'])
  })

  test('is off by what the middle one of three sources says, even if another is closer to it', () => {
    const { clock } = start()
    for (const ahead of [300, 200, 0]) clock.observe(`${ahead} s`, START - ahead * SECOND)
    const text = 'the clock of this machine is 3 min ahead of most of 3 peers and logs: is NTP running?'
    expect(clock.report([])).toEqual({ offset: 200, conditions: [{ name: 'clock ahead', text }] })
  })

  test('is off by the smaller of what two sources say', () => {
    const { clock } = start()
    for (const ahead of [-10, 300]) clock.observe(`${ahead} s`, START - ahead * SECOND)
    expect(clock.report([])).toEqual({ offset: -10, conditions: [] })
  })

  test.each([
    [119, '119 s'],
    [120, '2 min'],
    [7199, '119 min'],
    [7200, '2 h'],
    [172_799, '47 h'],
    [172_800, '2 days'],
  ])('by %d s is said to be off by %s', (seconds, words) => {
    const { clock } = start()
    clock.observe('log', START + seconds * SECOND)
    expect(clock.report([]).conditions[0]!.text).toContain(`this machine is ${words} behind the one`)
  })

  test('counts each source once, with its last statement', () => {
    const { clock, names } = start()
    clock.observe('a', START)
    for (let i = 0; i < 10; i++) clock.observe('liar', START + DAY)
    expect(names()).toEqual([])
    clock.observe('a', START + DAY)
    expect(names()).toEqual(['clock behind'])
    for (const source of ['a', 'liar']) clock.observe(source, START)
    expect(clock.report([])).toEqual({ offset: 0, conditions: [] })
  })

  test('keeps the most recent sources, however many there are', () => {
    const { clock, names } = start()
    for (let i = 0; i < 1000; i++) clock.observe(`old ${i}`, START + DAY)
    for (let i = 0; i < 256; i++) clock.observe(`new ${i}`, START)
    expect(clock.report([]).offset).toBe(0)
    expect(names()).toEqual([])
  })

  test('counts a source that states the time again as recent', () => {
    const { clock } = start()
    clock.observe('log', START)
    for (let i = 0; i < 100; i++) clock.observe(`peer ${i}`, START - 5 * SECOND)
    clock.observe('log', START + 7 * SECOND)
    // These replace the hundred peers, and cancel each other out.
    for (let i = 0; i < 255; i++) clock.observe(`later ${i}`, START + (i % 2 === 0 ? HOUR : -HOUR))
    expect(clock.report([]).offset).toBe(-7)
  })

  test('forgets a statement after an hour', () => {
    const { clock, pass, names } = start()
    clock.observe('log', START + DAY)
    pass(HOUR)
    expect(names()).toEqual(['clock behind'])
    pass(1)
    expect(names()).toEqual([])
  })

  test('forgets earlier statements once it is set', () => {
    const { clock, time, names } = start()
    time.now += 3 * DAY
    clock.observe('log', START)
    expect(names()).toEqual(['clock ahead'])
    time.now -= 3 * DAY
    expect(clock.report([])).toEqual({ offset: undefined, conditions: [] })
    clock.observe('log', START)
    expect(clock.report([]).offset).toBe(0)
    time.now -= 2 * HOUR
    expect(names(), 'that is not known before somebody says it').toEqual([])
    clock.observe('log', START)
    expect(names()).toEqual(['clock behind'])
  })

  test('remembers statements while it is set by half a minute at most, however long this machine has been up', () => {
    const { clock, time } = start()
    time.monotonic = 100 * DAY
    clock.observe('log', START)
    for (const [ms, offset] of [
      [30_000, 0],
      [30_001, undefined],
      [-30_000, 0],
      [-30_001, undefined],
    ] as const) {
      time.now = START + ms
      expect(clock.report([]).offset, `${ms}`).toBe(offset)
    }
  })

  test('never prevents a signature', () => {
    const { clock } = start()
    for (let i = 0; i < 100; i++) clock.observe(`liar ${i}`, 0)
    expect(clock.isWrong).toBe(false)
  })
})

describe('a promise dated in the future', () => {
  const seconds = START / 1000

  test('is reported with its log, until the clock reaches it', () => {
    const { clock, pass, names } = start()
    const promise = { log: 'sum.golang.org', time: seconds + 3 * 86_400 }
    const [condition] = clock.report([promise]).conditions
    expect(condition).toMatchObject({ name: 'promise ahead' })
    expect(condition!.text).toMatch(/cosignature of sum\.golang\.org has a time 3 days ahead of this clock/)
    pass(3 * DAY - 60 * SECOND)
    expect(names([promise])).toEqual([])
  })

  test.each([
    [60, []],
    [61, ['promise ahead']],
    [-86_400, []],
  ])('%d s ahead is reported as %j', (ahead, expected) => {
    expect(start().names([{ log: 'l', time: seconds + ahead }])).toEqual(expected)
  })

  test('for each of thousands of logs is one sentence of bounded length', () => {
    const promises = Array.from({ length: 5000 }, (_, i) => ({ log: `log ${i}`, time: seconds + 100 + i }))
    const { conditions } = start().clock.report(promises)
    expect(conditions).toHaveLength(1)
    expect(conditions[0]!.text).toMatch(/of log 4999, log 4998, log 4997 and 4997 more has a time 84 min ahead/)
  })
})

test('conditions that begin or end are news, identified by name', () => {
  const [ahead, promise] = [
    { name: 'clock ahead', text: '61 s' },
    { name: 'promise ahead', text: '3 days' },
  ] as const
  expect(clockNews([], [ahead, promise])).toEqual([
    { ...ahead, holds: true },
    { ...promise, holds: true },
  ])
  expect(clockNews([ahead, promise], [{ ...ahead, text: '62 s' }])).toEqual([{ ...promise, holds: false }])
})

test('a clock that is earlier than this version is wrong, whatever others say', () => {
  const { clock, time, names } = start()
  time.now = Date.parse('2026-11-27T23:59:59.999Z')
  clock.observe('log', time.now)
  expect(clock.isWrong).toBe(true)
  expect(names()).toEqual(['clock before release'])
  time.now += 1
  expect(clock.isWrong).toBe(false)
  expect(names()).toEqual([])
})

test('the release date of this version is a valid date in the past', () => {
  expect(RELEASED).toMatch(/^20\d\d-\d\d-\d\d$/)
  expect(Date.parse(RELEASED)).toBeLessThanOrEqual(Date.now())
})
