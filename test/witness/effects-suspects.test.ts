/** What becomes of heads that are not tied to our history: kept, retried, reported, or raised as evidence. */
import { describe, expect, test, vi } from 'vitest'
import { makeSplitView } from '../../src/evidence/evidence.js'
import type { SizedHead } from '../../src/witness/head.js'
import type { Effect } from '../../src/witness/step-types.js'
import type { Suspect } from '../../src/witness/suspects.js'
import { arrived, effectsOver } from '../helpers/effects.js'
import { about, startJudging } from '../helpers/judging.js'
import { fork, headOf, history, log, NOW } from '../helpers/step-inputs.js'

const keep = { do: 'keepSuspect', code: 'TIMEOUT' } as const
const nothing = { news: false, isDeferred: false, again: [], background: [] }

/** Effects over the stores of a pipeline that holds a head of this size, if any. */
async function holding(size?: number, isNew?: boolean) {
  const heart = await startJudging()
  if (size !== undefined) await heart.submit('poll', history.head(size))
  return { heart, ...effectsOver(heart, isNew) }
}

describe('a suspect is told to the mesh', () => {
  test.each<[string, number | undefined, number, boolean]>([
    ['if it is larger than our tree', 5, 6, true],
    ['not if it is as large', 5, 5, false],
    ['not if it is smaller', 5, 4, false],
    ['if we hold no tree', undefined, 1, true],
    ['not if we hold no tree, and it is empty', undefined, 0, false],
  ])('%s', async (_when, held, size, isNews) => {
    const { heart, told, perform } = await holding(held)
    const head = headOf(fork.head(size))
    expect(await perform(arrived(fork.head(size), 'sync'), head, keep)).toStrictEqual({ ...nothing, news: isNews })
    expect(told.publish.mock.calls).toEqual(isNews ? [[log.id, fork.head(size)]] : [])
    expect(heart.suspects.list(log.id).map(({ code }) => code)).toEqual(['TIMEOUT'])
    expect(await perform(arrived(fork.head(size), 'sync'), head, keep), 'and once').toStrictEqual(nothing)
  })

  test('not if gossip forwards it', async () => {
    const { told, perform } = await holding(5)
    expect(await perform(arrived(fork.head(6)), headOf(fork.head(6)), keep)).toStrictEqual({ ...nothing, news: true })
    expect(told.publish).not.toHaveBeenCalled()
  })
})

test('a suspect that had to make room is reported, and none otherwise', async () => {
  const { heart, told, perform } = await holding(5)
  await perform(arrived(fork.head(6)), headOf(fork.head(6)), keep)
  expect(told.onSuspectDropped).not.toHaveBeenCalled()
  const [dropped] = heart.suspects.list(log.id) as [Suspect]
  vi.spyOn(heart.suspects, 'keep').mockResolvedValueOnce({ isNew: true, suspect: dropped, dropped })
  await perform(arrived(fork.head(7)), headOf(fork.head(7)), keep)
  expect(told.onSuspectDropped.mock.calls).toEqual([[dropped]])
})

test('a head that has to wait is a suspect that was not examined, and is no news', async () => {
  const { heart, told, effects } = await holding(5)
  const outcome = await effects.waiting(arrived(history.head(9), 'sync'), { ...headOf(history.head(9)), log })
  expect(outcome).toStrictEqual({ kind: 'pending', news: false, code: 'HEADS_WAITING', ...about(9) })
  expect(heart.suspects.list(log.id)).toMatchObject([{ size: 9, code: 'HEADS_WAITING' }])
  expect(told.publish).not.toHaveBeenCalled()
})

describe('a log is frozen because of a head that no evidence file can hold', () => {
  const freeze = { do: 'freezeForSuspect' } as const

  test('with the suspect kept and reported once', async () => {
    const { heart, told, perform } = await holding(5)
    const twice = [keep, freeze, freeze] as const
    expect(await perform(arrived(fork.head(6)), headOf(fork.head(6)), ...twice)).toMatchObject({ again: [] })
    const [suspect] = heart.suspects.list(log.id) as [Suspect]
    expect(heart.store.heads.get(log.id).holds).toEqual([{ id: suspect.id, acked: false }])
    expect(told.onSuspectAlarm.mock.calls).toEqual([[{ ...suspect, alarmed: false }]])
  })

  test('but not if it is no suspect any more', async () => {
    const { heart, told, perform } = await holding(5)
    expect(await perform(arrived(fork.head(6)), headOf(fork.head(6)), freeze)).toStrictEqual(nothing)
    expect([heart.store.heads.get(log.id).holds, told.onSuspectAlarm.mock.calls]).toEqual([[], []])
  })
})

describe('evidence', () => {
  const lie = headOf(fork.head(5))
  const evidence = makeSplitView(log.key, [lie.logNote, headOf(history.head(5)).logNote], undefined)

  test.each([
    ['new, and then the head that completed it is passed on', true],
    ['known already, and then nothing is passed on', false],
  ])('is %s', async (_what, isNew) => {
    const { told, perform } = await holding(5, isNew)
    const performed = await perform(arrived(fork.head(5), 'sync'), lie, { do: 'raise', evidence })
    expect(performed).toStrictEqual({ ...nothing, news: isNew, evidence: 'e1' })
    expect(told.alarm.mock.calls).toEqual([[evidence]])
    expect(told.publish.mock.calls).toEqual(isNew ? [[log.id, fork.head(5)]] : [])
  })
})

test('a head whose proof does not verify is judged again as one that a client submitted without a proof', async () => {
  const { perform } = await holding(5)
  const pushed = { ...arrived(history.head(9), 'push'), proof: { oldSize: 5, hashes: [] } }
  const performed = await perform(pushed, headOf(history.head(9)), { do: 'judgeUnproven' })
  const again = [{ source: 'submit', note: history.head(9), log: log.id, receivedAt: NOW * 1000 }]
  expect(performed).toStrictEqual({ ...nothing, again })
})

test.each<Effect>([
  { do: 'prove', of: history.tree(9), size: 5 },
  { do: 'reach', note: 'a floor' },
  { do: 'tellUnknown', time: NOW },
])('what the runner has to do itself is not done here: $do', async (effect) => {
  const { perform } = await holding(5)
  const head: SizedHead = headOf(history.head(9))
  await expect(perform(arrived(history.head(9)), head, effect)).rejects.toThrow(
    `${effect.do} of size 9 is not for here`,
  )
})
