/** What is answered for a head, in full, and what it costs before it is answered. */
import { describe, expect, test, vi } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import { cosignatureIn, testSigner, testWitness, type Heart } from '../helpers/heart.js'
import { about, cosignedBy, other, push, startJudging } from '../helpers/judging.js'
import { fork, history, log, NOW } from '../helpers/step-inputs.js'

/** A pipeline that holds the head of size 5. */
async function holding(options: Parameters<typeof startJudging>[0] = {}): Promise<Heart> {
  const heart = await startJudging(options)
  await heart.submit('poll', history.head(5))
  return heart
}

describe('an outcome is exactly', () => {
  test('the head, that it is news, and our cosignature, for a larger head', async () => {
    const heart = await holding()
    const outcome = await heart.submit('gossip', history.head(9), 'p')
    const own = [cosignatureIn(heart.published.at(-1)!)]
    expect(outcome).toStrictEqual({ kind: 'advanced', news: true, own, ...about(9) })
  })

  test('the head and the evidence, for one that contradicts ours; it is news once', async () => {
    const heart = await holding()
    const conflict = { kind: 'conflict', ...about(5, fork) }
    const first = await heart.submit('gossip', fork.head(5), 'p')
    const [{ id: evidence } = { id: '' }, ...more] = heart.evidence
    expect(first).toStrictEqual({ ...conflict, news: true, evidence })
    expect(await heart.submit('sync', fork.head(5), 'q')).toStrictEqual({ ...conflict, news: false, evidence })
    expect(more).toEqual([])
  })

  test('whether a cosignature that came with our head counts, if it is new', async () => {
    const relayed = testSigner('relayed.example', 42, 4)
    const heart = await holding({ relayed: [relayed.verifier] })
    const known = { kind: 'known', ...about(5) }
    const by = (signer = other) => heart.submit('gossip', cosignedBy(history.head(5), NOW, signer), 'p')
    expect(await by(relayed)).toStrictEqual({ ...known, news: true })
    expect(await by(other)).toStrictEqual({ ...known, news: true, counted: true })
    expect(await by(other)).toStrictEqual({ ...known, news: false })
  })

  test('a refusal that is no news, for a push beyond the quota of its log', async () => {
    const heart = await holding({ takePush: () => undefined })
    expect(await push(heart, 5, 9)).toStrictEqual({ kind: 'refused', code: 'LOG_BUDGET', news: false, ...about(9) })
  })

  test('a refusal that is no news, for a head whose promise nobody keeps', async () => {
    const required = { required: true, hasChosen: false, isDeposited: () => false, released: () => undefined }
    const deposits = { ...required, deposit: () => Promise.resolve('nobody' as const) }
    const heart = await startJudging({ barrier: { deposits } })
    const refused = { kind: 'refused', code: 'DEPOSIT_WAITING', news: false, ...about(5) }
    expect(await heart.submit('poll', history.head(5))).toStrictEqual(refused)
  })
})

describe('what another machine with our key has written is looked up', () => {
  test.each<[string, boolean, (heart: Heart) => Promise<unknown>]>([
    ['before a push is refused', true, (heart) => push(heart, 3, 9)],
    ['not before a push is cosigned', false, (heart) => push(heart, 5, 9)],
    ['not before our newest head is answered again', false, (heart) => push(heart, 5, 5)],
    ['not before a head that was not pushed is refused', false, (heart) => heart.submit('gossip', fork.head(9), 'p')],
  ])('%s', async (_when, isLookedUp, submit) => {
    const heart = await holding()
    const state = heart.store.heads.get(log.id)
    const refresh = vi.spyOn(heart.store.heads, 'refresh')
    await submit(heart)
    expect(refresh.mock.calls).toEqual(isLookedUp ? [[log.id, state]] : [])
  })

  test('and a push that is right about it is cosigned after all', async () => {
    const heart = await holding()
    vi.spyOn(heart.store.heads, 'refresh').mockImplementationOnce(async (id, state) => {
      await heart.store.heads.change(id, state!, { tree: history.tree(7) })
      return true
    })
    expect(await push(heart, 7, 9)).toMatchObject({ kind: 'advanced', size: 9 })
  })
})

describe('if the state cannot be changed', () => {
  const fail = (heart: Heart, code: ErrorCode) =>
    vi.spyOn(heart.store.heads, 'change').mockRejectedValueOnce(new GossumError(code))
  const unsigned = history.head(9)
  const signed = cosignedBy(history.head(9), NOW + 60, testWitness)
  const isRefused: [ErrorCode, string, Uint8Array][] = [
    ['STATE_UNCONFIRMED', 'a head', unsigned],
    ['ORIGIN_TAKEN', 'a head', unsigned],
    ['STATE_UNCONFIRMED', 'a head with a cosignature of ours that we do not know', signed],
    ['ORIGIN_TAKEN', 'a head with a cosignature of ours that we do not know', signed],
  ]

  test.each(isRefused)('because of %s, %s is refused, and nothing is signed', async (code, _what, head) => {
    const heart = await holding()
    const sent = heart.published.length
    fail(heart, code)
    const outcome = await heart.submit('gossip', head, 'p')
    expect(outcome).toStrictEqual({ kind: 'refused', code, news: false, log: log.id })
    await heart.witness.idle()
    expect([heart.errors, heart.published.length]).toEqual([[], sent])
    expect(heart.store.heads.get(log.id).tree?.size).toBe(5)
  })

  test.each([unsigned, signed])('because the disk fails, that is thrown', async (head) => {
    const heart = await holding()
    fail(heart, 'STORE_WRITE_FAILED')
    await expect(heart.submit('gossip', head, 'p')).rejects.toMatchObject({ code: 'STORE_WRITE_FAILED' })
  })
})
