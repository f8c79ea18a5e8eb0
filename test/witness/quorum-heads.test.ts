/** Which head is the quorum head of a log, how far it is searched for, and how it is written down. */
import { MemoryLevel } from 'memory-level'
import { describe, expect, test, vi } from 'vitest'
import { Store } from '../../src/store/store.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import { parseNote, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { cosignedHead, type CosignedHead } from '../../src/witness/cosigned-head.js'
import { QuorumHeads } from '../../src/witness/quorum-heads.js'
import { inShort, keptNote } from '../helpers/cosigned-heads.js'
import { MemoryGuard, testSigner, testWitness as first } from '../helpers/heart.js'
import { neighbour, other as second } from '../helpers/judging.js'
import { log, NOW } from '../helpers/step-inputs.js'

const third = testSigner('third.example', 11, SIGNATURE_TYPES.cosignature)
const keys = [first, second, third].map(({ verifier }) => verifier)

/** Two of three make a quorum, without the convicted; the neighbour does not count. */
async function start() {
  const store = await Store.over(new MemoryLevel(), new MemoryGuard())
  const convicted = new Set<string>()
  const told: unknown[] = []
  const read = vi.fn((text: string): CosignedHead => {
    const note = parseNote(utf8(text))
    return cosignedHead(note.text, note.signatures[0]!, verifiedCosignatures(note, [...keys, neighbour.verifier]))
  })
  const heads = new QuorumHeads({
    store,
    quorum: { keys, satisfiedBy: (signedBy) => signedBy.size >= 2, convicted: () => convicted },
    read,
    onQuorum: (id, head) => told.push([id, inShort(head)]),
  })
  const keep = (size: number, ...by: readonly SignerKey[]): Promise<void> =>
    store.history.put(log.id, size, keptNote(size, NOW, ...by), 'lazily')
  const head = (size: number, ...by: readonly SignerKey[]): CosignedHead => read(keptNote(size, NOW, ...by))
  return { store, convicted, told, read, heads, keep, head, latest: vi.spyOn(store.history, 'latest') }
}

describe('a head makes', () => {
  test('a quorum head, with only the lines that count, if those are enough', async () => {
    const { heads, head, convicted } = await start()
    expect(heads.in(log.id, head(5, first, second))).toEqual(head(5, first, second))
    expect(heads.in(log.id, head(5, first, second, neighbour))).toEqual(head(5, first, second))
    expect(heads.in(log.id, head(5, first, neighbour))).toBeUndefined()
    convicted.add(first.verifier.vkey)
    expect(heads.in(log.id, head(5, first, second, third))).toEqual(head(5, second, third))
    expect(heads.in(log.id, head(5, first, second))).toBeUndefined()
  })

  test('none if it is smaller than the one that there is', async () => {
    const { heads, head, told } = await start()
    heads.take(log.id, head(5, first, second))
    expect([4, 5, 6].map((size) => inShort(heads.in(log.id, head(size, first, third))))).toEqual([
      undefined,
      [5, 'witness.example', 'third.example'],
      [6, 'witness.example', 'third.example'],
    ])
    expect(told).toEqual([[log.id, [5, 'witness.example', 'second.example']]])
  })
})

describe('the search for the quorum head', () => {
  test('reads nothing if nothing is kept, and finds none', async () => {
    const { heads, read, latest } = await start()
    await heads.load(log.id)
    expect(heads.of(log.id)).toBeUndefined()
    expect(read).not.toHaveBeenCalled()
    expect(latest).toHaveBeenCalledTimes(1)
  })

  test('ends at the one that was written down: older ones are not read', async () => {
    const { heads, keep, store, read } = await start()
    for (const size of [3, 4]) await keep(size, first, second)
    await keep(7, first)
    await store.quorum.put(log.id, keptNote(6, NOW, second, third))
    await heads.load(log.id)
    expect(inShort(heads.of(log.id))).toEqual([6, 'second.example', 'third.example'])
    expect(read.mock.calls).toEqual([[keptNote(6, NOW, second, third)], [keptNote(7, NOW, first)]])
  })

  test('takes the lines that the head has got in the history since it was written down', async () => {
    const { heads, keep, convicted, told } = await start()
    await keep(5, first, second, third)
    convicted.add(first.verifier.vkey)
    await heads.reconsider(log.id)
    convicted.clear()
    await heads.reconsider(log.id)
    const lines = [5, 'witness.example', 'second.example', 'third.example']
    expect(inShort(heads.of(log.id))).toEqual(lines)
    expect(told).toEqual([
      [log.id, [5, 'second.example', 'third.example']],
      [log.id, lines],
    ])
  })

  test('goes back 1024 heads and no further', async () => {
    const { heads, keep, told } = await start()
    await keep(1, first, second)
    for (let size = 2; size <= 1025; size++) await keep(size)
    await heads.reconsider(log.id)
    expect(heads.of(log.id)).toBeUndefined()
    await keep(2, first, second)
    await heads.reconsider(log.id)
    expect(told).toEqual([[log.id, [2, 'witness.example', 'second.example']]])
  })

  test('reads a batch of 32 at a time, until it finds one or there are no more', async () => {
    const { heads, keep, latest } = await start()
    for (let size = 1; size <= 40; size++) await keep(size)
    latest.mockClear()
    await heads.load(log.id)
    expect(latest.mock.calls).toEqual([
      [log.id, 32, Infinity],
      [log.id, 32, 9],
    ])
    await keep(20, first, second)
    await heads.load(log.id)
    expect(latest).toHaveBeenCalledTimes(3)
  })
})

test('a quorum head is written down durably or with the next write, as it is asked', async () => {
  const { heads, store } = await start()
  const [now, later] = [vi.spyOn(store.quorum, 'put'), vi.spyOn(store.quorum, 'putLazily')]
  await heads.keep(log.id, keptNote(5, NOW, first, second), 'lazily')
  await heads.keep('another', keptNote(6, NOW, first, second), 'durably')
  expect(later.mock.calls).toEqual([[log.id, keptNote(5, NOW, first, second)]])
  expect(now.mock.calls).toEqual([['another', keptNote(6, NOW, first, second)]])
})

test('a quorum head that is found again is on disk at once, and one that is lost is gone from it', async () => {
  const { heads, keep, convicted, store } = await start()
  await keep(5, first, second, neighbour)
  const put = vi.spyOn(store.quorum, 'put')
  await heads.reconsider(log.id)
  expect(put.mock.calls).toEqual([[log.id, keptNote(5, NOW, first, second)]])
  convicted.add(first.verifier.vkey)
  await heads.reconsider(log.id)
  expect([heads.of(log.id), await store.quorum.get(log.id)]).toEqual([undefined, undefined])
})
