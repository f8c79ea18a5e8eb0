/** When people are notified that something began or ended: not too early, not twice, and not constantly. */
import { describe, expect, test } from 'vitest'
import { Holding, type ToldCondition } from '../../src/alerts/holding.js'
import { CONDITIONS, type Condition, type ConditionName } from '../../src/status/conditions.js'

const SECOND = 1000
const MINUTE = 60 * SECOND

const condition = (name: ConditionName, log: string | null = null, text: string = name): Condition => ({
  ...{ name, severity: CONDITIONS[name], log, text },
})

/** Checks every 15 seconds until `until`; returns the notifications, as "+name" and "-name" with their minute. */
class World {
  now = 0
  holding: Holding
  readonly told: string[] = []

  constructor(told: readonly ToldCondition[] = []) {
    this.holding = new Holding(told)
  }

  moments() {
    return { monotonic: this.now, day: new Date(this.now).toISOString() }
  }

  pass(minutes: number, ...conditions: Condition[]): this {
    const until = this.now + minutes * MINUTE
    for (; this.now <= until; this.now += 15 * SECOND) {
      for (const { state, condition: turned } of this.holding.look(conditions, this.moments()))
        this.told.push(`${state === 'firing' ? '+' : '-'}${turned.name}`)
    }
    this.now = until
    return this
  }
}

describe('an alert about a condition is sent', () => {
  test.each<[ConditionName, number]>([
    ['frozen', 0],
    ['own key convicted', 0],
    ['no quorum', 1],
    ['disk failing', 1],
    ['unexplained head', 5],
    ['peers down', 5],
  ])('for %s after %i minutes, once', (name, minutes) => {
    const world = new World()
    if (minutes > 0) world.pass(minutes - 0.25, condition(name))
    expect(world.told).toEqual([])
    world.pass(minutes === 0 ? 0 : 0.25, condition(name))
    expect(world.told).toEqual([`+${name}`])
    expect(world.pass(600, condition(name)).told).toHaveLength(1)
  })

  test.each<ConditionName>(['no policy', 'no peers', 'place failing'])('never for %s', (name) => {
    expect(new World().pass(600, condition(name)).told).toEqual([])
  })

  test('never if it always ends before its time', () => {
    const world = new World()
    for (let i = 0; i < 50; i++) world.pass(4.5, condition('peers down')).pass(0.5)
    expect(world.told).toEqual([])
  })

  test('with its current text, combined with others of its name, and its start', () => {
    const world = new World().pass(1)
    const all = ['a', 'b', 'c', 'd', 'e'].map((text) => condition('alarm failing', null, text))
    const turns = world.holding.look(all, world.moments())
    expect(turns).toEqual([])
    world.now += 5 * MINUTE
    expect(world.holding.look(all, world.moments())).toEqual([
      {
        state: 'firing',
        condition: {
          ...{ name: 'alarm failing', severity: 'doubtful', log: null },
          ...{ sentence: 'a; b; c; and 2 more', since: '1970-01-01T00:01:00.000Z' },
        },
      },
    ])
  })

  test('for each log separately', () => {
    const world = new World().pass(1, condition('frozen', 'one'))
    world.pass(1, condition('frozen', 'one'), condition('frozen', 'two'))
    expect(world.told).toEqual(['+frozen', '+frozen'])
  })
})

describe('the end of a condition is reported', () => {
  test('when it has been over for five minutes', () => {
    const world = new World().pass(2, condition('no quorum')).pass(4.75)
    expect(world.told).toEqual(['+no quorum'])
    expect(world.pass(0.5).told).toEqual(['+no quorum', '-no quorum'])
    expect(world.pass(600).told).toHaveLength(2)
    expect(world.holding.told).toEqual([])
  })

  test('not if it returns sooner', () => {
    const world = new World().pass(2, condition('no quorum'))
    for (let i = 0; i < 100; i++) world.pass(4).pass(0.5, condition('no quorum'))
    expect(world.told).toEqual(['+no quorum'])
  })

  test('later and later if it keeps returning', () => {
    const world = new World()
    for (let i = 0; i < 144; i++) world.pass(2, condition('no quorum')).pass(8)
    expect(world.told.length).toBeLessThan(6)
    expect(world.pass(120).told.at(-1)).toBe('-no quorum')
  })

  test('after the first delay again once it was away for an hour', () => {
    const world = new World().pass(2, condition('no quorum')).pass(70)
    world.pass(2, condition('no quorum')).pass(5.5)
    expect(world.told).toEqual(['+no quorum', '-no quorum', '+no quorum', '-no quorum'])
  })
})

describe('after a restart', () => {
  const told = new World().pass(2, condition('no quorum', 'log')).holding.told

  test('a reported condition is not reported again', () => {
    expect(told).toMatchObject([{ name: 'no quorum', log: 'log', since: '1970-01-01T00:00:00.000Z' }])
    expect(new World(told).pass(60, condition('no quorum', 'log')).told).toEqual([])
  })

  test('the end of a condition is reported after the usual delay', () => {
    expect(new World(told).pass(4.75).told).toEqual([])
    expect(new World(told).pass(5.25).told).toEqual(['-no quorum'])
  })
})

describe('a condition reported in another way', () => {
  test('is not reported again, but its end is', () => {
    const world = new World()
    world.holding.cover(['frozen', 'log'], world.moments())
    expect(world.pass(1, condition('frozen', 'log')).told).toEqual([])
    expect(world.holding.told).toMatchObject([{ name: 'frozen' }])
    expect(world.pass(6).told).toEqual(['-frozen'])
    expect(world.pass(1, condition('frozen', 'log')).told, 'that is another one').toEqual(['-frozen', '+frozen'])
  })

  test('does not cover other logs, or later conditions', () => {
    const world = new World()
    world.holding.cover(['frozen', 'log'], world.moments())
    expect(world.pass(1, condition('frozen', 'other')).told).toEqual(['+frozen'])
    expect(world.pass(10).pass(1, condition('frozen', 'log')).told).toContain('+frozen')
    expect(world.told.filter((one) => one === '+frozen')).toHaveLength(2)
  })
})
