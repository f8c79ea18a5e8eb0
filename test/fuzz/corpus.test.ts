/** Checks the inputs that the fuzzer has kept, and the seeds of its targets, against all promises of the parsers. */
import { expect, test } from 'vitest'
import { corpusOf } from './targets/corpus.js'
import { TARGETS } from './targets/index.js'
import { utf8 } from '../../src/tlog/bytes.js'

test.each(Object.entries(TARGETS))('%s', async (name, { seeds, check, most }) => {
  const genuine = seeds.map((seed) => (typeof seed === 'string' ? utf8(seed) : seed))
  expect(genuine.every(({ length }) => length <= most)).toBe(true)
  // Genuine inputs are accepted: otherwise only refusals would be tested.
  const accepted: boolean[] = []
  for (const bytes of genuine) accepted.push(await check(bytes))
  expect(accepted).toContain(true)
  const kept = corpusOf(name)
  expect(kept.length, `no corpus: npm run fuzz -- ${name} --keep`).toBeGreaterThan(0)
  for (const bytes of [new Uint8Array(), ...kept]) await check(bytes)
})
