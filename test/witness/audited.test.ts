/**
 * What the auditor's key may sign next, as pure functions: never two histories, never backwards, never without its
 * promise.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Audited, decodeState, encodeState, type LogState } from '../../src/store/log-state.js'
import { settled } from '../../src/store/settle.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { formatHash } from '../../src/tlog/hash.js'
import { auditedAfter, decideAudited, type AuditorCircumstances } from '../../src/witness/audited.js'
import { step } from '../../src/witness/step.js'
import type { Circumstances, Mark } from '../../src/witness/step-types.js'
import { testSigner, testWitness } from '../helpers/heart.js'
import { History } from '../helpers/history.js'

const history = new History(testSigner('log.example', 1))
const fork = history.fork(3, 'b')
const NOW = 1_800_000_000
const key = 'w.example/auditor+00000000+AAAA'

const said = (size: number, of = history, more: Partial<Audited> = {}): Audited => ({
  ...{ key, size, root: formatHash(of.tree(size).root), time: NOW - 60 },
  ...more,
})
const state = (size: number, audited?: Audited): LogState => ({
  ...{ seq: 3, tree: history.tree(size), note: fromUtf8(history.head(size))!, holds: [], audited },
  signed: { key: testWitness.verifier.vkey, size, time: NOW - 60 },
})
const at = (more: Partial<AuditorCircumstances> = {}): AuditorCircumstances => ({
  ...{ now: NOW, key, obstacle: undefined },
  ...more,
})
const mark = (of: History, size: number, time: number, by?: string): Mark => ({
  ...of.tree(size),
  ...{ time, note: fromUtf8(of.head(size))!, ...(by !== undefined && { by }) },
})

describe('the auditor’s promise', () => {
  test('is of a head of our tree, and the first needs no proof', () => {
    const { root } = history.tree(7)
    const promised = { kind: 'promise', audited: { key, size: 7, root: formatHash(root), time: NOW } }
    expect(decideAudited(state(7), history.tree(7), at())).toEqual(promised)
    expect(decideAudited(state(9), history.tree(7), at())).toEqual(promised)
  })

  test('is refused for a head that the witness has not proven, or that is not of its tree', () => {
    for (const [of, head] of [
      [state(7), history.tree(8)],
      [state(7), fork.tree(7)],
      [{ ...state(7), tree: undefined }, history.tree(5)],
    ] as const)
      expect(decideAudited(of, head, at())).toEqual({ kind: 'refused', code: 'HISTORY_MISSING' })
  })

  test('extends the previous one, by a proof, and is never smaller', () => {
    const before = state(9, said(5))
    expect(decideAudited(before, history.tree(8), at())).toEqual({ kind: 'prove', size: 5 })
    const shown = (of: History) => decideAudited(before, history.tree(8), at({ root: of.tree(5).root }))
    expect(shown(history)).toMatchObject({ kind: 'promise', audited: { size: 8 } })
    expect(shown(fork)).toEqual({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(decideAudited(before, history.tree(4), at())).toEqual({ kind: 'refused', code: 'GUARD_BEHIND' })
    // Two trees of one size: it may have signed the other one.
    expect(decideAudited(state(9, said(5, fork)), history.tree(5), at()).kind).toBe('refused')
  })

  test('is repeated as it stands on disk, whatever the clock says', () => {
    const audited = said(7)
    expect(decideAudited(state(9, audited), history.tree(7), at())).toEqual({ kind: 'promised', audited })
    // A new auditor key continues from there with a promise of its own.
    const other = decideAudited(state(9, audited), history.tree(7), at({ key: 'other' }))
    expect(other).toMatchObject({ kind: 'promise', audited: { key: 'other', size: 7 } })
  })

  test('is dated no earlier than the previous one', () => {
    const ahead = state(9, said(5, history, { time: NOW + 500 }))
    const decision = decideAudited(ahead, history.tree(8), at({ root: history.tree(5).root }))
    expect(decision).toMatchObject({ kind: 'promise', audited: { time: NOW + 500 } })
  })

  test('is refused while there is an obstacle, even if it was made before', () => {
    for (const head of [history.tree(7), history.tree(8)])
      expect(decideAudited(state(9, said(7)), head, at({ obstacle: 'LOG_FROZEN' }))).toEqual({
        ...{ kind: 'refused', code: 'LOG_FROZEN' },
      })
  })

  test('never contradicts an earlier one of its key or goes back behind it, whatever happens', () => {
    const event = fc.record({
      size: fc.integer({ min: 1, max: 20 }),
      isFork: fc.boolean(),
      now: fc.integer({ min: -1000, max: 1000 }),
      tells: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(event, { maxLength: 30 }), (events) => {
        let own: LogState = { seq: 0, holds: [] }
        const signed: { size: number; time: number; root: string }[] = []
        for (const { size, isFork, now, tells } of events) {
          const tree = (isFork ? fork : history).tree(size)
          // Our own tree only grows, and within one history.
          own = { ...own, tree: history.tree(Math.max(own.tree?.size ?? 0, tells ? size : 0)) }
          // Only heads that the pipeline has proven are asked about: a smaller one of the fork is never among them.
          if (isFork && size > 3 && size < own.tree!.size) continue
          const ask = (root?: Uint8Array) => decideAudited(own, tree, at({ now: NOW + now, root }))
          let decision = ask()
          if (decision.kind === 'prove') decision = ask((isFork ? fork : history).tree(decision.size).root)
          if (decision.kind !== 'promise' && decision.kind !== 'promised') continue
          own = { ...own, audited: decision.audited }
          signed.push(decision.audited)
        }
        for (const [i, one] of signed.entries())
          for (const next of signed.slice(i)) {
            expect(next.size).toBeGreaterThanOrEqual(one.size)
            expect(next.time).toBeGreaterThanOrEqual(one.time)
            if (next.size === one.size) expect(next).toEqual(one)
          }
      }),
    )
  })
})

describe('marks', () => {
  const calm: Circumstances = {
    ...{ now: NOW, keys: { key: testWitness.verifier.vkey }, frozen: false },
    ...{ isPast: false, made: [], isOwed: false },
  }
  const told = (of: LogState, ...marks: Mark[]) => step(of, { kind: 'marks', marks }, calm)

  test('of the auditor raise its last promise, and are no signatures of the witness', () => {
    const { change, effects } = told(state(9), mark(history, 6, NOW + 5, key))
    expect(change).toEqual({ audited: said(6, history, { time: NOW + 5 }) })
    expect(effects).toEqual([{ do: 'tellUnknown', time: NOW + 5 }])
    // The time of the witness does not change with it: they are two keys.
    expect(change?.signed).toBeUndefined()
  })

  test('beyond our tree raise the floor: the witness of this home has held those heads', () => {
    const { change } = told(state(9), mark(history, 12, NOW - 5, key), mark(history, 10, NOW - 9))
    expect(change).toMatchObject({ audited: { size: 12, time: NOW - 5 }, floor: { size: 12 } })
  })

  test('that are already known have no effect, and hide no new mark of the witness', () => {
    const own = said(6)
    expect(told(state(9, own), mark(history, 6, NOW - 60, key))).toEqual({ effects: [] })
    const { change } = told(state(9, own), mark(history, 5, NOW - 70, key), mark(history, 10, NOW))
    expect(change).toMatchObject({ floor: { size: 10 } })
    expect(change?.audited).toBeUndefined()
  })

  test('combine to the largest head and the latest time', () => {
    expect(auditedAfter(undefined, [mark(history, 4, NOW + 9, key), mark(history, 8, NOW, key)])).toEqual(
      said(8, history, { time: NOW + 9 }),
    )
    expect(auditedAfter(said(8), [mark(history, 4, NOW, key)])).toEqual(said(8, history, { time: NOW }))
    expect(auditedAfter(said(8), [mark(history, 20, NOW)]), 'by the witness').toBeUndefined()
  })
})

describe('on disk', () => {
  test('the auditor’s promise is part of the state of its log', () => {
    const before = state(9, said(7))
    expect(decodeState(encodeState(before))?.state).toEqual(before)
    expect(decodeState(encodeState(state(9)))?.state.audited).toBeUndefined()
  })

  test('a recovery continues from the largest promise that any record has', () => {
    const { audited } = settled([state(9, said(4, history, { time: NOW })), state(8, said(7))])
    expect(audited).toEqual(said(7, history, { time: NOW }))
    expect(() => settled([state(9, said(7)), state(8, said(7, fork))])).toThrow(/two roots at size 7/)
  })
})
