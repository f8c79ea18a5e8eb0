/** The numbers of a policy compared with their definitions, by trying all sets of witnesses. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { makeSignerKey, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { parsePolicy, quorumSatisfied, quorumThreshold, type Policy } from '../../src/tlog/policy.js'
import { equalAdvice, fewestFor, policyStrength } from '../../src/tlog/policy-strength.js'

const KEYS = Array.from({ length: 8 }, (_, i) => {
  const seed = new Uint8Array(32).fill(i + 1)
  return makeSignerKey(`w${i}.example`, SIGNATURE_TYPES.cosignature, seed).verifier.vkey
})
/** A key of a type that is not verified here. */
const FOREIGN = 'foreign+00000000+/wAB'

/** k of the first n witnesses. */
function equal(k: number, n: number): Policy {
  const names = KEYS.slice(0, n).map((_, i) => `w${i}`)
  const lines = names.map((name, i) => `witness ${name} ${KEYS[i]!}`)
  return parsePolicy(`${lines.join('\n')}\ngroup g ${k} ${names.join(' ')}\nquorum g\n`)
}

/**
 * A policy of up to seven witnesses in nested groups, some with keys that cannot be verified; and which ones are
 * excluded.
 */
const policies = fc
  .record({
    count: fc.integer({ min: 1, max: 7 }),
    foreign: fc.boolean(),
    joins: fc.array(fc.tuple(fc.nat(), fc.nat(), fc.nat()), { minLength: 1, maxLength: 4 }),
    quorum: fc.nat(),
    excluded: fc.subarray(KEYS.slice(0, 7), { maxLength: 2 }),
  })
  .map(({ count, foreign, joins, quorum, excluded }) => {
    const lines = KEYS.slice(0, count).map((key, i) => `witness w${i} ${foreign && i === 0 ? FOREIGN : key}`)
    const free = KEYS.slice(0, count).map((_, i) => `w${i}`)
    const all = [...free]
    joins.forEach(([from, size, threshold], i) => {
      const members = free.splice(from % free.length, 1 + (size % free.length))
      lines.push(`group g${i} ${1 + (threshold % members.length)} ${members.join(' ')}`)
      free.push(`g${i}`)
      all.push(`g${i}`)
    })
    const name = all.at(-1 - (quorum % 2))!
    return { policy: parsePolicy([...lines, `quorum ${name}`].join('\n')), excluded: new Set(excluded) }
  })

/** The same numbers by trying: every set of witnesses, and every pair of sets. */
function tried(policy: Policy, excluded: ReadonlySet<string>) {
  const keys = policy.witnesses.flatMap(({ key }) => (key && !excluded.has(key.vkey) ? key.vkey : []))
  const satisfies = (set: number): boolean => quorumSatisfied(policy, new Set(keys.filter((_, i) => (set >> i) & 1)))
  const bits = (set: number): number => set.toString(2).replaceAll('0', '').length
  const sets = Array.from({ length: 2 ** keys.length }, (_, set) => set)
  const good = sets.filter(satisfies)
  const everybody = sets.length - 1
  return {
    threshold: Math.min(...good.map(bits)),
    overlap: Math.min(...good.flatMap((a) => good.map((b) => bits(a & b)))),
    blocking: Math.min(...sets.filter((silent) => !satisfies(everybody & ~silent)).map(bits)),
  }
}

describe('the strength of a policy', () => {
  test('agrees with trying every pair of sets of witnesses', () => {
    let stopped = 0
    let deep = 0
    fc.assert(
      fc.property(policies, ({ policy, excluded }) => {
        const { threshold, overlap, blocking, liars, silent } = policyStrength(policy, excluded)
        expect({ threshold, overlap, blocking }).toEqual(tried(policy, excluded))
        expect([liars, silent]).toEqual([overlap - 1, blocking - 1])
        if (excluded.size === 0) expect(threshold).toBe(quorumThreshold(policy))
        if (threshold === Infinity) stopped++
        if (policy.groups.length > 2) deep++
      }),
      { numRuns: 500 },
    )
    // The relevant cases are among them.
    expect(stopped).toBeGreaterThan(5)
    expect(deep).toBeGreaterThan(50)
  })

  test.each([
    [2, 3, 0, 1],
    [3, 4, 1, 1],
    [5, 7, 2, 2],
    [1, 2, -1, 1],
    [3, 3, 2, 0],
    [4, 5, 2, 1],
  ])('%d of %d survives %d liars and %d silent witnesses', (k, n, liars, silent) => {
    expect(policyStrength(equal(k, n))).toMatchObject({ witnesses: n, threshold: k, liars, silent })
  })

  test('without a quorum is that nothing stops it, and nothing is needed', () => {
    const policy = parsePolicy(`witness a ${KEYS[0]!}\nquorum none\n`)
    expect(policyStrength(policy)).toMatchObject({ threshold: 0, overlap: 0, liars: -1, blocking: Infinity })
  })

  test('does not count convicted witnesses, without whom there may be no quorum', () => {
    const policy = equal(3, 4)
    expect(policyStrength(policy, new Set([KEYS[0]!]))).toMatchObject({
      witnesses: 3,
      threshold: 3,
      liars: 2,
      silent: 0,
    })
    expect(policyStrength(policy, new Set(KEYS.slice(0, 2)))).toMatchObject({ threshold: Infinity, blocking: 0 })
  })
})

test('the advised k, the smallest with k > 2n/3, is the least that survives as many liars as silent witnesses', () => {
  for (let n = 1; n <= 60; n++) {
    const { threshold: k, liars, silent } = equalAdvice(n)
    expect(3 * k).toBeGreaterThan(2 * n)
    expect(3 * (k - 1)).toBeLessThanOrEqual(2 * n)
    expect(liars).toBeGreaterThanOrEqual(silent)
    if (n <= 8) expect(policyStrength(equal(k, n))).toMatchObject({ liars, silent })
  }
  expect(fewestFor(1)).toEqual({ witnesses: 4, threshold: 3, liars: 1, silent: 1 })
  expect(fewestFor(2)).toEqual({ witnesses: 7, threshold: 5, liars: 2, silent: 2 })
})
