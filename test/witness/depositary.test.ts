import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { Store } from '../../src/store/store.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatNote, parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { CosignedHeads } from '../../src/witness/cosigned.js'
import { Depositary, type Bringer, type DepositaryParts, type SignedPage } from '../../src/witness/depositary.js'
import { makePromise, type WitnessPromise } from '../../src/witness/promise.js'
import { MemoryGuard, sumdbId, testSigner } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const logSigner = testSigner('log.example', 1)
const log = sumdbId(logSigner.verifier)
const history = new History(logSigner)
const fork = history.fork(3, 'fork')
/** A log that this node does not follow. */
const unfollowed = new History(testSigner('unfollowed.example', 2))
const unfollowedId = logId('unfollowed.example', SUMDB_ORIGIN)
const [ours, counted, stranger, second] = [7, 8, 9, 10].map((byte) =>
  testSigner(`w${byte}.example`, byte, SIGNATURE_TYPES.cosignature),
) as [SignerKey, SignerKey, SignerKey, SignerKey]
const strangerKey = stranger.verifier.vkey

const promiseBy = (signer: SignerKey, of: History, size: number, rest: Partial<WitnessPromise> = {}) =>
  makePromise(signer, { log: of === unfollowed ? unfollowedId : log, seq: 1, time: 100, head: of.head(size), ...rest })

const from = (rest: Partial<Bringer> = {}): Bringer => ({ peer: 'peer', witness: strangerKey, chosen: false, ...rest })

/** A head with a line of each of these. */
function cosigned(of: History, size: number, ...signers: SignerKey[]): Uint8Array {
  return withLines(of.head(size), ...signers)
}

function withLines(head: Uint8Array, ...signers: SignerKey[]): Uint8Array {
  const { text, signatures } = parseNote(head)
  return formatNote({ text, signatures: [...signatures, ...signers.map((its) => cosign(text, 50, its).signature)] })
}

/** The same note with bits after its last signature that no decoder reads. */
function respelled(note: Uint8Array): Uint8Array {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  const text = fromUtf8(note)!
  const [last] = text.slice(-3)
  return utf8(`${text.slice(0, -3)}${alphabet[alphabet.indexOf(last!) + 1]}=\n`)
}

async function start(parts: Partial<DepositaryParts> = {}, db = new MemoryLevel()) {
  const store = await Store.over(db, new MemoryGuard())
  const quorum = {
    keys: [ours.verifier, counted.verifier],
    satisfiedBy: () => false,
    convicted: () => new Set<string>(),
  }
  const heads = new CosignedHeads(store, quorum, () => undefined)
  await heads.load(log)
  const { signers } = heads
  const depositary = new Depositary({
    shelf: store.deposits,
    signers,
    logs: new Map([[log, { id: log, key: logSigner.verifier, origin: SUMDB_ORIGIN }]]),
    counts: (vkey) => vkey === counted.verifier.vkey,
    keys: () => [ours.verifier, counted.verifier],
    ...parts,
  })
  /** All pages about a key, each checked against the limits of a frame. */
  const pages = async (key: string): Promise<SignedPage[]> => {
    const all: SignedPage[] = []
    for (let after: string | undefined; all.length < 1000;) {
      const page = await depositary.page(key, after)
      all.push(page)
      if (page.next === undefined) break
      expect(page.next > (after ?? '')).toBe(true)
      after = page.next
    }
    return all
  }
  const told = async (key: string) => {
    const all = await pages(key)
    return { heads: all.flatMap((page) => page.heads), promises: all.flatMap((page) => page.promises) }
  }
  /** By the sizes of the heads. */
  const sizes = async (key: string) => {
    const { heads, promises } = await told(key)
    const sizeOf = (note: Uint8Array): number => Number(fromUtf8(note)!.split('\n')[1])
    return { heads: heads.map(sizeOf), promises: promises.map(({ head }) => sizeOf(head)) }
  }
  return { db, store, signers, depositary, pages, told, sizes }
}

describe('a promise', () => {
  test('is kept whatever we think of its log and head, and returned unchanged, after a restart too', async () => {
    const first = await start()
    await first.store.heads.hold(log, 'frozen')
    const promises = [await promiseBy(stranger, unfollowed, 5), await promiseBy(stranger, fork, 9)]
    for (const promise of promises) expect(await first.depositary.keepPromise(promise, from())).toBe(true)
    for (const { told } of [first, await start({}, first.db)]) {
      const { promises: back } = await told(strangerKey)
      expect(new Set(back)).toEqual(new Set(promises))
      expect((await told(counted.verifier.vkey)).promises).toEqual([])
    }
  })

  test('for a smaller tree does not replace one for a larger tree, and is not confirmed', async () => {
    const { depositary, sizes } = await start()
    const keep = async (size: number, of = history) =>
      depositary.keepPromise(await promiseBy(stranger, of, size), from())
    expect([await keep(9), await keep(5), await keep(9, fork), await keep(9)]).toEqual([true, false, false, true])
    expect((await sizes(strangerKey)).promises).toEqual([9])
  })

  const broken: [string, (promise: WitnessPromise) => WitnessPromise][] = [
    ['by another key', (promise) => ({ ...promise, witness: counted.verifier.vkey })],
    ['by no key', (promise) => ({ ...promise, witness: 'nobody' })],
    ['of another head', (promise) => ({ ...promise, head: history.head(6) })],
    ['at another time', (promise) => ({ ...promise, time: 101 })],
    ['of another state', (promise) => ({ ...promise, seq: 2 })],
    ['with another signature', (promise) => ({ ...promise, log: unfollowedId })],
    ['that is signed otherwise', (promise) => ({ ...promise, signature: new Uint8Array(64) })],
  ]
  test.each(broken)('%s is rejected', async (_, breakIt) => {
    const { depositary, told } = await start()
    const promise = await promiseBy(stranger, history, 5)
    expect(await depositary.keepPromise(breakIt(promise), from())).toBe(false)
    expect((await told(strangerKey)).promises).toEqual([])
    expect(await depositary.keepPromise(promise, from()), 'it itself is one').toBe(true)
  })

  const odd: [string, Partial<WitnessPromise>][] = [
    ['a head that is no note', { head: utf8('head') }],
    ['a head with more lines', { head: cosigned(history, 5, counted) }],
    ['a head that is no checkpoint', { head: history.sign('a\nb\nc\n') }],
    ['a size that no tree has', { head: history.sign(`o\n9223372036854775807\n${'A'.repeat(43)}=\n`) }],
    ['another spelling of a note', { head: respelled(history.head(5)) }],
    ['no log id', { log: 'log' }],
    ['no time', { time: 0 }],
    ['a fraction of a second', { time: 0.5 }],
    ['a time beyond all dates', { time: 8_640_000_000_001 }],
    ['no state number', { seq: 0 }],
  ]
  test.each(odd)('with %s is rejected, though its signature is valid', async (_, rest) => {
    const { depositary } = await start()
    expect(await depositary.keepPromise(await promiseBy(stranger, history, 5, rest), from())).toBe(false)
  })

  test('that the disk rejects is not kept; a bug is reported', async () => {
    const { depositary, store } = await start()
    const promise = await promiseBy(stranger, history, 5)
    const put = vi.spyOn(store.deposits, 'put')
    put.mockRejectedValueOnce(new GossumError('STORE_WRITE_FAILED'))
    expect(await depositary.keepPromise(promise, from())).toBe(false)
    put.mockRejectedValueOnce(new TypeError('a bug'))
    await expect(depositary.keepPromise(promise, from())).rejects.toThrow('a bug')
  })

  test('is stored in the room of its key: a counted key, one of a chosen peer, or a stranger’s', async () => {
    const { depositary, store } = await start()
    const put = vi.spyOn(store.deposits, 'put')
    const keep = async (signer: SignerKey, bringer: Bringer) => {
      await depositary.keepPromise(await promiseBy(signer, history, 5), bringer)
      return put.mock.lastCall![1]
    }
    expect(await keep(counted, from())).toBe('counted')
    expect(await keep(stranger, from())).toBe('stranger')
    expect(await keep(stranger, from({ peer: 'chosen', chosen: true }))).toBe('chosen')
    // A node has more than the one key that its hello proves, but not any number.
    const many = Array.from({ length: 70 }, (_, i) => testSigner(`k${i}.example`, 20 + i, SIGNATURE_TYPES.cosignature))
    const bearers: string[] = []
    for (const signer of many) bearers.push(await keep(signer, from({ peer: 'other', chosen: true })))
    expect(bearers.filter((bearer) => bearer === 'chosen')).toHaveLength(64)
    expect(await keep(many[0]!, from({ peer: 'other', chosen: true }))).toBe('chosen')
    expect(await keep(stranger, from({ peer: 'other', chosen: true })), 'its own key').toBe('chosen')
  })
})

describe('the lines of a key', () => {
  const seen = async (
    { signers }: { signers: CosignedHeads['signers'] },
    of: History,
    size: number,
    signer = stranger,
  ) => {
    const { text, signatures } = parseNote(of.head(size))
    await signers.see(log, { text, signatures }, new Map([[signer.verifier.vkey, cosign(text, 50, signer)]]))
  }
  const proven = async ({ signers }: { signers: CosignedHeads['signers'] }, size: number) => {
    const { text, signatures } = parseNote(history.head(size))
    await signers.remember(log, { text, signatures }, new Map([[strangerKey, cosign(text, 50, stranger)]]))
  }

  test('under heads outside our history are returned, but never taken for part of it', async () => {
    const node = await start()
    await proven(node, 5)
    await seen(node, history, 20)
    await seen(node, history, 9)
    await node.store.flush()
    for (const { sizes, signers } of [node, await start({}, node.db)]) {
      expect((await sizes(strangerKey)).heads.sort()).toEqual([20, 5])
      expect((await signers.largestBy(log, strangerKey))?.size).toBe(5)
      expect(signers.lastSeen(strangerKey)?.size).toBe(5)
    }
    const onlySeen = await start()
    await seen(onlySeen, history, 20)
    expect((await onlySeen.sizes(strangerKey)).heads).toEqual([20])
    expect([await onlySeen.signers.largestBy(log, strangerKey), onlySeen.signers.lastSeen(strangerKey)]).toEqual([
      undefined,
      undefined,
    ])
  })

  test('that were only seen are not returned twice once their head is proven, and a fork stays next to it', async () => {
    const node = await start()
    await seen(node, history, 20)
    await seen(node, fork, 20)
    await proven(node, 20)
    const { heads } = await node.told(strangerKey)
    const expected = [history, fork].map((of) => fromUtf8(cosigned(of, 20, stranger)))
    expect(heads.map((head) => fromUtf8(head)).sort()).toEqual(expected.sort())
    await proven(node, 30)
    expect((await node.sizes(strangerKey)).heads.sort(), 'a larger one on our history hides no fork').toEqual([20, 30])
  })

  test('under a head of our history hide no other of its size, and are written only if something is new', async () => {
    const node = await start()
    await proven(node, 20)
    await seen(node, fork, 20)
    const write = vi.spyOn(node.db, 'batch')
    for (const size of [20, 19, 5]) await seen(node, history, size)
    await seen(node, fork, 20)
    await proven(node, 20)
    expect(write).not.toHaveBeenCalled()
    expect((await node.sizes(strangerKey)).heads).toEqual([20, 20])
  })

  test('are kept for keys that we count, and for keys with a promise if their own peer brings them', async () => {
    const { depositary, sizes } = await start()
    await depositary.keepPromise(await promiseBy(stranger, history, 5), from())
    for (const peer of ['another', 'peer']) {
      await depositary.keepLine(cosigned(history, peer === 'peer' ? 9 : 8, stranger, second, counted), peer)
      expect((await sizes(strangerKey)).heads).toEqual(peer === 'peer' ? [9] : [])
    }
    expect((await sizes(counted.verifier.vkey)).heads).toEqual([9])
    expect((await sizes(second.verifier.vkey)).heads).toEqual([])
  })

  test('are kept for keys that only neighbours count, too', async () => {
    const { depositary, sizes } = await start({ keys: () => [ours.verifier, counted.verifier, second.verifier] })
    await depositary.keepLine(cosigned(history, 9, stranger, second), 'peer')
    expect((await sizes(second.verifier.vkey)).heads).toEqual([9])
    expect((await sizes(strangerKey)).heads).toEqual([])
  })

  const impossible = history.sign(`${SUMDB_ORIGIN}\n9223372036854775807\n${'A'.repeat(43)}=\n`)
  test.each<[string, Uint8Array]>([
    ['something that is no note', utf8('line')],
    ['a head of a log that is not followed', cosigned(unfollowed, 5, counted)],
    ['a head that its log did not sign', utf8(fromUtf8(cosigned(history, 5, counted))!.replace('\n5\n', '\n6\n'))],
    ['a head of an impossible tree', withLines(impossible, counted)],
  ])('under %s are ignored without an error', async (_, note) => {
    const { depositary, sizes } = await start()
    await depositary.keepLine(note, 'peer')
    expect((await sizes(counted.verifier.vkey)).heads).toEqual([])
  })
})

describe('the pages', () => {
  const idOf = (i: number): string => i.toString(16).padStart(64, '0')

  test('list 4,096 logs in ascending order, each once, with its promises and lines together', async () => {
    const { depositary, store, signers, pages } = await start()
    const head = fromUtf8(history.head(5))!
    const kept = { witness: strangerKey, seq: 1, time: 1, size: 5, root: 'x', head, signature: 'c2ln' }
    await Promise.all(Array.from({ length: 4_095 }, (_, i) => store.deposits.put({ ...kept, log: idOf(i) }, 'counted')))
    await signers.remember(
      log,
      parseNote(history.head(5)),
      new Map([[strangerKey, cosign(history.text(5), 1, stranger)]]),
    )
    await depositary.keepPromise(await promiseBy(stranger, history, 5), from())
    const all = await pages(strangerKey)
    const told = all.flatMap(({ promises }) => promises.map((promise) => promise.log))
    expect(told).toEqual([...new Set([...Array.from({ length: 4_095 }, (_, i) => idOf(i)), log])].sort())
    expect(all).toHaveLength(64)
    for (const page of all.slice(0, -1))
      expect([page.promises.length, page.next]).toEqual([64, page.promises.at(-1)!.log])
    expect(all.find(({ promises }) => promises.some((promise) => promise.log === log))!.heads).toHaveLength(1)
  })

  test('fit into a frame, however large the heads are', async () => {
    const { store, pages } = await start()
    const head = fromUtf8(history.sign(`${history.text(5)}${'"'.repeat(40_000)}\n`))!
    const kept = { witness: strangerKey, seq: 1, time: 1, size: 5, root: 'x', head, signature: 'c2ln' }
    for (let i = 0; i < 7; i++) await store.deposits.put({ ...kept, log: idOf(i) }, 'counted')
    const all = await pages(strangerKey)
    expect(all.flatMap(({ promises }) => promises.map((promise) => promise.log))).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map(idOf),
    )
    for (const { promises } of all) {
      const frame = JSON.stringify(promises.map((promise) => ({ ...promise, head: fromUtf8(promise.head) })))
      expect(frame.length).toBeLessThan(256 * 1024)
    }
  })

  test('about an unknown key are a single empty one', async () => {
    const { pages } = await start()
    expect(await pages(second.verifier.vkey)).toEqual([{ heads: [], promises: [] }])
    expect(await pages('nobody')).toEqual([{ heads: [], promises: [] }])
  })
})
