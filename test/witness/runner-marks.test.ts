/** What a head tells about our own keys, and what follows before it is compared. */
import { describe, expect, test, vi } from 'vitest'
import type { Change } from '../../src/store/heads.js'
import { formatHash } from '../../src/tlog/hash.js'
import { cosign, type Cosignature } from '../../src/tlog/cosignature.js'
import { parseNote, spellNote, type SignerKey } from '../../src/tlog/note.js'
import type { SizedHead } from '../../src/witness/head.js'
import { markOfPromise, Runner, type RunnerOptions } from '../../src/witness/runner.js'
import type { Signing } from '../../src/witness/signing.js'
import { UnderWay } from '../../src/witness/under-way.js'
import { testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { cosignedBy, other, startJudging } from '../helpers/judging.js'
import { headOf, history, log, markAt, NOW } from '../helpers/step-inputs.js'

const second = testSigner('own.example/second', 11, 4)
const auditor = testSigner('auditor.example', 12, 4)

describe('the marks that a head carries', () => {
  const own = [testWitness, second].map(({ verifier }) => verifier)
  const signing: Pick<Signing, 'ownIn'> = {
    ownIn: (_log, cosignatures) => own.flatMap(({ vkey }) => cosignatures?.get(vkey) ?? []),
  }
  const options = { keys: { auditor: auditor.verifier }, tools: { signing } } as unknown as RunnerOptions
  const underWay = new UnderWay(
    () => undefined,
    () => 0,
  )
  const runner = new Runner(options, underWay, new AbortController().signal)
  const bare = headOf(history.head(9))
  const line = (signer: SignerKey, time: number): Cosignature => cosign(bare.logNote.text, time, signer)
  /** The head with lines of these times. */
  const carrying = (...lines: readonly (readonly [SignerKey, number])[]): SizedHead => ({
    ...bare,
    cosignatures: new Map(lines.map(([signer, time]) => [signer.verifier.vkey, line(signer, time)])),
  })
  const mark = (signer: SignerKey, time: number) => {
    const signatures = [...bare.logNote.signatures, line(signer, time).signature]
    return { ...history.tree(9), time, note: spellNote({ text: bare.logNote.text, signatures }) }
  }
  const audited = (time: number) => ({ ...mark(auditor, time), by: auditor.verifier.vkey })

  test('are none, unless a key of ours or of our auditor has signed it', () => {
    expect(runner.marksIn(carrying())).toEqual([])
    expect(runner.marksIn(carrying([other, NOW]))).toEqual([])
  })

  test('are one for our key, and one for our auditor', () => {
    expect(runner.marksIn(carrying([other, NOW], [testWitness, NOW]))).toStrictEqual([mark(testWitness, NOW)])
    expect(runner.marksIn(carrying([auditor, NOW]))).toStrictEqual([audited(NOW)])
    const both = [mark(testWitness, NOW), audited(NOW + 1)]
    expect(runner.marksIn(carrying([auditor, NOW + 1], [testWitness, NOW]))).toStrictEqual(both)
  })

  test.each([
    ['the first key', 'is later', 1, testWitness],
    ['the second key', 'is later', -1, second],
    ['the first key', 'has the same time', 0, testWitness],
  ] as const)('are by %s of two if its cosignature %s', (_which, _when, ahead, signer) => {
    const head = carrying([testWitness, NOW + ahead], [second, NOW])
    expect(runner.marksIn(head)).toStrictEqual([mark(signer, Math.max(NOW, NOW + ahead))])
  })
})

test('the mark of a promise says by whom only if that is our auditor', () => {
  const { note, ...tree } = markAt(history, 9, NOW)
  const head = headOf(history.head(9))
  expect(markOfPromise(head, NOW)).toStrictEqual({ ...tree, note })
  expect(markOfPromise(head, NOW, 'by')).toStrictEqual({ ...tree, note, by: 'by' })
})

describe('a cosignature of ours', () => {
  /** A pipeline that has cosigned 5, and what it asks and tells from now on. */
  async function signed() {
    const heart = await startJudging()
    await heart.submit('poll', history.head(5))
    const refresh = vi.spyOn(heart.store.heads, 'refresh')
    return { heart, refresh, state: heart.store.heads.get(log.id) }
  }
  const recall = ({ witness }: Heart, size: number, time: number): Promise<void> =>
    witness.recall({ heads: [cosignedBy(history.head(size), time, testWitness)], promises: [] })

  test('that is known changes nothing, tells nothing, and is looked up nowhere', async () => {
    const { heart, refresh, state } = await signed()
    await recall(heart, 5, NOW)
    expect(heart.store.heads.get(log.id)).toBe(state)
    expect([heart.unknown, refresh.mock.calls]).toEqual([[], []])
  })

  test('that is unknown becomes the floor, and the guard is told', async () => {
    const { heart, refresh, state } = await signed()
    await recall(heart, 9, NOW + 1)
    expect(refresh.mock.calls).toEqual([[log.id, state]])
    expect(heart.unknown).toEqual([NOW + 1])
    const { size, root } = history.tree(9)
    const head = parseNote(cosignedBy(history.head(9), NOW + 1, testWitness))
    const at = new Date(NOW * 1000).toISOString()
    const floor = { size, root: formatHash(root), at, note: spellNote(head), time: NOW + 1 }
    expect(heart.store.heads.get(log.id)).toEqual({ ...state, seq: state.seq + 1, floor })
  })

  test('that another machine with our key has made is not reported to the guard', async () => {
    const { heart, refresh, state } = await signed()
    const theirs: Change = { signed: { ...state.signed!, time: NOW + 1 } }
    refresh.mockImplementationOnce(async (id) => (await heart.store.heads.change(id, state, theirs)) !== undefined)
    await recall(heart, 5, NOW + 1)
    expect(heart.unknown).toEqual([])
    expect(heart.store.heads.get(log.id)).toEqual({ ...state, ...theirs, seq: state.seq + 1 })
  })
})
