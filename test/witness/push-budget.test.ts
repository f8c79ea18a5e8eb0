/** The daily quota of cosignatures for a pushing log, in the pipeline. */
import { describe, expect, test } from 'vitest'
import { pushBudget } from '../../src/witness/push-budget.js'
import { answerTo } from '../../src/witness/outcome.js'
import { startHeart, testSigner } from '../helpers/heart.js'
import { PushingLog } from '../helpers/witness-client.js'

const HOUR = 60 * 60 * 1000

test('the daily quota may be used at once or over the day, and never twice', () => {
  const take = pushBudget([
    { id: 'a', perDay: 24 },
    { id: 'b', perDay: null },
  ])
  let now = Date.parse('2026-07-10T12:00:00Z')
  const takes = (log: string, most = 100): number => {
    let count = 0
    while (count < most && take(log, now) !== undefined) count++
    return count
  }
  expect(takes('a')).toBe(24)
  expect(takes('b')).toBe(100)
  expect(takes('nobody')).toBe(100)
  now += HOUR - 1000
  expect(takes('a')).toBe(0)
  now += 2000
  expect(takes('a')).toBe(1)
  now += 240 * HOUR
  expect(takes('a')).toBe(24)
  // Setting the clock back adds nothing.
  now -= 48 * HOUR
  expect(takes('a')).toBe(0)
  // What came to nothing is given back, and no more than there was.
  now += 96 * HOUR
  const giveBack = take('a', now)!
  giveBack()
  giveBack()
  expect(takes('a')).toBe(24)
})

describe('a log that has used up its daily quota', () => {
  const log = new PushingLog(testSigner('log.example', 1))
  const start = async () => {
    const clock = { ms: Date.parse('2026-07-10T12:00:00Z') }
    const heart = await startHeart({
      logKey: log.signer.verifier,
      origin: log.origin,
      now: () => clock.ms,
      takePush: (id, now) => take(id, now),
    })
    const take = pushBudget([{ id: heart.log, perDay: 2 }])
    const push = (from: number, to: number) =>
      heart.witness.submit({
        source: 'push',
        note: log.head(to),
        proof: { oldSize: from, hashes: log.proof(from, to) },
        receivedAt: clock.ms,
      })
    return { heart, clock, push }
  }

  test('gets no new cosignature, can still get its last one, and continues later with the same bytes', async () => {
    const { heart, clock, push } = await start()
    expect((await push(0, 3)).kind).toBe('advanced')
    // Anyone may push the same again: that uses up nothing.
    for (let i = 0; i < 10; i++) expect((await push(3, 3)).kind).toBe('known')
    for (let i = 0; i < 10; i++) expect((await push(0, 2)).code).toBe('OLD_SIZE_DIFFERS')
    expect((await push(3, 5)).kind).toBe('advanced')
    const refused = await push(5, 8)
    expect(refused).toMatchObject({ kind: 'refused', code: 'LOG_BUDGET', size: 8 })
    expect(refused.own).toBeUndefined()
    expect(answerTo(refused).status).toBe(429)
    expect(heart.store.heads.get(heart.log).tree?.size).toBe(5)
    expect((await push(5, 5)).own).toBeDefined()
    clock.ms += 12 * HOUR
    expect(await push(5, 8)).toMatchObject({ kind: 'advanced', size: 8 })
    expect((await push(8, 9)).code).toBe('LOG_BUDGET')
    await heart.stop()
  })

  test('pays only once for a head that is pushed twice at the same moment', async () => {
    const { heart, push } = await start()
    const [first, second] = await Promise.all([push(0, 3), push(0, 3)])
    expect([first.kind, second.code]).toEqual(['advanced', 'OLD_SIZE_DIFFERS'])
    expect((await push(3, 5)).kind).toBe('advanced')
    await heart.stop()
  })

  test('is still convicted', async () => {
    const { heart, push } = await start()
    await push(0, 3)
    await push(3, 5)
    const lie = new PushingLog(log.signer, { salt: 'another' })
    const outcome = await heart.witness.submit({
      source: 'push',
      note: lie.head(5),
      proof: { oldSize: 5, hashes: [] },
      receivedAt: 0,
    })
    expect([outcome.kind, outcome.code]).not.toContain('LOG_BUDGET')
    await heart.witness.idle()
    expect(heart.evidence).toHaveLength(1)
    await heart.stop()
  })
})
