/** What comes before a head is compared: it is read, this node looks at the log itself, and the head waits its turn. */
import { describe, expect, test, vi } from 'vitest'
import { endOfTurn } from '../../src/lib/timed.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { parseNote } from '../../src/tlog/note.js'
import { verifiedCosignatures } from '../../src/tlog/cosignature.js'
import type { Outcome } from '../../src/witness/outcome.js'
import type { ShowPrefix } from '../../src/witness/prover.js'
import type { Heart } from '../helpers/heart.js'
import { showing } from '../helpers/history.js'
import { about, cosignedBy, neighbour, other, push, startJudging } from '../helpers/judging.js'
import { fork, history, log, NOW } from '../helpers/step-inputs.js'

describe('bytes that are no head are refused', () => {
  const refused = { kind: 'refused', news: false, code: 'NOTE_MALFORMED' }

  test.each<[string, string | undefined, object]>([
    ['and the outcome names the log that was expected', log.id, { ...refused, log: log.id }],
    ['and the outcome names no log if none was expected', undefined, refused],
    ['and the outcome names no log that is not followed', 'another', refused],
  ])('%s', async (_what, id, outcome) => {
    const heart = await startJudging()
    const candidate = {
      source: 'gossip',
      note: utf8('hello'),
      receivedAt: 0,
      ...(id !== undefined && { log: id }),
    } as const
    expect(await heart.witness.submit(candidate)).toStrictEqual(outcome)
  })

  test('but a failure of our own is thrown, and refuses nothing', async () => {
    const verify = () => {
      throw new TypeError('a bug')
    }
    const heart = await startJudging({ logKey: { ...log.key, verify } })
    await expect(heart.submit('poll', history.head(5))).rejects.toThrow('a bug')
    expect(heart.outcomes).toEqual([])
  })
})

test('a head of an impossible size freezes its log, and nothing else follows', async () => {
  const heart = await startJudging()
  const [origin, , root] = history.text(5).split('\n')
  const impossible = history.sign([origin, '9007199254740993', root, ''].join('\n'))
  const outcome = await heart.submit('gossip', impossible, 'p')
  await heart.witness.idle()
  expect(outcome).toStrictEqual({ kind: 'pending', news: true, log: log.id, code: 'SIZE_IMPOSSIBLE' })
  expect([heart.outcomes, heart.errors]).toEqual([[outcome], []])
  expect(heart.store.heads.get(log.id).holds).toHaveLength(1)
})

describe('the first head of a log that is pushed with a proof', () => {
  test('is judged once this node has polled the log itself', async () => {
    const polled = Promise.withResolvers<undefined>()
    const looked = vi.fn(() => polled.promise)
    const heart = await startJudging({ looked })
    const outcome = push(heart, 0, 5)
    await endOfTurn()
    expect(looked.mock.calls).toEqual([[log.id]])
    expect(heart.outcomes).toEqual([])
    polled.resolve(undefined)
    expect(await outcome).toMatchObject({ kind: 'advanced', size: 5 })
  })

  test.each<[string, (heart: Heart) => Promise<Outcome>, boolean]>([
    ['a head without a proof', (heart) => heart.submit('push', history.head(5)), true],
    ['a head while nothing may be signed', (heart) => push(heart, 0, 5), false],
  ])('is waited for, but not %s', async (_what, submit, maySign) => {
    const looked = vi.fn(() => Promise.resolve())
    const heart = await startJudging({ looked, rollback: { maySign, sawUnknown: () => undefined } })
    await submit(heart)
    expect(looked).not.toHaveBeenCalled()
  })

  test('is waited for, but not the next one', async () => {
    const looked = vi.fn(() => Promise.resolve())
    const heart = await startJudging({ looked })
    await heart.submit('poll', history.head(5))
    expect(await push(heart, 5, 9)).toMatchObject({ kind: 'advanced' })
    expect(looked).not.toHaveBeenCalled()
  })
})

describe('while heads that cannot be proven take up all places of their log', () => {
  /** A pipeline that holds 10, with eight larger heads for which the log never answers. */
  async function crowded() {
    const prefix: ShowPrefix = (of, size, { signal }) => {
      if (of.size <= 20) return showing(history)(of, size)
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))
    }
    const heart = await startJudging({ prefix })
    await heart.submit('poll', history.head(10))
    const stuck = [21, 22, 23, 24, 25, 26, 27, 28].map((size) => heart.submit('gossip', history.head(size), 'p'))
    return { heart, stuck }
  }

  test('another is kept as a suspect that was not examined, and is no news', async () => {
    const { heart, stuck } = await crowded()
    const outcome = await heart.submit('gossip', history.head(29), 'p')
    expect(outcome).toStrictEqual({ kind: 'pending', news: false, code: 'HEADS_WAITING', ...about(29) })
    expect(heart.suspects.list(log.id).map(({ size, code }) => [size, code])).toEqual([[29, 'HEADS_WAITING']])
    await heart.stop()
    for (const { code } of await Promise.all(stuck)) expect(code).toBe('TIMEOUT')
  })

  test('heads from the log itself, and heads no larger than ours, are judged all the same', async () => {
    const { heart } = await crowded()
    const kinds = [
      await heart.submit('gossip', history.head(10), 'p'),
      await heart.submit('gossip', history.head(8), 'p'),
      await heart.submit('poll', history.head(15)),
      await heart.submit('replay', history.head(16)),
    ].map(({ kind }) => kind)
    expect(kinds).toEqual(['known', 'past', 'advanced', 'advanced'])
    await heart.stop()
  })
})

describe('the witnesses of a head', () => {
  const freeze = (heart: Heart) => heart.store.heads.hold(log.id, '0abc')
  const nothing = () => Promise.resolve()
  const seen = 'as seen'
  const proven = 'as proven, and not also as seen'

  test.each<[Outcome['kind'], typeof seen | typeof proven, Uint8Array, (heart: Heart) => Promise<void>]>([
    ['pending', seen, fork.head(9), nothing],
    ['refused', seen, history.head(9), freeze],
    ['conflict', seen, fork.head(5), nothing],
    ['advanced', proven, history.head(9), nothing],
    ['known', proven, history.head(5), nothing],
    ['past', proven, history.head(4), nothing],
  ])('that is %s are remembered %s', async (kind, how, bare, prepare) => {
    const heart = await startJudging()
    await heart.submit('poll', history.head(5))
    await prepare(heart)
    const see = vi.spyOn(heart.cosigned.signers, 'see')
    const head = cosignedBy(bare, NOW, other, neighbour)
    expect(await heart.submit('gossip', head, 'p')).toMatchObject({ kind })
    const { text, signatures } = parseNote(head)
    const lines = verifiedCosignatures(parseNote(head), [other.verifier, neighbour.verifier])
    expect(see.mock.calls).toEqual(how === seen ? [[log.id, { text, signatures: signatures.slice(0, 1) }, lines]] : [])
    for (const { verifier } of [other, neighbour])
      expect(await heart.cosigned.signers.told(log.id, verifier.vkey), verifier.name).toHaveLength(1)
  })
})
