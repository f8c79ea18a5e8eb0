/** The outcomes of heads, by minute: counted, dropped in time, and bounded. */
import { expect, test } from 'vitest'
import { MINUTES, OutcomeMinutes } from '../../src/status/outcome-minutes.js'

const MINUTE = 60_000

test('counts by log, door and outcome, the oldest minute first', () => {
  const minutes = new OutcomeMinutes()
  minutes.note('a', 'poll', 'advanced', 0)
  minutes.note('a', 'poll', 'advanced', MINUTE - 1)
  minutes.note('a', 'gossip', 'known', MINUTE)
  minutes.note('b', 'push', 'refused', MINUTE)
  expect(minutes.of('a', 2 * MINUTE)).toEqual([
    { door: 'poll', outcome: 'advanced', ago: 2, count: 2 },
    { door: 'gossip', outcome: 'known', ago: 1, count: 1 },
  ])
  expect(minutes.of('b', MINUTE)).toEqual([{ door: 'push', outcome: 'refused', ago: 0, count: 1 }])
  expect(minutes.of('c', MINUTE)).toEqual([])
})

test('forgets what is older than an hour, whether or not anything new arrives', () => {
  const minutes = new OutcomeMinutes()
  for (let i = 0; i < 3 * MINUTES; i++) minutes.note('a', 'poll', 'known', i * MINUTE)
  const now = (3 * MINUTES - 1) * MINUTE
  expect(minutes.of('a', now)).toHaveLength(MINUTES)
  expect(minutes.of('a', now)[0]).toMatchObject({ ago: MINUTES - 1 })
  expect(minutes.of('a', now + MINUTES * MINUTE)).toEqual([])
})
