/** The step, as a pure function: its decision from a state, an input and the circumstances. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseEvidence, encodeEvidence, verifyEvidence } from '../../src/evidence/evidence.js'
import type { Floor, LogState } from '../../src/store/heads.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { parseNote } from '../../src/tlog/note.js'
import type { Proof } from '../../src/witness/decide.js'
import type { SizedHead } from '../../src/witness/head.js'
import { SOURCES, type HeadSource } from '../../src/witness/source.js'
import { step } from '../../src/witness/step.js'
import type { AnsweredProof, Circumstances, HeadInput, Step } from '../../src/witness/step-types.js'
import { testWitness } from '../helpers/heart.js'
import type { History } from '../helpers/history.js'
import {
  arrival,
  calm,
  floorAt,
  fork,
  headOf,
  history,
  holding,
  log,
  noteOf,
  NOW,
  ownKey as key,
} from '../helpers/step-inputs.js'

const head = (of: History, size: number): SizedHead => headOf(of.head(size))

function state(size?: number, more: Partial<LogState> = {}): LogState {
  return size === undefined ? { seq: 0, holds: [], ...more } : holding(size, more)
}

function floor(of: History, size: number, more: Partial<Floor> = {}): Floor {
  return floorAt(size, { root: formatHash(of.tree(size).root), note: noteOf(of, size), ...more })
}

function input(of: History, size: number, more: Partial<HeadInput> = {}): HeadInput {
  return arrival(head(of, size), more)
}

/** Answers the requests of a step from a history, until there is an outcome or the state would change. */
function settle(before: LogState, given: HeadInput, at: Circumstances, shown: readonly History[]): Step {
  const proofs: AnsweredProof[] = [...given.proofs]
  let triedFloor = given.triedFloor
  for (let i = 0; i < 8; i++) {
    const taken = step(before, { ...given, proofs, triedFloor }, at)
    const [first] = taken.effects
    if (first?.do === 'prove') {
      const of = shown.find((one) => one.prefix(first.of, first.size) !== undefined)
      const answer: Proof = of ? { prefix: of.prefix(first.of, first.size)! } : { failed: 'LOG_UNREACHABLE' }
      proofs.push({ of: first.of, size: first.size, answer })
    } else if (first?.do === 'reach') triedFloor = true
    else return taken
  }
  throw new Error('it asks without end')
}

const does = ({ effects }: Step): string[] => effects.map((effect) => effect.do)

describe('a head that extends ours', () => {
  test('is promised on disk before it is signed', () => {
    const taken = settle(state(5), input(history, 9), calm, [history])
    expect(taken.outcome).toMatchObject({ kind: 'advanced', size: 9 })
    expect(taken.change).toMatchObject({ tree: { size: 9 }, signed: { key, size: 9, time: NOW }, origin: SUMDB_ORIGIN })
    expect(does(taken)).toEqual(['cosign', 'publish', 'compareWitnesses', 'resolve'])
  })

  test('is dated no earlier than this key’s last signature, or a mark; another key starts afresh', () => {
    const late = { key, size: 5, time: NOW + 1000 }
    expect(settle(state(5, { signed: late }), input(history, 9), calm, [history]).change?.signed?.time).toBe(NOW + 1000)
    const other = { ...late, key: 'other' }
    expect(settle(state(5, { signed: other }), input(history, 9), calm, [history]).change?.signed?.time).toBe(NOW)
    const marked = state(5, { floor: floor(history, 9, { time: NOW + 500 }) })
    expect(settle(marked, input(history, 9), calm, [history]).change?.signed?.time).toBe(NOW + 500)
  })

  test('is dated no earlier than the cosignature of ours that it came with', () => {
    const { signature } = cosign(history.text(9), NOW + 700, testWitness)
    const ours = input(history, 9, { own: { signature, time: NOW + 700 } })
    expect(settle(state(5), ours, calm, [history]).change?.signed?.time).toBe(NOW + 700)
  })

  test('is dated no earlier than this key signed before another took its place', () => {
    const first = { ...calm, now: NOW + 1000 }
    const second = { ...calm, keys: { key: 'second' } }
    let now = state(5, { signed: { key: 'the first of all', size: 5, time: NOW } })
    for (const [size, at] of [
      [9, first],
      [10, second],
      [11, calm],
    ] as const) {
      const { change } = settle(now, input(history, size), at, [history])
      now = { ...now, ...change, seq: now.seq + 1 }
    }
    expect(now.signed).toMatchObject({ key, size: 11, time: NOW + 1000 })
    expect(now.signed!.earlier!.map(({ key: by, time }) => [by, time])).toEqual([
      ['second', NOW],
      ['the first of all', NOW],
    ])
  })

  test.each(['GUARD_WAITING', 'KEY_DUPLICATE', 'CLOCK_WRONG', 'AGENT_UNAVAILABLE', 'STATE_DISAGREES'] as const)(
    'is refused with %s while that obstacle lasts, and changes nothing',
    (obstacle) => {
      const taken = settle(state(5), input(history, 9), { ...calm, obstacle }, [history])
      expect(taken.outcome).toMatchObject({ kind: 'refused', code: obstacle })
      expect(taken.change).toBeUndefined()
      expect(does(taken)).toEqual(obstacle === 'GUARD_WAITING' ? ['defer'] : [])
    },
  )

  test('of an origin that is taken is followed, and nothing is promised', () => {
    const at = { ...calm, obstacle: 'ORIGIN_TAKEN' as const }
    const taken = settle(state(5), input(history, 9), at, [history])
    expect(taken.change).toMatchObject({ tree: { size: 9 } })
    expect(taken.change).not.toHaveProperty('signed')
    expect(does(taken)).not.toContain('cosign')
    const pushed = { oldSize: 5, hashes: history.prefix(history.tree(9), 5)!.proof }
    const push = settle(state(5), input(history, 9, { source: 'push', pushed }), at, [])
    expect(push.outcome).toMatchObject({ kind: 'refused', code: 'ORIGIN_TAKEN' })
  })
})

describe('a node without a key', () => {
  const at = { ...calm, keys: { key: '' }, obstacle: 'NO_WITNESS' as const }

  test('accepts what is proven, promises nothing, and reports no code for it', () => {
    const taken = settle(state(5), input(history, 9), at, [history])
    expect(taken.change).toMatchObject({ tree: { size: 9 } })
    expect(taken.change).not.toHaveProperty('signed')
    expect(taken.outcome).toMatchObject({ kind: 'advanced' })
    expect(taken.outcome).not.toHaveProperty('code')
    expect(does(taken)).toEqual(['keep', 'publish', 'compareWitnesses', 'resolve'])
  })

  test.each(Object.keys(SOURCES) as HeadSource[])(
    'accepts a first head from %s only if a quorum vouches for it',
    (source) => {
      const first = (isVouched: boolean) =>
        settle(state(undefined), input(history, 5, { source }), { ...at, isVouched }, [history])
      expect(first(false).outcome).toMatchObject({ kind: 'pending', code: 'HISTORY_MISSING' })
      expect(first(false).change).toBeUndefined()
      expect(first(true).outcome).toMatchObject({ kind: 'advanced' })
    },
  )
})

describe('the floor', () => {
  test('convicts a head of its size with another root, whatever the obstacle', () => {
    for (const obstacle of [undefined, 'GUARD_WAITING', 'STATE_DISAGREES'] as const) {
      const taken = step(state(2, { floor: floor(history, 9) }), input(fork, 9), { ...calm, obstacle })
      expect(taken.outcome?.kind).toBe('conflict')
      const [raise] = taken.effects
      if (raise?.do !== 'raise') throw new Error('no evidence')
      expect(verifyEvidence(parseEvidence(encodeEvidence(raise.evidence)), [log.key]).sizes).toEqual([9, 9])
    }
  })

  test('convicts a smaller and a larger head of a fork, with a proof', () => {
    for (const size of [6, 12]) {
      const taken = settle(state(2, { floor: floor(history, 9) }), input(fork, size), calm, [history, fork])
      expect(taken.outcome).toMatchObject({ kind: 'conflict', size })
    }
  })

  test('is reached without a signature when a larger head extends it', () => {
    const taken = settle(state(2, { floor: floor(history, 9, { time: NOW }) }), input(history, 12), calm, [history])
    expect(taken).toMatchObject({ change: { tree: { size: 9 }, signed: { time: NOW } }, effects: [] })
    expect(taken.change).toHaveProperty('floor', undefined)
    expect(taken.outcome).toBeUndefined()
  })

  test('blocks every head that cannot be proven to extend it', () => {
    const down = settle(state(2, { floor: floor(history, 9) }), input(history, 12), calm, [])
    expect(down.outcome).toMatchObject({ kind: 'pending' })
    const half: History = Object.assign(Object.create(history) as History, {
      prefix: (of: { size: number }, size: number) =>
        size === 9 ? undefined : history.prefix(history.tree(of.size), size),
    })
    const taken = settle(state(2, { floor: floor(history, 9) }), input(history, 12), calm, [half])
    expect(taken.outcome).toMatchObject({ kind: 'refused', code: 'GUARD_BEHIND' })
    expect(does(taken)).toEqual(['keepSuspect'])
  })

  test('prevents a smaller known head from being signed again', () => {
    const before = state(5, { floor: floor(history, 9), signed: { key, size: 5, time: NOW - 7200 } })
    const pushed = { oldSize: 5, hashes: [] }
    expect(step(before, input(history, 5, { source: 'push', pushed }), calm).outcome).toMatchObject({
      kind: 'refused',
      code: 'GUARD_BEHIND',
    })
    expect(does(step(before, input(history, 5), calm))).toEqual(['merge', 'resolve'])
  })
})

describe('a first head', () => {
  test.each(Object.keys(SOURCES) as HeadSource[])(
    'from %s is trusted only if it comes from the log itself',
    (source) => {
      const taken = settle(state(), input(history, 5, { source }), calm, [history])
      expect(taken.outcome?.kind).toBe(SOURCES[source].firsthand ? 'advanced' : 'pending')
    },
  )

  test('of an old key in an emptied home must be consistent with what chosen peers show', () => {
    const shown = (of: History, size: number) => ({ ...of.tree(size), note: parseNote(of.head(size)) })
    const poll = (of: History, size: number) => input(of, size, { source: 'poll' })
    const at = (of: History, size: number): Circumstances => ({ ...calm, shown: shown(of, size) })
    const both = [history, fork]
    expect(settle(state(), poll(fork, 9), at(history, 9), both).outcome?.kind).toBe('conflict')
    expect(settle(state(), poll(fork, 9), at(history, 12), both).outcome?.kind).toBe('conflict')
    expect(settle(state(), poll(fork, 12), at(history, 9), both).outcome?.kind).toBe('conflict')
    expect(settle(state(), poll(history, 9), at(history, 12), []).outcome).toMatchObject({ kind: 'pending' })
    expect(settle(state(), poll(history, 12), at(history, 9), both).outcome?.kind).toBe('advanced')
    // The larger one may be ours, so it comes first.
    expect(settle(state(), poll(history, 9), at(history, 12), both).change).toMatchObject({ floor: { size: 12 } })
  })
})

describe('marks', () => {
  const mark = (of: History, size: number, time = NOW - 100) => ({
    ...of.tree(size),
    note: fromUtf8(of.head(size))!,
    time,
  })
  const take = (before: LogState, ...marks: ReturnType<typeof mark>[]): Step =>
    step(before, { kind: 'marks', marks }, calm)

  test('make the largest the floor, with the latest time of all', () => {
    const taken = take(state(5), mark(history, 7, NOW + 5), mark(history, 12), mark(history, 9))
    expect(taken.change).toMatchObject({ floor: { size: 12, time: NOW + 5 } })
    expect(does(taken)).toEqual(['tellUnknown', 'tellUnknown', 'tellUnknown'])
  })

  test('of what this home signed itself have no effect', () => {
    expect(take(state(5), mark(history, 5, NOW - 60), mark(history, 3, NOW - 90))).toEqual({ effects: [] })
  })

  test('with a later time than ours set the earliest time of the next signature', () => {
    expect(take(state(5), mark(history, 5, NOW + 9)).change).toMatchObject({ signed: { key, size: 5, time: NOW + 9 } })
    expect(take(state(), mark(history, 5, NOW)).change).toMatchObject({ floor: { size: 5, time: NOW } })
  })
})

test('any state, head and circumstances give an answer, a request or a change, and nothing is signed without a promise', () => {
  const histories = [history, fork, history.fork(0, 'c')]
  const size = fc.nat(16)
  const of = fc.constantFrom(...histories)
  const maybe = <T>(one: fc.Arbitrary<T>) => fc.option(one, { nil: undefined })
  const arbitrary = fc.record({
    tree: maybe(size),
    floorAt: maybe(fc.tuple(of, size, fc.boolean())),
    held: fc.boolean(),
    of,
    size,
    source: fc.constantFrom(...(Object.keys(SOURCES) as HeadSource[])),
    pushed: maybe(fc.record({ oldSize: size, hashes: fc.constant([]) })),
    obstacle: maybe(
      fc.constantFrom(
        'GUARD_WAITING',
        'STATE_DISAGREES',
        'ORIGIN_TAKEN',
        'KEY_DUPLICATE',
        'CLOCK_WRONG',
        'NO_WITNESS' as const,
      ),
    ),
    frozen: fc.boolean(),
    shown: maybe(fc.tuple(of, size)),
    proofs: fc.subarray(histories),
  })
  fc.assert(
    fc.property(arbitrary, (any) => {
      const before = state(any.tree, {
        ...(any.floorAt && {
          floor: floor(any.floorAt[0], any.floorAt[1], any.floorAt[2] ? {} : { note: undefined! }),
        }),
      })
      const at: Circumstances = {
        ...calm,
        frozen: any.frozen,
        obstacle: any.obstacle,
        ...(any.shown && {
          shown: { ...any.shown[0].tree(any.shown[1]), note: parseNote(any.shown[0].head(any.shown[1])) },
        }),
      }
      const given = input(any.of, any.size, { source: any.source, ...(any.pushed && { pushed: any.pushed }) })
      const taken = settle(before, given, at, any.proofs)
      expect(taken.outcome !== undefined || taken.change !== undefined).toBe(true)
      const signs = taken.effects.some((effect) => effect.do === 'cosign')
      if (!signs) return
      const promised = taken.change?.signed ?? before.signed
      expect(promised?.size).toBe(any.size)
      expect(any.obstacle).toBeUndefined()
      expect(any.frozen).toBe(false)
      expect(any.size).toBeGreaterThanOrEqual(any.floorAt?.[1] ?? 0)
    }),
    { numRuns: 3000 },
  )
})
