/**
 * Proof under fire: whatever a log, its messengers, peers, disks, crashes, clocks, backups and operators do, in any order,
 * of all text that one key signs any two lie in one history, and none is lower at a later time (docs/protocol.md, "What a
 * key never does"). The parts are the production ones; the model knows the trees, and listens at the keys.
 *
 * FIRE_CRASHES: how many crashes there are to be. FIRE_SEED and FIRE_PATH replay what failed.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { act } from './acts.js'
import { crashed, passed } from './fate.js'
import { letTimeGo, stopTime } from './time.js'
import { reached, World, type WorldSetup } from './world.js'

const CRASHES = Number(process.env.FIRE_CRASHES ?? 10_000)
const SEED = process.env.FIRE_SEED === undefined ? undefined : Number(process.env.FIRE_SEED)

const beside = testSigner('beside.example', 8, SIGNATURE_TYPES.cosignature)

/** How a node is set up: n, k, and so on. */
const setup = fc.record({
  peers: fc.integer({ min: 1, max: 4 }),
  keep: fc.nat(3),
  required: fc.boolean(),
  hasSecond: fc.boolean(),
  hasAgent: fc.boolean(),
})

beforeEach(stopTime)
afterEach(letTimeGo)

function total(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

test('no sequence of events makes a key sign two histories', { timeout: 600_000 }, async () => {
  let trees = 0
  const started = performance.now()
  await fc.assert(
    fc.asyncProperty(
      setup,
      fc.array(act, { minLength: 1, maxLength: 60, size: 'max' }),
      async ({ peers, keep, hasSecond, ...more }, acts) => {
        if (total(crashed) >= CRASHES) return
        const keys: WorldSetup['keys'] = hasSecond ? [testWitness, beside] : [testWitness]
        const world = await World.make({ peers, keep: (keep % peers) + 1, keys, ...more })
        for (const each of acts) await world.act(each)
        trees += world.signings.trees.length
        await world.end()
      },
    ),
    {
      numRuns: Number(process.env.FIRE_RUNS ?? 100),
      endOnFailure: process.env.FIRE_SHRINK === '0',
      ...(SEED !== undefined && { seed: SEED }),
      ...(process.env.FIRE_PATH && { path: process.env.FIRE_PATH }),
    },
  )
  console.log(performance.now() - started, trees, total(crashed), total(passed), crashed, reached)
  expect(trees).toBeGreaterThan(0)
})
