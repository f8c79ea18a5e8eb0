import { expect, it } from 'vitest'
import { FloodMeter } from '../../../src/gossip/host/flood.js'

it('overlooks as many lines under a colliding key id as an honest peer may relay, and no flood of them', () => {
  const meter = new FloodMeter()
  let now = 0
  // One for each head of a log that moves at the maximum rate, for an hour.
  for (; now < 3_600_000; now += 2_000) expect(meter.forged('relay', now)).toBe(true)
  const flood = Array.from({ length: 100 }, () => meter.forged('flood', now))
  expect(flood.indexOf(false)).toBeLessThan(50)
  expect(meter.forged('relay', now)).toBe(true)
})
