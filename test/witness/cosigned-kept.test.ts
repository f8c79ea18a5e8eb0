/** Cosigned heads in memory and on disk: what is read and written when, what becomes the current head, what has room. */
import { describe, expect, test, vi } from 'vitest'
import { GossumError } from '../../src/errors.js'
import { cosign, cosignatureLineSize } from '../../src/tlog/cosignature.js'
import { parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { bare, both, inShort, keptNote, linesOf, startCosigned } from '../helpers/cosigned-heads.js'
import { testSigner, testWitness as first } from '../helpers/heart.js'
import { neighbour, other as second } from '../helpers/judging.js'
import { fork, history, log, NOW, noteOf } from '../helpers/step-inputs.js'

const relayed = () => [neighbour.verifier]
const NOBODY = new Map<string, never>()

describe('a head that we proved', () => {
  test('is there with its lines after a restart, the current one and older ones, also if there are no neighbours', async () => {
    const { heads, promise, restart } = await startCosigned()
    for (const size of [5, 9]) await heads.install(log.id, bare(size), linesOf(size, NOW, first))
    await promise(9)
    const again = await restart()
    expect(inShort(again.heads.current(log.id))).toEqual([9, first.verifier.name])
    expect(again.heads.current(log.id)).toEqual(heads.current(log.id))
    expect(await again.heads.cosignedAt(log.id, 5)).toEqual(await heads.cosignedAt(log.id, 5))
    expect(inShort(await again.heads.cosignedAt(log.id, 5))).toEqual([5, first.verifier.name])
    expect(await again.heads.cosignedAt(log.id, 6)).toBeUndefined()
  })

  test('is returned as it was kept, and nothing is for a size that we never proved', async () => {
    const { heads, restart } = await startCosigned()
    await heads.install(log.id, bare(5), linesOf(5, NOW, first))
    const again = await restart()
    const note = parseNote(Buffer.from(keptNote(5, NOW, first)))
    expect(await again.heads.at(log.id, 5)).toMatchObject({ ...history.tree(5), note })
    expect(await again.heads.at(log.id, 4)).toBeUndefined()
  })

  test('is recognised in a note with any lines, and neither a fork of it nor another size is', async () => {
    const { heads, restart } = await startCosigned()
    await heads.install(log.id, bare(5), linesOf(5, NOW, first))
    const again = await restart()
    const asked = [keptNote(5, NOW, second), noteOf(fork, 5), noteOf(history, 4), noteOf(history, 6)]
    expect(await Promise.all(asked.map((head) => again.heads.holds(log.id, head)))).toEqual([true, false, false, false])
  })
})

describe('the disk is not read', () => {
  test('for the current head, however many older ones have been dealt with since', async () => {
    const { heads, read } = await startCosigned()
    await heads.install(log.id, bare(100), linesOf(100, NOW, first))
    for (let size = 1; size <= 65; size++) await heads.install(log.id, bare(size), NOBODY)
    read.mockClear()
    expect((await heads.at(log.id, 100))?.size).toBe(100)
    await heads.merge(log.id, bare(100), linesOf(100, NOW, second))
    expect(inShort(await heads.cosignedAt(log.id, 100))).toEqual([100, first.verifier.name, second.verifier.name])
    expect(read).not.toHaveBeenCalled()
    expect((await heads.at(log.id, 1))?.size).toBe(1)
    expect(read.mock.calls, 'one that had to make room in memory').toEqual([[log.id, 1]])
  })

  test('for an older head in memory when lines of another text of its size arrive', async () => {
    const { heads, read } = await startCosigned()
    for (const size of [5, 9]) await heads.install(log.id, bare(size), linesOf(size, NOW, first))
    read.mockClear()
    const text = fork.text(5)
    const line = cosign(text, NOW + 60, second)
    const forked = parseNote(fork.head(5))
    expect(await heads.merge(log.id, forked, new Map([[second.verifier.vkey, line]]))).toEqual(new Map())
    expect(inShort(await heads.cosignedAt(log.id, 5))).toEqual([5, first.verifier.name])
    expect(read).not.toHaveBeenCalled()
  })
})

describe('what is written', () => {
  const { id } = log

  test('is on disk at once if a new line counts, among others that do not, the quorum head without those', async () => {
    const { heads, onDisk } = await startCosigned(relayed)
    await heads.install(id, bare(5), linesOf(5, NOW, first))
    expect(await onDisk('history', `${id}!${'5'.padStart(16, '0')}`)).toBeUndefined()
    await heads.merge(id, bare(5), linesOf(5, NOW, second, neighbour))
    expect(await onDisk('history', `${id}!${'5'.padStart(16, '0')}`)).toBe(keptNote(5, NOW, first, second, neighbour))
    expect(await onDisk('quorum', id)).toBe(keptNote(5, NOW, first, second))
    expect(inShort(heads.quorum(id))).toEqual([5, first.verifier.name, second.verifier.name])
  })

  test('includes the last head of each witness: if that fails it is reported, and made up for by the next attempt', async () => {
    const { heads, store } = await startCosigned()
    vi.spyOn(store.signedBy, 'put').mockRejectedValueOnce(new GossumError('STORE_WRITE_FAILED'))
    await expect(heads.install(id, bare(5), linesOf(5, NOW, first))).rejects.toMatchObject({
      code: 'STORE_WRITE_FAILED',
    })
    await heads.install(id, bare(5), linesOf(5, NOW, first))
    expect(inShort(await heads.signers.largestBy(id, first.verifier.vkey))).toEqual([5, first.verifier.name])
  })
})

test.each<[string, 'signedBy' | 'history', 'signedBy' | 'history']>([
  ['the last head of a witness fails while the head is being written', 'signedBy', 'history'],
  ['the head fails while the last head of a witness is being written', 'history', 'signedBy'],
])('if %s, the next lines wait for both', async (_, failing, slow) => {
  const { heads, store, promise, restart } = await startCosigned(relayed)
  await promise(5)
  await heads.install(log.id, bare(5), linesOf(5, NOW, first))
  let proceed: () => void = () => undefined
  const held = new Promise<void>((resolve) => (proceed = resolve))
  vi.spyOn(store[failing], 'put').mockRejectedValueOnce(new GossumError('STORE_WRITE_FAILED'))
  const put = store[slow].put.bind(store[slow]) as (...args: unknown[]) => Promise<void>
  vi.spyOn(store[slow], 'put').mockImplementationOnce((...args: unknown[]) => held.then(() => put(...args)))
  const failed = expect(heads.merge(log.id, bare(5), linesOf(5, NOW, second))).rejects.toMatchObject({
    code: 'STORE_WRITE_FAILED',
  })
  await new Promise((resolve) => setImmediate(resolve))
  const merged = heads.merge(log.id, bare(5), linesOf(5, NOW, neighbour))
  await new Promise((resolve) => setImmediate(resolve))
  proceed()
  await failed
  expect([...(await merged).keys()]).toEqual([neighbour.verifier.vkey])
  const now = heads.current(log.id)
  expect(now?.cosignatures.has(neighbour.verifier.vkey)).toBe(true)
  expect((await restart()).heads.current(log.id)).toEqual(now)
})

describe('a head whose own cosignature is still being made', () => {
  /** The current head has 5 records, and one of 9 is promised. */
  async function promised() {
    const parts = await startCosigned()
    await parts.heads.install(log.id, bare(5), linesOf(5, NOW, first))
    await parts.promise(9)
    return parts
  }

  test('takes the lines of others, also again and again, without becoming the current one', async () => {
    const { heads } = await promised()
    expect([...(await heads.merge(log.id, bare(9), linesOf(9, NOW, second))).keys()]).toEqual([second.verifier.vkey])
    // More renewals than are taken.
    for (let i = 1; i <= 5; i++)
      expect(await heads.merge(log.id, bare(9), linesOf(9, NOW + i, second))).toEqual(new Map())
    expect((await heads.cosignedAt(log.id, 9))?.cosignatures.get(second.verifier.vkey)?.time).toBe(NOW + 3)
    expect(inShort(heads.current(log.id))).toEqual([5, first.verifier.name])
  })

  test('becomes the current one when it is installed, even with lines that are all known', async () => {
    const { heads } = await promised()
    await heads.merge(log.id, bare(9), linesOf(9, NOW, second))
    expect(await heads.install(log.id, bare(9), linesOf(9, NOW, second))).toEqual(new Map())
    expect(inShort(heads.current(log.id))).toEqual([9, second.verifier.name])
  })
})

describe('lines that only neighbours count', () => {
  const ROOM = 25 * 1024

  /** A witness whose line has this many bytes. */
  function wide(bytes: number, byte: number): SignerKey {
    const named = (name: string) => testSigner(name, byte, SIGNATURE_TYPES.cosignature)
    return named('w'.repeat(bytes - cosignatureLineSize(named('w').verifier) + 1))
  }

  /** Who of these is kept on a head besides those that count, which neighbours count as well. */
  async function kept(counted: readonly SignerKey[], others: readonly SignerKey[]): Promise<number[]> {
    const quorum = { ...both, keys: counted.map(({ verifier }) => verifier) }
    const { heads } = await startCosigned(() => [...counted, ...others].map(({ verifier }) => verifier), quorum)
    await heads.install(log.id, bare(5), linesOf(5, NOW, ...others, ...counted))
    const { cosignatures } = heads.current(log.id)!
    expect(counted.every(({ verifier }) => cosignatures.has(verifier.vkey))).toBe(true)
    return others.flatMap(({ verifier }, i) => (cosignatures.has(verifier.vkey) ? [i] : []))
  }

  test('have exactly 25 KiB', async () => {
    expect(await kept([], [wide(ROOM - 1_000, 20), wide(1_000, 21)])).toEqual([0, 1])
    expect(await kept([], [wide(ROOM - 1_000, 20), wide(1_001, 21), wide(1_000, 22)])).toEqual([0, 2])
  })

  test('have that room whatever the lines that count take', async () => {
    expect(await kept([wide(5_000, 23), first], [wide(ROOM - 1_000, 20), wide(1_000, 21)])).toEqual([0, 1])
  })
})
