import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { Store } from '../../src/store/store.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { cosign, verifyCosignature, type Cosignature } from '../../src/tlog/cosignature.js'
import {
  formatNote,
  isBy,
  MAX_NOTE_BYTES,
  MAX_SIGNATURES,
  parseNote,
  SIGNATURE_TYPES,
  type SignerKey,
  type VerifierKey,
} from '../../src/tlog/note.js'
import { encodeCosigned, type CosignedHead } from '../../src/witness/cosigned-head.js'
import { CosignedHeads } from '../../src/witness/cosigned.js'
import type { Quorum } from '../../src/witness/quorum.js'
import { StrangersLines } from '../../src/witness/renewals.js'
import { MemoryGuard, sumdbId, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const signer = testSigner('log.example', 1)
const log = sumdbId(signer.verifier)
const history = new History(signer)
const witnesses = [7, 8, 9].map((byte) => testSigner(`w${byte}.example`, byte, SIGNATURE_TYPES.cosignature))
const keys = witnesses.map(({ verifier }) => verifier)
const nobody = (): ReadonlySet<string> => new Set()
const twoOf: Quorum = { keys, satisfiedBy: (signedBy) => signedBy.size >= 2, convicted: nobody }

const bare = (size: number) => parseNote(history.head(size))
/** The cosignatures of these witnesses, by number, on a size at a time. */
function by(size: number, time: number, ...who: number[]): Map<string, Cosignature> {
  return new Map(who.map((i) => [keys[i]!.vkey, cosign(history.text(size), time, witnesses[i]!)]))
}

async function fresh(quorum = twoOf, relayed: () => readonly VerifierKey[] = () => []) {
  const db = new MemoryLevel()
  const guard = new MemoryGuard()
  const store = await Store.over(db, guard)
  const quorums: CosignedHead[] = []
  const heads = new CosignedHeads(store, quorum, (_log, head) => quorums.push(head), relayed)
  /** Another start over the same disk; according to the state the newest tree has this size. */
  const reload = async (size: number, other = quorum) => {
    await store.heads.change(log, store.heads.get(log), { tree: history.tree(size) })
    await store.flush()
    const again = new CosignedHeads(await Store.over(db, guard), other, () => undefined, relayed)
    await again.load(log)
    return again
  }
  return { db, store, heads, quorums, reload }
}

/** The numbers of the witnesses in a map by vkey. */
const who = (cosignatures: ReadonlyMap<string, unknown> | undefined): number[] =>
  keys.flatMap(({ vkey }, i) => (cosignatures?.has(vkey) === true ? [i] : []))
const signers = (head: CosignedHead | undefined): number[] => who(head?.cosignatures)

describe('cosigned heads', () => {
  test('accept a cosignature that arrives after the quorum, as part of the quorum head', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0, 1))
    expect(signers(heads.quorum(log))).toEqual([0, 1])
    await heads.merge(log, bare(5), by(5, 100, 2))
    expect(signers(heads.quorum(log))).toEqual([0, 1, 2])
  })

  test('keep cosignatures in the order of the keys, whichever came first, on disk too', async () => {
    const { heads, reload } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 2))
    expect(who(await heads.merge(log, bare(5), by(5, 100, 0)))).toEqual([0])
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

  test('report only new keys as news: a newer time of a known key is kept silently', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    expect(who(await heads.merge(log, bare(5), by(5, 100, 0)))).toEqual([])
    expect(who(await heads.merge(log, bare(5), by(5, 200, 0)))).toEqual([])
    expect(heads.current(log)!.cosignatures.get(keys[0]!.vkey)?.time).toBe(200)
    expect(who(await heads.merge(log, bare(5), by(5, 150, 0)))).toEqual([])
    expect(heads.current(log)!.cosignatures.get(keys[0]!.vkey)?.time).toBe(200)
    expect(who(await heads.merge(log, bare(5), by(5, 300, 0, 1)))).toEqual([1])
  })

  test('ignore cosignatures on a head that we never proved', async () => {
    const { heads, store } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    expect(who(await heads.merge(log, bare(4), by(4, 100, 1, 2)))).toEqual([])
    expect(await store.history.get(log, 4)).toBeUndefined()
    expect(heads.quorum(log)).toBeUndefined()
  })

  test('do not mix two texts of one size', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    const spelled = parseNote(history.sign(`${history.text(5)}extension\n`))
    const own = new Map([[keys[1]!.vkey, cosign(spelled.text, 100, witnesses[1]!)]])
    expect(who(await heads.merge(log, spelled, own))).toEqual([])
    expect(signers(heads.current(log))).toEqual([0])
  })

  test('collect cosignatures on older heads too, without going back to them', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0))
    await heads.install(log, bare(9), by(9, 200, 0))
    expect(who(await heads.merge(log, bare(5), by(5, 100, 1)))).toEqual([1])
    expect(heads.current(log)?.size).toBe(9)
    expect(signers(heads.current(log))).toEqual([0])
    expect((await heads.history(log, 9)).map((head) => [head.size, signers(head)])).toEqual([
      [9, [0]],
      [5, [0, 1]],
    ])
  })

  test('never go back when several are installed at once', async () => {
    const { heads } = await fresh()
    await Promise.all([9, 5, 7].map((size) => heads.install(log, bare(size), by(size, 100, 0))))
    expect(heads.current(log)?.size).toBe(9)
  })

  test('lose none of many simultaneous cosignatures, report each as news once, and write once', async () => {
    const { db, heads, quorums } = await fresh()
    await heads.install(log, bare(5), new Map())
    const writes = vi.spyOn(db, 'batch')
    const results = await Promise.all(
      Array.from({ length: 30 }, (_, i) => heads.merge(log, bare(5), by(5, 100, i % 3))),
    )
    expect(results.map(who)).toEqual([[0], [1], [2], ...Array.from({ length: 27 }, () => [])])
    expect(signers(heads.current(log))).toEqual([0, 1, 2])
    expect(quorums.map(signers)).toEqual([[0, 1, 2]])
    expect(writes).toHaveBeenCalledTimes(1)
  })

  test('keep the later of two simultaneous lines, and lines that arrive during the write', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(5), new Map())
    const [early, late] = [heads.merge(log, bare(5), by(5, 100, 0)), heads.merge(log, bare(5), by(5, 200, 0))]
    // Arrives while those are being written.
    await new Promise((resolve) => setImmediate(resolve))
    const next = heads.merge(log, bare(5), by(5, 100, 0, 1))
    expect([who(await early), who(await late), who(await next)]).toEqual([[], [0], [1]])
    expect(heads.current(log)?.cosignatures.get(keys[0]!.vkey)?.time).toBe(200)
  })

  test('report a disk failure to all callers of a burst, and recover', async () => {
    const { heads, store } = await fresh()
    await heads.install(log, bare(5), new Map())
    vi.spyOn(store.history, 'put').mockRejectedValueOnce(new GossumError('STORE_WRITE_FAILED'))
    const burst = [0, 1, 2].map((i) => heads.merge(log, bare(5), by(5, 100, i)))
    const failed = await Promise.allSettled(burst)
    expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    expect(signers(heads.current(log))).toEqual([])
    expect(who(await heads.merge(log, bare(5), by(5, 100, 0, 1, 2)))).toEqual([0, 1, 2])
  })
})

describe('an older head that arrives again', () => {
  /** The keys of the witnesses, counting their verifications. */
  async function counting() {
    const seen = { verified: 0, read: 0 }
    const watched = keys.map((key) => ({
      ...key,
      verify: (message: Uint8Array, signature: Uint8Array) => {
        seen.verified++
        return key.verify(message, signature)
      },
    }))
    const parts = await fresh({ ...twoOf, keys: watched })
    const { history: kept } = parts.store
    const get = kept.get.bind(kept)
    kept.get = (...asked) => {
      seen.read++
      return get(...asked)
    }
    await parts.heads.install(log, bare(5), by(5, 100, 0, 1, 2))
    await parts.heads.install(log, bare(9), by(9, 100, 0))
    return { ...parts, seen }
  }

  test('without later lines costs neither a verification nor a disk read', async () => {
    const { heads, seen } = await counting()
    await heads.merge(log, bare(5), by(5, 100, 0))
    const before = { ...seen }
    for (let i = 0; i < 50; i++) expect((await heads.merge(log, bare(5), by(5, 100 - i, 0, 1, 2))).size).toBe(0)
    expect(await heads.holds(log, fromUtf8(history.head(5))!)).toBe(true)
    expect(await heads.holds(log, fromUtf8(history.fork(2, 'b').head(5))!)).toBe(false)
    expect(seen).toEqual(before)
  })

  test('is verified only once, even when ninety of them alternate', async () => {
    const { heads, store, seen } = await counting()
    await heads.install(log, bare(200), by(200, 100, 0))
    for (let size = 10; size < 100; size++) {
      const lines = [...by(size, 100, 0, 1).values()].map(({ signature }) => signature)
      const { text, signatures } = bare(size)
      await store.history.put(log, size, fromUtf8(formatNote({ text, signatures: [...signatures, ...lines] }))!)
    }
    for (let round = 0; round < 3; round++) {
      for (let size = 10; size < 100; size++) await heads.merge(log, bare(size), by(size, 100, 0))
    }
    expect(seen.verified).toBe(2 * 90)
  })
})

describe('the quorum head', () => {
  test('is the largest that satisfies the policy, and is announced when it changes', async () => {
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

  test('is kept after it is gone from the bounded history', async () => {
    const { db, store, heads, reload } = await fresh()
    await heads.install(log, bare(9), by(9, 100, 0, 1))
    await heads.install(log, bare(5), by(5, 100, 0, 1))
    const quorum = heads.quorum(log)
    await store.flush()
    await db.sublevel('history').del(`${log}!${'9'.padStart(16, '0')}`)
    expect((await reload(5)).quorum(log)).toEqual(quorum)
  })

  test('is found even if newer ones and its own entry on disk are damaged', async () => {
    const { heads, store, reload } = await fresh()
    for (const size of [5, 6, 7]) await heads.install(log, bare(size), by(size, 100, 0, 1))
    await heads.install(log, bare(9), by(9, 100, 0))
    await store.history.put(log, 7, 'damaged')
    await store.history.put(log, 6, (await store.history.get(log, 6))!.replaceAll('—', '-'))
    await store.quorum.put(log, '')
    expect((await reload(9)).quorum(log)?.size).toBe(5)
  })

  test('is evaluated again if the policy has changed', async () => {
    const { heads, reload } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0, 1))
    const all: Quorum = { keys, satisfiedBy: (signedBy) => signedBy.size === 3, convicted: nobody }
    expect((await reload(5, all)).quorum(log)).toBeUndefined()
    const without: Quorum = { keys: keys.slice(1), satisfiedBy: (signedBy) => signedBy.size >= 1, convicted: nobody }
    const again = await reload(5, without)
    expect(signers(again.quorum(log))).toEqual([1])
    expect(signers(again.current(log))).toEqual([1])
  })
})

describe('a convicted witness', () => {
  /** Two of three, of which the convicted do not count. */
  function courts() {
    const convicted = new Set<string>()
    return { convicted, quorum: { ...twoOf, convicted: () => convicted } }
  }

  test('does not count: its cosignatures are kept and shown, but are part of no quorum', async () => {
    const { convicted, quorum } = courts()
    const { heads, quorums } = await fresh(quorum)
    convicted.add(keys[0]!.vkey)
    await heads.install(log, bare(5), by(5, 100, 0))
    expect(who(await heads.merge(log, bare(5), by(5, 100, 1)))).toEqual([1])
    expect(signers(heads.current(log))).toEqual([0, 1])
    expect(heads.quorum(log)).toBeUndefined()
    await heads.merge(log, bare(5), by(5, 100, 2))
    expect(signers(heads.quorum(log))).toEqual([1, 2])
    expect(quorums.map(signers)).toEqual([[1, 2]])
  })

  test('invalidates its quorum heads, on disk too, until the conviction is lifted', async () => {
    const { convicted, quorum } = courts()
    const { heads, quorums, store, reload } = await fresh(quorum)
    await heads.install(log, bare(5), by(5, 100, 1, 2))
    await heads.install(log, bare(9), by(9, 200, 0, 1))
    await heads.install(log, bare(12), by(12, 300, 1))
    expect(heads.quorum(log)?.size).toBe(9)
    convicted.add(keys[0]!.vkey)
    await heads.reconsider(log)
    expect(heads.quorum(log)?.size, 'the largest that the others agree on').toBe(5)
    expect(await store.quorum.get(log)).toContain('\n5\n')
    convicted.add(keys[1]!.vkey)
    await heads.reconsider(log)
    expect(heads.quorum(log)).toBeUndefined()
    expect(await store.quorum.get(log)).toBeUndefined()
    expect((await reload(12)).quorum(log)).toBeUndefined()
    convicted.clear()
    await heads.reconsider(log)
    expect([heads.quorum(log)?.size, signers(heads.quorum(log))]).toEqual([9, [0, 1]])
    expect(quorums.map(({ size }) => size)).toEqual([5, 9, 5, 9])
  })

  test('that is not needed leaves the quorum head in place, with one cosignature fewer', async () => {
    const { convicted, quorum } = courts()
    const { heads, quorums } = await fresh(quorum)
    await heads.install(log, bare(5), by(5, 100, 0, 1, 2))
    await heads.reconsider(log)
    expect(quorums, 'nothing changed').toHaveLength(1)
    convicted.add(keys[1]!.vkey)
    await heads.reconsider(log)
    expect(quorums.map(signers)).toEqual([
      [0, 1, 2],
      [0, 2],
    ])
  })

  test('does not hide an older quorum head of the other witnesses, however many heads lie between', async () => {
    const { convicted, quorum } = courts()
    const { heads, store } = await fresh(quorum)
    const put = (size: number, ...signedBy: number[]) => {
      const lines = signedBy.map((i) => cosign(history.text(size), 100, witnesses[i]!).signature)
      const { text, signatures } = parseNote(history.head(size))
      return store.history.put(log, size, fromUtf8(formatNote({ text, signatures: [...signatures, ...lines] }))!)
    }
    await put(3, 1, 2)
    for (let size = 4; size <= 100; size++) await put(size, 0, 1)
    await heads.reconsider(log)
    expect(heads.quorum(log)?.size).toBe(100)
    convicted.add(keys[0]!.vkey)
    await heads.reconsider(log)
    expect(heads.quorum(log)?.size).toBe(3)
  })
})

describe('cosignatures of relayed keys', () => {
  const many = Array.from({ length: 120 }, (_, i) => testSigner(`n${i}.example`, 20 + i, SIGNATURE_TYPES.cosignature))
  const signedBy = (size: number, signers: readonly SignerKey[], time = 100): Map<string, Cosignature> =>
    new Map(signers.map((one) => [one.verifier.vkey, cosign(history.text(size), time, one)]))

  test('follow those that count, never count themselves, and survive a restart', async () => {
    const relayed = many.slice(0, 2)
    const { heads, quorums, reload } = await fresh(twoOf, () => relayed.map(({ verifier }) => verifier))
    await heads.install(log, bare(5), by(5, 100, 2))
    const told = await heads.merge(log, bare(5), signedBy(5, relayed))
    expect([...told.keys()]).toEqual(relayed.map(({ verifier }) => verifier.vkey))
    expect((await heads.merge(log, bare(5), signedBy(5, relayed, 200))).size).toBe(0)
    expect(quorums).toEqual([])
    await heads.merge(log, bare(5), by(5, 100, 0))
    const names = ['log.example', 'w7.example', 'w9.example', 'n0.example', 'n1.example']
    expect(heads.current(log)!.note.signatures.map(({ name }) => name)).toEqual(names)
    expect(signers(heads.quorum(log))).toEqual([0, 2])
    expect(heads.quorum(log)!.cosignatures.size, 'the quorum head has those that count alone').toBe(2)
    expect((await reload(5)).current(log)).toEqual(heads.current(log))
  })

  test('fill the room left in a note in the order of their keys, and yield it to those that count', async () => {
    const { heads } = await fresh(twoOf, () => [...many].reverse().map(({ verifier }) => verifier))
    await heads.install(log, bare(5), by(5, 100, 0))
    const told = await heads.merge(log, bare(5), signedBy(5, many))
    expect(told.size).toBe(MAX_SIGNATURES - 2)
    expect(told.has(many.at(-1)!.verifier.vkey)).toBe(true)
    expect(told.has(many[0]!.verifier.vkey)).toBe(false)
    expect((await heads.merge(log, bare(5), signedBy(5, many.slice(0, 1)))).size, 'no news without room').toBe(0)
    expect(who(await heads.merge(log, bare(5), by(5, 100, 1, 2)))).toEqual([1, 2])
    const { note } = heads.current(log)!
    expect(note.signatures).toHaveLength(MAX_SIGNATURES)
    expect(parseNote(encodeCosigned(heads.current(log)!))).toEqual(note)
  })

  test('on an older head survive the temporary absence of the neighbour that counts the key', async () => {
    const [first, second] = many as [SignerKey, SignerKey]
    let counting = [first, second]
    const { heads, reload } = await fresh(twoOf, () => counting.map(({ verifier }) => verifier))
    await heads.install(log, bare(5), by(5, 100, 0))
    await heads.install(log, bare(9), by(9, 100, 0))
    await heads.merge(log, bare(5), signedBy(5, [first]))
    counting = [second]
    const again = await reload(9)
    // Read, and kept in memory, while the first is not requested.
    expect((await again.merge(log, bare(5), by(5, 100, 0))).size).toBe(0)
    counting = [first, second]
    expect((await again.merge(log, bare(5), signedBy(5, [second]))).size).toBe(1)
    const [, older] = await again.history(log, 2)
    const expected = [keys[0]!, ...counting.map(({ verifier }) => verifier)].map(({ vkey }) => vkey)
    expect([...older!.cosignatures.keys()]).toEqual(expected)
  })

  test('cannot make a head too large with long names', async () => {
    const long = many.map((_, i) => testSigner(`${i}-${'x'.repeat(4000)}`, 20 + i, SIGNATURE_TYPES.cosignature))
    const { heads } = await fresh(twoOf, () => [...long, ...many.slice(0, 1)].map(({ verifier }) => verifier))
    await heads.install(log, bare(5), by(5, 100, 0))
    const told = await heads.merge(log, bare(5), signedBy(5, [...long, many[0]!]))
    expect(told.has(many[0]!.verifier.vkey), 'one that fits is not held up').toBe(true)
    expect(encodeCosigned(heads.current(log)!).length).toBeLessThan(MAX_NOTE_BYTES / 2)
  })
})

describe('the last head that a witness was seen to sign', () => {
  const [first, second] = keys as [VerifierKey, VerifierKey]

  test('is its largest, with that one line, after a restart too', async () => {
    const { heads, reload } = await fresh()
    expect(heads.signers.lastSeen(first.vkey)).toBeUndefined()
    expect(await heads.signers.told(log, first.vkey)).toEqual([])
    await heads.install(log, bare(5), by(5, 100, 0, 1))
    await heads.install(log, bare(9), by(9, 200, 1))
    await heads.merge(log, bare(5), by(5, 300, 1))
    const again = await reload(9)
    for (const each of [heads, again]) {
      expect(each.signers.lastSeen(first.vkey)).toEqual({ log, size: 5, time: 100 })
      expect(each.signers.lastSeen(second.vkey)).toEqual({ log, size: 9, time: 200 })
      const largest = (await each.signers.largestBy(log, second.vkey))!
      expect([largest.size, [...largest.cosignatures.keys()]]).toEqual([9, [second.vkey]])
      const [text] = await each.signers.told(log, second.vkey)
      const note = parseNote(text!)
      expect(note.signatures.map(({ name }) => name)).toEqual(['log.example', second.name])
      expect(verifyCosignature(note.text, note.signatures[1]!, second).time).toBe(200)
    }
  })

  test('is read from the newest head if it was not recorded', async () => {
    const { db, store, heads, reload } = await fresh()
    await heads.install(log, bare(5), by(5, 100, 0, 1))
    await store.flush()
    await db.sublevel('signed-by').clear()
    expect((await reload(5)).signers.lastSeen(second.vkey)).toEqual({ log, size: 5, time: 100 })
  })

  test('is dated no later than we received it, whatever the witness says', async () => {
    const { heads, reload } = await fresh()
    await heads.install(log, bare(5), by(5, 900_000_000_000, 0))
    for (const each of [heads, await reload(5)]) {
      const { size, time } = each.signers.lastSeen(first.vkey)!
      expect(size).toBe(5)
      expect(time).toBeLessThanOrEqual(Date.now() / 1000)
      expect(time).toBeGreaterThan(1_600_000_000)
    }
  })

  test('may be one that we never held', async () => {
    const { heads } = await fresh()
    await heads.install(log, bare(9), by(9, 200, 0))
    expect((await heads.merge(log, bare(7), by(7, 150, 1))).size).toBe(0)
    expect(heads.signers.lastSeen(second.vkey)).toEqual({ log, size: 7, time: 150 })
  })
})

describe('a stranger that signs again every second', () => {
  const stranger = testSigner('stranger.example', 66, SIGNATURE_TYPES.cosignature)
  const { vkey } = stranger.verifier
  const lineAt = (time: number) => new Map([[vkey, cosign(history.text(5), time, stranger)]])

  test('causes only a few writes, none of them durable', async () => {
    const { heads, store } = await fresh(twoOf, () => [stranger.verifier])
    await heads.install(log, bare(5), by(5, 100, 0))
    const put = vi.spyOn(store.history, 'put')
    for (let time = 1; time <= 200; time++) await heads.merge(log, bare(5), lineAt(time))
    // The first line and a few renewals.
    expect(put.mock.calls.map(([, , , how]) => how)).toEqual(Array(4).fill('lazily'))
    expect(heads.current(log)!.cosignatures.get(vkey)!.time).toBe(4)
    // Counted witnesses are always written durably.
    await heads.merge(log, bare(5), by(5, 300, 1))
    expect(put.mock.lastCall![3]).toBe('durably')
  })

  test('is accepted again after a minute', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    try {
      const { heads } = await fresh(twoOf, () => [stranger.verifier])
      await heads.install(log, bare(5), by(5, 100, 0))
      for (let time = 1; time <= 20; time++) await heads.merge(log, bare(5), lineAt(time))
      vi.advanceTimersByTime(60_000)
      await heads.merge(log, bare(5), lineAt(1_800))
      expect(heads.current(log)!.cosignatures.get(vkey)!.time).toBe(1_800)
    } finally {
      vi.useRealTimers()
    }
  })

  test('under ever new keys uses up its sender’s budget; cosignatures that count do not', async () => {
    let now = 0
    const lines = new StrangersLines(new Set(keys.map((key) => key.vkey)), () => now)
    const line = by(5, 100, 0).get(keys[0]!.vkey)!
    const merge = (given: ReadonlyMap<string, Cosignature>) => Promise.resolve(given)
    let taken = 0
    for (let i = 0; i < 3_000; i++) taken += (await lines.take('spammer', new Map([[`key ${i}`, line]]), merge)).size
    expect(taken).toBe(1_024)
    expect((await lines.take('spammer', new Map([['another', line], ...by(5, 100, 0)]), merge)).has('another')).toBe(
      false,
    )
    expect(who(await lines.take('spammer', by(5, 100, 0, 1), merge))).toEqual([0, 1])
    expect((await lines.take('another peer', new Map([['another', line]]), merge)).size).toBe(1)
    now += 1_000
    for (let i = 0; i < 100; i++) taken += (await lines.take('spammer', new Map([[`later ${i}`, line]]), merge)).size
    expect(taken).toBe(1_024 + 32)
    // What is already known costs nothing, however often it arrives.
    const known = () => Promise.resolve(new Map<string, Cosignature>())
    for (let i = 0; i < 3_000; i++) await lines.take('honest', new Map([['known', line]]), known)
    expect((await lines.take('honest', new Map([['new', line]]), merge)).size).toBe(1)
  })
})
