import { expect, test } from 'vitest'
import { TokenBuckets } from '../../src/lib/token-buckets.js'

const taken = (buckets: TokenBuckets, peer: string, now: number, tries = 100): number =>
  Array.from({ length: tries }, () => buckets.take(peer, now)).filter(Boolean).length

test('a bucket allows a burst, a rate in the long run, and never more than a burst', () => {
  const buckets = new TokenBuckets(5, 2)
  expect(taken(buckets, 'a', 0)).toBe(5)
  expect([taken(buckets, 'a', 499), taken(buckets, 'a', 500), taken(buckets, 'a', 1_500)]).toEqual([0, 1, 2])
  expect(taken(buckets, 'a', 3_600_000)).toBe(5)
  expect(taken(buckets, 'b', 3_600_000)).toBe(5)
})

test('a clock that is set back neither adds nor removes tokens', () => {
  const buckets = new TokenBuckets(5, 1)
  taken(buckets, 'a', 10_000, 3)
  expect(taken(buckets, 'a', 0)).toBe(2)
  expect(taken(buckets, 'a', 1_000)).toBe(1)
})

test('unused tokens can be returned, up to a full bucket', () => {
  const buckets = new TokenBuckets(2, 0)
  taken(buckets, 'a', 0)
  buckets.giveBack('a')
  expect(taken(buckets, 'a', 0)).toBe(1)
  for (let i = 0; i < 9; i++) buckets.giveBack('a')
  expect(taken(buckets, 'a', 0)).toBe(2)
  buckets.giveBack('nobody')
  expect(taken(buckets, 'nobody', 0)).toBe(2)
})

test('above 1024 peers, full buckets are forgotten without effect, and then the first of those in debt', () => {
  const buckets = new TokenBuckets(2, 1)
  taken(buckets, 'debtor', 0)
  for (let i = 1; i < 1024; i++) buckets.take(`peer ${i}`, 0)
  buckets.take('one more', 500)
  // All of them are in debt half a second later; the first was dropped, so it has its full budget again.
  expect(taken(buckets, 'debtor', 500)).toBe(2)
  const many = new TokenBuckets(2, 1)
  taken(many, 'debtor', 0)
  for (let i = 1; i < 1024; i++) many.take(`peer ${i}`, 0)
  many.take('one more', 1_000)
  expect(taken(many, 'debtor', 1_000)).toBe(1)
})
