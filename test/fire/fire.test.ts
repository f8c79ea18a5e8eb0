/**
 * Proof under fire: whatever a log, its messengers, peers, disks, crashes, clocks, backups and operators do, in any
 * order, any two texts signed under one key are of one history, and none has a lower size at a later time
 * (docs/protocol.md, "What a key never does"). The parts are the production ones; the model knows the trees, and
 * observes the keys.
 *
 * FIRE_CRASHES: how many crashes there should be in the middle of an operation. A failure prints its seed and path:
 * FIRE_SEED=... FIRE_PATH=... replay it.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { act } from './acts.js'
import { crashed, CRASH_POINTS } from './fate.js'
import { FIRE } from './settings.js'
import { contradiction } from './signings.js'
import { headOf } from './log.js'
import { letTimeGo, stopTime } from './time.js'
import { reached, World } from './world.js'

const RUNS_AT_ONCE = 25

const beside = testSigner('beside.example', 8, SIGNATURE_TYPES.cosignature)

/** The setup of a node: n, k, and so on. */
const setup = fc.record({
  peers: fc.integer({ min: 1, max: 4 }),
  keep: fc.nat(3),
  required: fc.boolean(),
  hasSecond: fc.boolean(),
  hasAgent: fc.boolean(),
})

beforeEach(stopTime)
afterEach(letTimeGo)

/** Which of the sequences of a seed to run. */
type Part = { readonly seed: number } & ({ readonly numRuns: number } | { readonly path: string })

/** Runs sequences of events; returns how many trees were signed in all of them. */
async function burn(second: SignerKey, length: number, parameters: Part): Promise<number> {
  let trees = 0
  const acts = fc.array(act, { minLength: 1, maxLength: length, size: 'max' })
  const property = fc.asyncProperty(setup, acts, async ({ peers, keep, hasSecond, ...more }, events) => {
    const keys = hasSecond ? ([testWitness, second] as const) : ([testWitness] as const)
    const world = await World.make({ peers, keep: (keep % peers) + 1, keys, ...more })
    for (const event of events) await world.act(event)
    trees += world.signings.trees.length
    await world.end()
  })
  await fc.assert(property, { ...parameters, endOnFailure: !FIRE.shrinks })
  return trees
}

function total(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

describe(`from seed ${FIRE.seed}`, () => {
  test(
    `${FIRE.crashes} crashes and whatever else happens: no key signs two histories`,
    { timeout: 900_000 },
    async () => {
      if (FIRE.path !== undefined) {
        await burn(beside, 60, { seed: FIRE.seed, path: FIRE.path })
        return
      }
      let trees = 0
      for (let seed = FIRE.seed; total(crashed) < FIRE.crashes; seed++)
        trees += await burn(beside, 60, { seed, numRuns: RUNS_AT_ONCE })
      // The sequences made progress, and crashed at every place.
      expect(trees).toBeGreaterThan(FIRE.crashes / 20)
      for (const what of ['advanced', 'conflict', 'pending', 'GUARD_WAITING', 'GUARD_BEHIND', 'DEPOSIT_WAITING'])
        expect(reached.get(what) ?? 0, what).toBeGreaterThan(FIRE.crashes / 1000)
      for (const what of ['restore home', 'restore journal', 'restore database', 'STATE_DISAGREES', 'LOG_FROZEN'])
        expect(reached.get(what) ?? 0, what).toBeGreaterThan(FIRE.crashes / 1000)
      for (const point of CRASH_POINTS) expect(crashed.get(point) ?? 0, point).toBeGreaterThan(FIRE.crashes / 1000)
    },
  )

  test('and with an additional ML-DSA-44 key', { timeout: 300_000 }, async () => {
    const mlDsa = testSigner(testWitness.verifier.name, 9, SIGNATURE_TYPES.mlDsa)
    expect(await burn(mlDsa, 30, { seed: FIRE.seed, numRuns: 10 })).toBeGreaterThan(0)
  })
})

test('the model itself notices two histories, and time that runs backwards', () => {
  const at = (history: number, size: number, time: number) => ({ key: 'k', ...headOf(history, size), time })
  expect(contradiction(at(0, 5, 1), at(1, 7, 2))).toMatch(/no history has both/)
  expect(contradiction(at(0, 5, 2), at(0, 7, 1))).toMatch(/lower and later/)
  expect(contradiction(at(0, 3, 1), at(1, 7, 1))).toBeUndefined()
})
