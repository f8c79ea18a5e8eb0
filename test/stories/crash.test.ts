/** kill -9 at each step between proving a head and releasing its cosignature, in a real process on a real disk. */
import { describe, expect, test } from 'vitest'
import { Store } from '../../src/store/store.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { formatSignature } from '../../src/tlog/note.js'
import { childLog, releasedIn, type Released } from '../helpers/crash-child.js'
import { startChild } from '../helpers/crash-child-process.js'
import { cosignatureIn, startHeart, sumdbId, testWitness, type Heart } from '../helpers/heart.js'
import { History, showing } from '../helpers/history.js'
import { ON_DISK, temporaryHome } from '../helpers/home.js'
import { seeded } from '../helpers/tree.js'

const history = new History(childLog)
const log = sumdbId(childLog.verifier)

async function startAgain(home: string): Promise<Heart> {
  const store = await Store.open(home)
  return startHeart({ logKey: childLog.verifier, prefix: showing(history), store })
}

/** Never two roots for one size, never a smaller size at a later time, and only trees of the one history. */
function expectConsistent(released: readonly Released[]): void {
  for (const { size, root } of released) expect(root).toBe(formatHash(history.tree(size).root))
  const bySize = [...released].sort((a, b) => a.size - b.size || a.time - b.time)
  bySize.slice(1).forEach((each, i) => expect(each.time).toBeGreaterThanOrEqual(bySize[i]!.time))
}

describe('a process that is killed', () => {
  test.each([
    ['before it signs what it wrote loses nothing', 'sign'],
    ['after it wrote to the journal, before that is synced, loses nothing', 'journal-before'],
    ['after the journal is synced, before it signs, loses nothing', 'journal-after'],
    ['after it signed, before any peer received it, loses nothing', 'publish'],
  ] as const)('%s', async (_name, die) => {
    const home = temporaryHome(ON_DISK)
    const child = startChild({ home, die, after: 3, from: 1, to: 9 })
    expect(await child.gone).toBe('SIGKILL')
    expect(child.released.map(({ size }) => size)).toEqual([1, 2, 3])

    // The disk's state: the fourth head is promised; its cosignature is there only if it was made.
    const store = await Store.open(home)
    const { tree, signed } = store.heads.get(log)
    const kept = await store.history.get(log, 4)
    await store.close()
    expect(tree).toEqual(history.tree(4))
    expect(signed).toMatchObject({ size: 4, key: testWitness.verifier.vkey })
    // Written behind: a crash may lose it, but it is never there before it was made.
    if (die !== 'publish') expect(kept).toBeUndefined()

    const heart = await startAgain(home)
    expect(heart.store.heads.disagreement(log)).toBeUndefined()
    const promised = formatSignature(cosign(history.text(4), signed!.time, testWitness).signature)
    const current = heart.cosigned.current(log)!
    expect(formatSignature(current.cosignatures.get(testWitness.verifier.vkey)!.signature)).toBe(promised)
    if (kept !== undefined) expect(kept).toContain(promised)
    expect(await heart.store.history.get(log, 4)).toContain(promised)

    for (const size of [5, 6]) expect((await heart.submit('poll', history.head(size))).kind).toBe('advanced')
    expect(await heart.submit('gossip', history.fork(3, 'b').head(4), 'p')).toMatchObject({ kind: 'conflict' })
    expectConsistent([...child.released, ...heart.published.slice(0, 2).map(releasedIn)])
    await heart.stop()
  })

  test('in its very first write, at any step, starts over', async () => {
    for (const die of ['sign', 'journal-before', 'journal-after', 'publish'] as const) {
      const home = temporaryHome(ON_DISK)
      const child = startChild({ home, die, after: 0, from: 5, to: 9 })
      expect(await child.gone).toBe('SIGKILL')
      expect(child.released).toEqual([])
      const heart = await startAgain(home)
      expect(heart.store.heads.disagreement(log)).toBeUndefined()
      expect(heart.cosigned.current(log)?.size).toBe(5)
      expect((await heart.submit('poll', history.head(6))).kind).toBe('advanced')
      await heart.stop()
    }
  })

  test('repeatedly at the same step loses nothing and duplicates nothing', async () => {
    const home = temporaryHome(ON_DISK)
    const released: Released[] = []
    for (let round = 0; round < 4; round++) {
      const child = startChild({ home, die: 'sign', after: 2, from: 1, to: 100 })
      await child.gone
      released.push(...child.released)
    }
    expectConsistent(released)
    const heart = await startAgain(home)
    expect(heart.store.heads.disagreement(log)).toBeUndefined()
    expect(heart.cosigned.current(log)!.size).toBeGreaterThan(3)
    await heart.stop()
  })
})

/** In the name of the test, so that a failure shows it: CRASH_SEED=<it> kills after the same numbers of lines again. */
const SEED = Number(process.env.CRASH_SEED ?? Math.floor(Math.random() * 2 ** 31))

describe(`kill -9 at any moment (CRASH_SEED=${SEED})`, () => {
  test(
    'fifteen times: all released cosignatures are consistent, and the home always opens',
    { timeout: 120_000 },
    async () => {
      const home = temporaryHome(ON_DISK)
      const released: Released[] = []
      const random = seeded(SEED)
      let from = 1
      for (let round = 0; round < 15; round++) {
        const child = startChild({ home, die: 'never', after: 0, from, to: 1_000_000 })
        const lines = 1 + (random() % 40)
        let seen = 0
        await child.line((value) => typeof value === 'object' && ++seen >= lines)
        child.kill()
        expect(await child.gone).toBe('SIGKILL')
        released.push(...child.released)
        expectConsistent(released)

        const last = released.at(-1)!
        const heart = await startAgain(home)
        expect(heart.store.heads.disagreement(log), `round ${round}`).toBeUndefined()
        const state = heart.store.heads.get(log)
        expect(state.tree!.size).toBeGreaterThanOrEqual(last.size)
        expect(state.tree).toEqual(history.tree(state.tree!.size))
        // A released cosignature is in our history, bit for bit. A crash may have lost the latest ones, which were
        // written behind, but never the newest: a promised one is made again.
        const kept = await heart.store.history.get(log, last.size)
        if (state.tree!.size === last.size) expect(kept).toBeDefined()
        if (kept !== undefined)
          expect(Buffer.from(cosignatureIn(utf8(kept)).signature.bytes).toString('base64')).toBe(last.signature)
        from = state.tree!.size
        await heart.stop()
      }
      expect(released.length).toBeGreaterThanOrEqual(15)
    },
  )
})
