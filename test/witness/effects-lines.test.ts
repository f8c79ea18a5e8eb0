/** What becomes of the lines of witnesses on heads of our history: kept, published, compared, limited. */
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Cosignature } from '../../src/tlog/cosignature.js'
import type { SizedHead } from '../../src/witness/head.js'
import { arrived, effectsOver } from '../helpers/effects.js'
import { cosignatureIn } from '../helpers/heart.js'
import { about, cosignedBy, neighbour, other, startJudging } from '../helpers/judging.js'
import { fork, headOf, history, log, NOW } from '../helpers/step-inputs.js'

afterEach(() => {
  vi.restoreAllMocks()
})

const merge = { do: 'merge' } as const

describe('half an hour after our newest head was cosigned', () => {
  test('it is cosigned again, and a line of another witness that comes with it counts as news', async () => {
    const clock = { ms: NOW * 1000 }
    const heart = await startJudging({ now: () => clock.ms })
    await heart.submit('poll', history.head(5))
    const sent = heart.published.length
    clock.ms += 31 * 60_000
    const outcome = await heart.submit('sync', cosignedBy(history.head(5), NOW, other), 'p')
    const renewed = cosignatureIn(heart.published[sent]!)
    expect(outcome).toStrictEqual({ kind: 'known', news: true, counted: true, own: [renewed], ...about(5) })
    expect(renewed.time).toBe(NOW + 31 * 60)
    expect(heart.published.slice(sent + 1)).toEqual([cosignedBy(history.head(5), NOW, other)])
    expect(heart.cosigned.quorum(log.id)?.size).toBe(5)
  })
})

test('a larger head of a frozen log is published for comparison, without our cosignature', async () => {
  const heart = await startJudging()
  await heart.submit('poll', history.head(5))
  await heart.store.heads.hold(log.id, '0abc')
  const sent = heart.published.length
  const refused = { kind: 'refused', news: false, code: 'LOG_FROZEN', ...about(9) }
  expect(await heart.submit('poll', history.head(9))).toStrictEqual(refused)
  expect(heart.published.slice(sent)).toEqual([history.head(9)])
  expect(await heart.submit('gossip', history.head(12), 'p')).toMatchObject({ code: 'LOG_FROZEN', size: 12 })
  expect(heart.published.slice(sent), 'only what the log itself shows').toHaveLength(1)
})

describe('cosignatures that come with a head of our history', () => {
  const lineOf = (note: Uint8Array, { verifier } = other): [string, Cosignature] => [
    verifier.vkey,
    cosignatureIn(note, verifier),
  ]
  const headWith = (size: number, more: Partial<SizedHead>): SizedHead => ({ ...headOf(history.head(size)), ...more })

  async function holding(size: number) {
    const heart = await startJudging()
    await heart.submit('poll', history.head(size))
    return { heart, ...effectsOver(heart) }
  }

  test('convict a witness that has signed a fork before, even if the head is not new', async () => {
    const heart = await startJudging()
    await heart.submit('poll', history.head(5))
    await heart.submit('gossip', cosignedBy(fork.head(5), NOW, other), 'p')
    await heart.witness.idle()
    expect(heart.store.convictions.list()).toEqual([])
    await heart.submit('gossip', cosignedBy(history.head(5), NOW + 1, other), 'p')
    await heart.witness.idle()
    expect(heart.store.convictions.list().map(({ witness }) => witness)).toEqual([other.verifier.vkey])
    expect(heart.errors).toEqual([])
  })

  test('are looked for on disk only if there are any', async () => {
    const { heart, perform } = await holding(5)
    const [kept, remembered] = [vi.spyOn(heart.cosigned, 'merge'), vi.spyOn(heart.cosigned.signers, 'remember')]
    expect(await perform(arrived(history.head(5)), headOf(history.head(5)), merge)).toMatchObject({ news: false })
    expect([kept.mock.calls, remembered.mock.calls]).toEqual([[], []])
  })

  test('by neighbours that nobody counts are remembered for them, and are no news', async () => {
    const { heart, perform } = await holding(5)
    const note = cosignedBy(history.head(5), NOW, neighbour)
    const byNeighbours = new Map([lineOf(note, neighbour)])
    const performed = await perform(arrived(note), headWith(5, { byNeighbours }), merge)
    expect(performed).toStrictEqual({ news: false, isDeferred: false, again: [], background: [] })
    expect(await heart.cosigned.signers.told(log.id, neighbour.verifier.vkey)).toEqual([note])
  })

  test('are compared with our quorum head to tell whether they are of use', async () => {
    const { heart, publisher, perform } = await holding(5)
    const merged = vi.spyOn(publisher, 'merged')
    const first = cosignedBy(history.head(5), NOW, other)
    await perform(arrived(first), headWith(5, { cosignatures: new Map([lineOf(first)]) }), merge)
    expect(heart.cosigned.quorum(log.id)?.size, 'from now on').toBe(5)
    await heart.submit('poll', history.head(9))
    const next = cosignedBy(history.head(9), NOW, other)
    await perform(arrived(next), headWith(9, { cosignatures: new Map([lineOf(next)]) }), merge)
    expect(merged.mock.calls.map(([, { checkpoint }, , quorum]) => [checkpoint.size, quorum])).toEqual([
      [5, -1],
      [9, 5],
    ])
  })

  test('by keys that count are taken even from a peer that has used up what it may bring of others', async () => {
    vi.spyOn(performance, 'now').mockReturnValue(0)
    const { heart, perform } = await holding(5)
    const taken = vi.spyOn(heart.cosigned, 'merge').mockImplementation((_log, _note, lines) => Promise.resolve(lines))
    const note = cosignedBy(history.head(5), NOW, other)
    const [own, line] = lineOf(note)
    const strangers = new Map(Array.from({ length: 1_100 }, (_, i) => [`stranger ${i}`, line]))
    await perform(arrived(note), headWith(5, { cosignatures: strangers }), merge)
    const cosignatures = new Map([...strangers, [own, line]])
    await perform(arrived(note), headWith(5, { cosignatures }), merge)
    await perform(arrived(note, 'gossip', 'q'), headWith(5, { cosignatures }), merge)
    expect(taken.mock.calls.map(([, , lines]) => lines.size)).toEqual([1_100, 1, 1_101])
  })
})
