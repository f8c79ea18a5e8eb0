/**
 * A3 violated: a second machine with the same key. What the two sign may contradict, but each of them stays with one
 * history. A machine that is shown what the other has signed since its own start signs nothing more in that life. And a
 * majority never keeps the promises of two trees of one size.
 */
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { verifyCosignature } from '../../src/tlog/cosignature.js'
import { isBy, parseNote } from '../../src/tlog/note.js'
import { testWitness } from '../helpers/heart.js'
import { brought, crashes, type Brought } from './acts.js'
import { bring, submit } from './bringing.js'
import { Peer } from './depositary.js'
import { EMPTY_HOME, type HomeCopy } from './home.js'
import { areOneHistory, HISTORY_COUNT, LOG } from './log.js'
import { Machine } from './machine.js'
import { Network } from './network.js'
import { FIRE } from './settings.js'
import { Signings } from './signings.js'
import { beginTime, letTimeGo, pass, stopTime } from './time.js'

const RUNS = 100

beforeEach(stopTime)
afterEach(letTimeGo)

/** One of the machines, and what it published. */
interface Twin {
  readonly machine: Machine
  readonly signings: Signings
  /** By text. */
  readonly lines: Map<string, Uint8Array>
}

const act = fc.record({
  who: fc.nat(1),
  heads: fc.array(brought, { minLength: 1, maxLength: 2 }),
  /** Whether it is shown the newest publication of the other. */
  meets: fc.constantFrom(true, false, false),
  seed: fc.nat(),
  crashes,
})

interface World {
  readonly peers: readonly Peer[]
  readonly required: boolean
  readonly fail: (why: string) => void
}

async function twin({ peers, required, fail }: World, network: Network, copy: HomeCopy): Promise<Twin> {
  const signings = new Signings()
  const lines = new Map<string, Uint8Array>()
  const machine = await Machine.make(
    {
      setup: { keep: Math.floor(peers.length / 2) + 1, required, keys: [testWitness], hasAgent: false, peers },
      network,
      signings,
      shown: () => [0, 1, 2, 3, 4],
      fail,
      onLeave: (note) => lines.set(parseNote(note).text, note),
    },
    copy,
  )
  await machine.start()
  return { machine, signings, lines }
}

/** Shows one machine what the other signed last; it must conclude immediately what that means. */
async function meet(one: Twin, other: Twin, fail: (why: string) => void): Promise<boolean> {
  const own = [...other.lines.values()].at(-1)
  if (own === undefined) return false
  const { text, signatures } = parseNote(own)
  const line = signatures.find((signature) => isBy(signature, testWitness.verifier))
  if (line === undefined || one.lines.has(text)) return false
  const { time } = verifyCosignature(text, line, testWitness.verifier)
  const { life } = one.machine
  const { tree, signed } = life.store.heads.get(LOG)
  const { size } = parseCheckpoint(text)
  const { startedAt } = one.machine
  await one.machine.does(() => submit(life, { source: 'gossip', note: own, peer: 'peer 0' }))
  if (one.machine.life !== life) return false
  // What is neither larger nor later than its own it may have made itself: a node does not keep everything that it
  // signs.
  const wasUnknown = (size > (tree?.size ?? -1) || time > (signed?.time ?? 0)) && time * 1000 > startedAt
  const { state } = life.barrier.guard.report
  if (wasUnknown && state !== 'twin' && state !== 'waiting') fail(`it was shown a twin, and is ${state}`)
  return state === 'twin'
}

async function run(
  { peers: n, required }: { peers: number; required: boolean },
  acts: readonly {
    who: number
    heads: readonly Brought[]
    meets: boolean
    seed: number
    crashes: readonly number[]
  }[],
): Promise<{ met: boolean; contradict: boolean }> {
  beginTime()
  const wrong: string[] = []
  const fail = (why: string): void => void wrong.push(why)
  const ids = Array.from({ length: n }, (_, i) => `peer ${i}`)
  const peers = await Promise.all(ids.map((id) => Peer.make(id, [testWitness.verifier])))
  const network = new Network()
  const world = { peers, required, fail }
  const first = await twin(world, network, EMPTY_HOME)
  await first.machine.does((life) => bring(life, FIRST, peers, first.lines))
  const second = await twin(world, network, await first.machine.home.copy())
  let met = false
  for (const { who, heads, meets, seed, crashes: after } of acts) {
    const [one, other] = who === 0 ? [first, second] : [second, first]
    one.machine.draw(seed, after)
    // The one goes on with the first history, the other with the second.
    const its = heads.map((head) => ({ ...head, history: head.history === HISTORY_COUNT ? who : head.history }))
    await one.machine.does((life) => Promise.all(its.map((head) => bring(life, head, peers, one.lines))))
    if (meets) met = (await meet(one, other, fail)) || met
    await one.machine.lull()
    pass(1_100)
    for (const { machine } of [first, second]) await machine.revive()
    if (wrong.length > 0) throw new Error(wrong.join('\n'))
  }
  const contradict = first.signings.trees.some(([size, root]) =>
    second.signings.trees.some(([its, other]) => !areOneHistory({ size, root }, { size: its, root: other })),
  )
  expect(keptByMajority(peers), 'two trees of one size, and a majority kept both').toEqual([])
  for (const { machine } of [first, second]) await machine.end()
  for (const peer of peers) await peer.stop()
  return { met, contradict }
}

/** Sizes for which a majority confirmed to keep the promises of more than one tree. */
function keptByMajority(peers: readonly Peer[]): number[] {
  const counts = new Map<string, number>()
  for (const tree of peers.flatMap(({ acknowledged }) => [...acknowledged]))
    counts.set(tree, (counts.get(tree) ?? 0) + 1)
  const sizes = [...counts].flatMap(([tree, count]) => (count > peers.length / 2 ? Number(tree.split(' ')[0]) : []))
  return sizes.filter((size, i) => sizes.indexOf(size) !== i)
}

const FIRST: Brought = {
  ...{ source: 'poll', history: 0, size: 2, isNext: false, spelling: 'canonical', withOwn: false },
  ...{ peer: 0, oldSize: 'right', proof: 'right' },
}

test(
  'of two machines with one key, each keeps to one history, and stops signing once it knows',
  { timeout: 300_000 },
  async () => {
    let [met, contradicted] = [0, 0]
    const setup = fc.record({ peers: fc.integer({ min: 1, max: 4 }), required: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(setup, fc.array(act, { minLength: 1, maxLength: 20, size: 'max' }), async (its, acts) => {
        const did = await run(its, acts)
        met += Number(did.met)
        contradicted += Number(did.contradict)
      }),
      {
        numRuns: RUNS,
        seed: FIRE.seed,
        ...(FIRE.path !== undefined && { path: FIRE.path }),
        endOnFailure: !FIRE.shrinks,
      },
    )
    // Otherwise the two would prove nothing.
    expect(met).toBeGreaterThan(RUNS / 20)
    expect(contradicted).toBeGreaterThan(0)
  },
)
