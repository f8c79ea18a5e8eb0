/** The step, as a pure function: marks and floors, renewals within one second, and what becomes of a contradiction. */
import { describe, expect, test } from 'vitest'
import { encodeEvidence, makeSplitView, MAX_EVIDENCE_BYTES } from '../../src/evidence/evidence.js'
import { NOTHING, type LogState } from '../../src/store/log-state.js'
import { fromUtf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import type { Cosignature } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { parseNote } from '../../src/tlog/note.js'
import type { SizedHead } from '../../src/witness/head.js'
import { step } from '../../src/witness/step.js'
import type { Circumstances, Effect, Mark, Step } from '../../src/witness/step-types.js'
import {
  arrival,
  calm,
  floorAt,
  fork,
  headOf,
  history,
  holding,
  log,
  markAt,
  noteOf,
  NOW,
  ownKey,
} from '../helpers/step-inputs.js'

const AUDITOR = 'auditor.example+0123abcd+key'
/** The time at which a state that holds a head was cosigned. */
const SIGNED = NOW - 60

const learn = (before: LogState, ...marks: Mark[]): Step => step(before, { kind: 'marks', marks }, calm)
const tells = (...times: number[]): Effect[] => times.map((time) => ({ do: 'tellUnknown', time }))
const outcomeOf = ({ checkpoint }: SizedHead) => ({ log: log.id, size: checkpoint.size, root: checkpoint.root })
/** The floor that a mark becomes. */
const floorOf = ({ size, root, note, time }: Mark) => ({
  floor: { size, root: formatHash(root), note, at: new Date(NOW * 1000).toISOString(), time },
})

describe('a mark', () => {
  test('changes nothing while what is on disk is disputed', () => {
    const marks = [markAt(history, 9, NOW), markAt(history, 9, NOW, AUDITOR)]
    const taken = step(holding(5), { kind: 'marks', marks }, { ...calm, obstacle: 'STATE_DISAGREES' })
    expect(taken).toEqual({ effects: [] })
  })

  test.each<[string, LogState]>([
    ['a home that knows nothing', NOTHING],
    ['a home that knows only how long it has signed', { ...NOTHING, signed: { key: '', size: 0, time: SIGNED } }],
  ])('of a single record becomes the floor of %s', (_name, before) => {
    const mark = markAt(history, 1, SIGNED - 1)
    expect(learn(before, mark)).toEqual({ change: floorOf(mark), effects: tells(mark.time) })
  })

  test('with the latest time becomes the floor among those of one size, in whichever order they arrive', () => {
    const marks = [markAt(history, 9, NOW + 2), markAt(fork, 9, NOW + 3), markAt(history, 9, NOW + 1)] as const
    for (const [a, b, c] of [
      [0, 1, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
      [1, 0, 2],
    ] as const)
      expect(learn(holding(5), marks[a], marks[b], marks[c]).change).toEqual(floorOf(marks[1]))
  })

  test('with a time is a lower bound for the next time of a home that does not know what it signed', () => {
    const { tree, note } = holding(5)
    expect(learn({ ...NOTHING, tree, note }, markAt(history, 5, NOW - 9))).toEqual({
      change: { signed: { key: '', size: 5, time: NOW - 9 } },
      effects: tells(NOW - 9),
    })
  })

  test('that is not later than what was signed here adds nothing to a floor without a time', () => {
    expect(learn(holding(5, { floor: floorAt(9) }), markAt(history, 5, SIGNED))).toEqual({ effects: [] })
  })

  test.each<[string, number, number]>([
    ['between our head and the floor', 7, SIGNED - 5],
    ['of the floor itself', 9, NOW - 10],
    ['of our head, later than we signed that', 5, NOW - 20],
  ])('%s is told, and does not move the time of a floor that is as late', (_name, size, time) => {
    const before = holding(5, { floor: floorAt(9, { time: NOW - 10 }) })
    expect(learn(before, markAt(history, size, time))).toEqual({ effects: tells(time) })
  })

  test.each<[string, number | undefined]>([
    ['a floor of an earlier time', NOW - 10],
    ['a floor of no known time', undefined],
  ])('moves the time of %s, and leaves its head', (_name, time) => {
    const floor = floorAt(9, time === undefined ? {} : { time })
    expect(learn(holding(5, { floor }), markAt(history, 7, NOW))).toEqual({
      change: { floor: { ...floor, time: NOW } },
      effects: tells(NOW),
    })
  })
})

describe('a mark of the auditor', () => {
  const audited = (size: number, time: number) => ({
    key: AUDITOR,
    size,
    root: formatHash(history.tree(size).root),
    time,
  })

  test('of a head that the witness does not hold binds both, be it of one record', () => {
    const mark = markAt(history, 1, NOW, AUDITOR)
    const { change, effects } = learn(NOTHING, mark)
    expect(change).toEqual({ ...floorOf(mark), audited: audited(1, NOW) })
    expect(effects).toContainEqual(tells(NOW)[0])
  })

  test('is told when it is news of the auditor; the marks of the witness are told on their own', () => {
    const before = holding(5, { audited: audited(4, NOW - 50) })
    const known = markAt(history, 3, NOW - 55, AUDITOR)
    const ofWitness = markAt(history, 5, SIGNED)
    expect(learn(before, known, ofWitness, markAt(history, 5, NOW - 40, AUDITOR))).toEqual({
      change: { audited: audited(5, NOW - 40) },
      effects: tells(NOW - 40),
    })
  })
})

describe('a floor', () => {
  /** A head of the log with the root of another size. */
  const misnamed = headOf(
    history.sign(formatCheckpoint({ origin: SUMDB_ORIGIN, size: 12, root: history.tree(9).root })),
  )

  test('is not met by a head of another size that repeats its root', () => {
    const before: LogState = { ...NOTHING, floor: floorAt(9) }
    expect(step(before, arrival(misnamed, { source: 'poll' }), calm)).toEqual({
      effects: [{ do: 'reach', note: noteOf(history, 9) }],
    })
  })

  test('of an empty tree needs no proof: every head extends it', () => {
    const before: LogState = { ...NOTHING, floor: floorAt(0) }
    const given = arrival(headOf(history.head(5)), { source: 'poll', triedFloor: true })
    expect(step(before, given, calm)).toEqual({
      change: { tree: history.tree(0), note: noteOf(history, 0), floor: undefined },
      effects: [],
    })
  })

  test('is not proven by an answer about a tree of another size with the same root', () => {
    const of = history.tree(9)
    const proofs = [{ of: { ...of, size: 12 }, size: 5, answer: { prefix: history.prefix(of, 5)! } }]
    expect(step(holding(5), arrival(headOf(history.head(9)), { proofs }), calm)).toEqual({
      effects: [{ do: 'prove', of, size: 5 }],
    })
  })
})

describe('our newest head, pushed again within the second of its cosignature', () => {
  const head = headOf(history.head(5))
  const second = 'witness.example+89abcdef'
  const known = { kind: 'known', ...outcomeOf(head) }
  const rest: Effect[] = [{ do: 'merge' }, { do: 'resolve' }]
  const line = (time: number): Cosignature => ({ time, signature: head.logNote.signatures[0]! })
  const push = (more: Partial<Circumstances>): Step => {
    const at = { ...calm, ...more }
    const before = holding(5, { signed: { ...at.keys, size: 5, time: NOW } })
    return step(before, arrival(head, { source: 'push', pushed: { oldSize: 5, hashes: [] } }), at)
  }

  test.each<[string, Circumstances['keys'], Cosignature[]]>([
    ['the line of the only key', { key: ownKey }, [line(NOW)]],
    ['the lines of both keys', { key: ownKey, second }, [line(NOW), line(NOW)]],
  ])('is answered with %s as they are held', (_name, keys, made) => {
    expect(push({ keys, made })).toEqual({ outcome: { ...known, own: made }, effects: rest })
  })

  test.each<[string, Circumstances['keys'], Cosignature[]]>([
    ['no line is held', { key: ownKey }, []],
    ['the line held is older', { key: ownKey }, [line(NOW - 1)]],
    ['one of two lines is held', { key: ownKey, second }, [line(NOW)]],
    ['one of two lines is older', { key: ownKey, second }, [line(NOW), line(NOW - 1)]],
  ])('is signed as promised when %s, and no new promise is made', (_name, keys, made) => {
    expect(push({ keys, made })).toEqual({ outcome: known, effects: [{ do: 'cosign' }, ...rest] })
  })

  test('is signed and published when that cosignature is still owed', () => {
    const effects = [{ do: 'cosign' }, { do: 'publish', what: 'renewal' }, ...rest]
    expect(push({ isOwed: true })).toEqual({ outcome: known, effects })
  })
})

describe('a head that contradicts ours', () => {
  /** A head of the fork with one more line, so that the evidence has exactly this many bytes. */
  function padded(bytes: number): { head: SizedHead; evidence: ReturnType<typeof makeSplitView> } {
    const against = (head: SizedHead) => makeSplitView(log.key, [head.logNote, parseNote(history.head(9))])
    const withPadding = (length: number) => headOf(fork.sign(`${fork.text(9)}${'x'.repeat(length)}\n`))
    const spare = bytes - encodeEvidence(against(withPadding(1))).length
    const head = withPadding(1 + spare)
    return { head, evidence: against(head) }
  }

  test('convicts the log as long as the evidence fits a file, to the last byte', () => {
    const { head, evidence } = padded(MAX_EVIDENCE_BYTES)
    expect(encodeEvidence(evidence)).toHaveLength(MAX_EVIDENCE_BYTES)
    expect(step(holding(9), arrival(head), calm)).toEqual({
      outcome: { kind: 'conflict', ...outcomeOf(head) },
      effects: [{ do: 'raise', evidence }, { do: 'resolve' }, { do: 'compareWitnesses', as: 'lie' }],
    })
  })

  test('freezes the log as a suspect when it is padded beyond what evidence holds', () => {
    const { head } = padded(MAX_EVIDENCE_BYTES + 1)
    expect(step(holding(9), arrival(head), calm)).toEqual({
      outcome: { kind: 'pending', ...outcomeOf(head), code: 'NOTE_TOO_LARGE' },
      effects: [{ do: 'keepSuspect', code: 'NOTE_TOO_LARGE' }, { do: 'freezeForSuspect' }],
    })
  })

  test('stays a suspect while we know only the tree of ours, not what the log signed', () => {
    const head = headOf(fork.head(9))
    expect(step(holding(9, { note: undefined }), arrival(head), calm)).toEqual({
      outcome: { kind: 'pending', ...outcomeOf(head), code: 'HISTORY_MISSING' },
      effects: [{ do: 'keepSuspect', code: 'HISTORY_MISSING' }],
    })
  })

  test('convicts by itself when it gives no records a root, even if we hold nothing', () => {
    const signed = history.sign(formatCheckpoint({ origin: SUMDB_ORIGIN, size: 0, root: history.tree(5).root }))
    const head = headOf(signed)
    const { outcome, effects } = step(NOTHING, arrival(head), calm)
    expect(outcome).toEqual({ kind: 'conflict', ...outcomeOf(head) })
    const [raise, ...others] = effects
    expect(raise).toMatchObject({ do: 'raise', evidence: { heads: [fromUtf8(signed), fromUtf8(signed)] } })
    expect(others).toEqual([{ do: 'resolve' }, { do: 'compareWitnesses', as: 'lie' }])
  })
})
