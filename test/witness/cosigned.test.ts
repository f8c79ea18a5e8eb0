import { MemoryLevel } from 'memory-level'
import { describe, expect, test } from 'vitest'
import { Store } from '../../src/store/store.js'
import { cosign, verifyCosignature, type Cosignature } from '../../src/tlog/cosignature.js'
import { isBy, parseNote, SIGNATURE_TYPES } from '../../src/tlog/note.js'
import { CosignedHeads, encodeCosigned, type CosignedHead, type Quorum } from '../../src/witness/cosigned.js'
import { MemoryGuard, sumdbId, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const log = sumdbId(signer.verifier)
const history = new History(signer)
const witnesses = [7, 8, 9].map((byte) => testSigner(`w${byte}.example`, byte, SIGNATURE_TYPES.cosignature))
const keys = witnesses.map(({ verifier }) => verifier)
const twoOf: Quorum = { keys, satisfiedBy: (signedBy) => signedBy.size >= 2 }

const bare = (size: number) => parseNote(history.head(size))
/** The cosignatures of these witnesses, by number, on a size at a time. */
function by(size: number, time: number, ...who: number[]): Map<string, Cosignature> {
  return new Map(who.map((i) => [keys[i]!.vkey, cosign(history.text(size), time, witnesses[i]!)]))
}

async function fresh(quorum = twoOf) {
  const store = await Store.over(new MemoryLevel(), new MemoryGuard())
  const quorums: CosignedHead[] = []
  const heads = new CosignedHeads(store, quorum, (_log, head) => quorums.push(head))
  /** Another start over the same disk; the state says that the newest tree is of this size. */
  const reload = async (size: number, other = quorum) => {
    await store.heads.change(log, store.heads.get(log), { tree: history.tree(size) })
    const again = new CosignedHeads(store, other, () => undefined)
    await again.load(log)
    return again
  }
  return { store, heads, quorums, reload }
}

const signers = (head: CosignedHead | undefined): number[] =>
  keys.flatMap(({ vkey }, i) => (head?.cosignatures.has(vkey) === true ? [i] : []))

describe('cosigned heads', () => {
  test('gather cosignatures in the order of the keys, whoever came first, and are on disk', async () => {
    const { heads, reload } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 2))
    expect(await heads.merge(log, bare(5), by(5, 100, 0))).toBe(true)
    const current = heads.current(log)!
    expect(signers(current)).toEqual([0, 2])
    const note = parseNote(encodeCosigned(current))
    expect(note.signatures.map(({ name }) => name)).toEqual(['log.example', 'w7.example', 'w9.example'])
    verifyCosignature(
      note.text,
      note.signatures.find((line) => isBy(line, keys[2]!))!,
      keys[2]!,
    )
    expect((await reload(5)).current(log)).toEqual(current)
  })

  test('say whether a key is new to them: a newer time of a known one is kept, and is no news', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    expect(await heads.merge(log, bare(5), by(5, 100, 0))).toBe(false)
    expect(await heads.merge(log, bare(5), by(5, 200, 0))).toBe(false)
    expect(heads.current(log)!.cosignatures.get(keys[0]!.vkey)?.time).toBe(200)
    expect(await heads.merge(log, bare(5), by(5, 150, 0))).toBe(false)
    expect(heads.current(log)!.cosignatures.get(keys[0]!.vkey)?.time).toBe(200)
    expect(await heads.merge(log, bare(5), by(5, 100, 0, 1))).toBe(true)
  })

  test('do not take a head that we never proved', async () => {
    const { heads, store } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    expect(await heads.merge(log, bare(4), by(4, 100, 1, 2))).toBe(false)
    expect(await store.history.get(log, 4)).toBeUndefined()
    expect(heads.quorum(log)).toBeUndefined()
  })

  test('do not mix two texts of one size', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    const spelled = parseNote(history.sign(`${history.text(5)}extension\n`))
    const own = new Map([[keys[1]!.vkey, cosign(spelled.text, 100, witnesses[1]!)]])
    expect(await heads.merge(log, spelled, own)).toBe(false)
    expect(signers(heads.current(log))).toEqual([0])
  })

  test('gather for older heads too, without going back to them', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    await heads.install(log, bare(9), by(9, 200, 0))
    expect(await heads.merge(log, bare(5), by(5, 100, 1))).toBe(true)
    expect(heads.current(log)?.size).toBe(9)
    expect(signers(heads.current(log))).toEqual([0])
    expect((await heads.history(log, 9)).map((head) => [head.size, signers(head)])).toEqual([
      [9, [0]],
      [5, [0, 1]],
    ])
  })

  test('never go back when two are installed at once', async () => {
    const { heads } = await fresh()
    await Promise.all([9, 5, 7].map((size) => heads.install(log, bare(size), by(size, 100, 0))))
    expect(heads.current(log)?.size).toBe(9)
  })

  test('lose nothing when many cosignatures come at once', async () => {
    const { heads, quorums } = await fresh()
    await heads.install(log, bare(5), new Map())
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, i) => heads.merge(log, bare(5), by(5, 100, i % 3))),
    )
    expect(results.filter(Boolean)).toHaveLength(3)
    expect(signers(heads.current(log))).toEqual([0, 1, 2])
    expect(quorums.map(signers)).toEqual([
      [expect.any(Number), expect.any(Number)],
      [0, 1, 2],
    ])
  })
})

describe('the quorum head', () => {
  test('is the largest that the policy is satisfied with, and it is told when it changes', async () => {
    const { heads, quorums, reload } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    expect(heads.quorum(log)).toBeUndefined()
    await heads.merge(log, bare(5), by(5, 100, 1))
    expect(heads.quorum(log)?.size).toBe(5)
    await heads.install(log, bare(9), by(9, 200, 0))
    expect(heads.quorum(log)?.size).toBe(5)
    await heads.merge(log, bare(9), by(9, 200, 2))
    expect(heads.quorum(log)?.size).toBe(9)
    await heads.merge(log, bare(5), by(5, 100, 2))
    expect(heads.quorum(log)?.size, 'never an older one').toBe(9)
    expect(quorums.map(({ size }) => size)).toEqual([5, 9])
    expect((await reload(9)).quorum(log)).toEqual(heads.quorum(log))
  })

  test('of a policy that has changed since is no quorum head any more', async () => {
    const { heads, reload } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0, 1))
    const all: Quorum = { keys, satisfiedBy: (signedBy) => signedBy.size === 3 }
    expect((await reload(5, all)).quorum(log)).toBeUndefined()
    const without: Quorum = { keys: keys.slice(1), satisfiedBy: (signedBy) => signedBy.size >= 1 }
    const again = await reload(5, without)
    expect(signers(again.quorum(log))).toEqual([1])
    expect(signers(again.current(log))).toEqual([1])
  })
})
