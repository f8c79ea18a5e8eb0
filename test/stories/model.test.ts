/**
 * Whatever a log, its messengers, crashes and an old backup do, in any order: this node never signs two heads that no
 * one history contains, and never a smaller size at a later time. The model knows the trees and listens at the key.
 */
import fc from 'fast-check'
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { GossumError } from '../../src/errors.js'
import type { SignerKey } from '../../src/tlog/note.js'
import type { Door } from '../../src/witness/source.js'
import { MemoryGuard, startHeart, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const honest = new History(signer)
const fromThree = honest.fork(3, 'b')
const fromEight = honest.fork(8, 'c')
/** A fork of a fork, and one that shares nothing. */
const HISTORIES = [honest, fromThree, fromEight, fromThree.fork(6, 'd'), honest.fork(0, 'e')]
const LARGEST = 16

/** A head that the node signed, as the signed text says. */
interface Signing {
  readonly size: number
  readonly text: string
  readonly time: number
}

type Act =
  | {
      readonly do: 'submit'
      readonly heads: readonly (readonly [door: Door, history: number, size: number, spelling: number])[]
    }
  | { readonly do: 'show'; readonly histories: readonly number[] }
  | { readonly do: 'restart' | 'crash in the journal' | 'acknowledge' | 'back up' | 'restore' | 'recover' | 'retry' }
  | { readonly do: 'wait'; readonly seconds: number }

/** A node, its disk, its clock, and what the model knows of what it signed. */
class World {
  readonly signings: Signing[] = []
  readonly #db = new MemoryLevel()
  readonly #guard = new MemoryGuard()
  #backup: [string, string][] = []
  #shown: History[] = [...HISTORIES]
  #now = 1_700_000_000_000
  #heart!: Heart

  async start(): Promise<void> {
    const key: SignerKey = {
      verifier: testWitness.verifier,
      sign: (message) => {
        const text = Buffer.from(message).toString()
        const time = Number(/^cosignature\/v1\ntime (\d+)\n/.exec(text)![1])
        const checkpoint = text.split('\n').slice(2).join('\n')
        this.signings.push({ size: Number(checkpoint.split('\n')[1]), text: checkpoint, time })
        return testWitness.sign(message)
      },
    }
    this.#heart = await startHeart({
      logKey: signer.verifier,
      prefix: (of, size) => showing(...this.#shown)(of, size),
      db: this.#db,
      guard: this.#guard,
      signer: key,
      now: () => this.#now,
    })
  }

  async act(act: Act): Promise<void> {
    const heart = this.#heart
    switch (act.do) {
      case 'submit': {
        const submitted = act.heads.map(async ([door, history, size, spelling]) => {
          const of = HISTORIES[history]!
          const note = spelling === 0 ? of.sign(`${of.text(size)}spelled\n`) : of.head(size)
          return expectOurs(heart.submit(door, note, 'p'))
        })
        await Promise.all(submitted)
        return
      }
      case 'show':
        this.#shown = act.histories.map((history) => HISTORIES[history]!)
        return
      case 'wait':
        this.#now += act.seconds * 1000
        return
      case 'restart':
        await heart.witness.stop()
        return this.start()
      case 'crash in the journal':
        this.#guard.fault = (place) => (place === 'datasync' ? 'EIO' : undefined)
        await Promise.all([5, 9, 12, 16].map((size) => expectOurs(heart.submit('poll', honest.head(size)))))
        await heart.witness.stop()
        this.#guard.fault = () => undefined
        return this.start()
      case 'acknowledge':
        for (const { id } of heart.store.heads.get(heart.log).holds)
          await expectOurs(heart.store.heads.acknowledge(heart.log, id))
        return
      case 'back up':
        this.#backup = await this.#db.iterator().all()
        return
      case 'restore':
        await heart.witness.stop()
        await this.#db.clear()
        await this.#db.batch(this.#backup.map(([key, value]) => ({ type: 'put', key, value })))
        return this.start()
      case 'recover':
        return heart.store.heads.recover(heart.log)
      case 'retry':
        return heart.witness.retrySuspects(heart.log, 8)
    }
  }

  async stop(): Promise<void> {
    await this.#heart.witness.stop()
  }
}

/** Waits, and lets only errors of the closed set pass. */
async function expectOurs(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    expect(['STORE_WRITE_FAILED', 'STATE_DISAGREES']).toContain(error.code)
  }
}

function consistent(a: Signing, b: Signing): boolean {
  return HISTORIES.some((history) => history.text(a.size) === a.text && history.text(b.size) === b.text)
}

/** Fails when two of these could convict the node, or when time ran backwards. */
function expectHonest(signings: readonly Signing[]): void {
  const distinct = [...new Map(signings.map((signing) => [`${signing.time} ${signing.text}`, signing])).values()]
  for (const a of distinct) {
    for (const b of distinct) {
      expect(consistent(a, b), `${a.text} and ${b.text}`).toBe(true)
      expect(a.size < b.size && a.time > b.time, `size ${a.size} at ${a.time}, ${b.size} at ${b.time}`).toBe(false)
    }
  }
}

const head = fc.tuple(
  fc.constantFrom<Door>('poll', 'push', 'gossip', 'sync'),
  fc.nat(HISTORIES.length - 1),
  fc.nat(LARGEST),
  fc.nat(5),
)
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('submit' as const), heads: fc.array(head, { minLength: 1, maxLength: 4 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('show' as const),
      histories: fc.subarray([...HISTORIES.keys()], { minLength: 0 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: -4000, max: 4000 }) }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      do: fc.constantFrom('restart', 'crash in the journal', 'acknowledge', 'back up', 'restore', 'recover', 'retry'),
    }),
  },
)

test('no sequence of events makes the node sign two inconsistent heads', { timeout: 120_000 }, async () => {
  let signings = 0
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
      const world = new World()
      await world.start()
      await world.act({ do: 'submit', heads: [['poll', 0, 2, 1]] })
      for (const each of acts) await world.act(each)
      await world.stop()
      expectHonest(world.signings)
      signings += new Set(world.signings.map(({ text }) => text)).size
    }),
    { numRuns: 400, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: false },
  )
  expect(signings, 'the sequences went somewhere').toBeGreaterThan(200)
})

test('the model would notice: a node without memory convicts itself', () => {
  const at = (history: History, size: number, time: number): Signing => ({ size, text: history.text(size), time })
  expect(() => expectHonest([at(honest, 5, 1), at(fromThree, 7, 2)])).toThrow()
  expect(() => expectHonest([at(honest, 5, 2), at(honest, 7, 1)])).toThrow()
  expectHonest([at(honest, 3, 1), at(fromThree, 7, 2), at(fromThree, 7, 3)])
})
