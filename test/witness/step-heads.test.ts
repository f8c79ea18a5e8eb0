/** What a step answers to a head: the whole outcome, change and effects in each situation. */
import { describe, expect, test } from 'vitest'
import type { Floor, LogState } from '../../src/store/heads.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { formatHash } from '../../src/tlog/hash.js'
import { parseNote, spellNote } from '../../src/tlog/note.js'
import type { SizedHead } from '../../src/witness/head.js'
import type { HeadSource } from '../../src/witness/source.js'
import { step } from '../../src/witness/step.js'
import type { AnsweredProof, HeadInput, Step } from '../../src/witness/step-types.js'
import { testWitness } from '../helpers/heart.js'
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

const NOW_ISO = '2027-01-15T08:00:00.000Z'

const head = (size: number, of = history): SizedHead => headOf(of.head(size))
const input = (size: number, more: Partial<HeadInput> = {}): HeadInput => arrival(head(size), more)
const note = (size: number): string => noteOf(history, size)
const firstUse = (size: number) => ({ size, root: formatHash(history.tree(size).root), at: NOW_ISO })

const nothing: LogState = { seq: 0, holds: [] }

const floor = (size: number, more: Partial<Floor> = {}): Floor => floorAt(size, { at: NOW_ISO, ...more })

/** A floor that only the guard of an old home knew. */
const bareFloor = (size: number): Floor => firstUse(size)

/** The proof that ties the smaller tree to the larger one, as a step asked for it. */
function proof(larger: number, smaller: number, of = history): AnsweredProof {
  const tree = of.tree(larger)
  return { of: tree, size: smaller, answer: { prefix: of.prefix(tree, smaller)! } }
}

const said = (kind: string, size: number, more: object = {}, of = history): object => {
  return { kind, log: log.id, ...of.tree(size), ...more }
}

test('a promised cosignature that could not be made is reported with its reason, and nothing else follows', () => {
  expect(step(holding(5), { kind: 'unsigned', head: head(5), code: 'AGENT_UNAVAILABLE' }, calm)).toEqual({
    outcome: said('refused', 5, { code: 'AGENT_UNAVAILABLE' }),
    effects: [],
  })
})

describe('the next head of a frozen log', () => {
  const take = (source: HeadSource): Step =>
    step(holding(5), input(9, { source, proofs: [proof(9, 5)] }), { ...calm, frozen: true })
  const outcome = said('refused', 9, { code: 'LOG_FROZEN' })

  test.each(['poll', 'lookup', 'push'] as const)('is shown to others, unsigned, when it comes by %s', (source) => {
    expect(take(source)).toEqual({ outcome, effects: [{ do: 'publish', what: 'frozen' }] })
  })

  test.each(['submit', 'gossip', 'sync', 'replay'] as const)('is not shown again when it comes by %s', (source) => {
    expect(take(source)).toEqual({ outcome, effects: [] })
  })
})

describe('a first head that a peer brought', () => {
  const advance = [
    { do: 'cosign' },
    { do: 'publish', what: 'advance' },
    { do: 'compareWitnesses', as: 'truth' },
    { do: 'resolve' },
  ]
  const change = {
    tree: history.tree(5),
    note: note(5),
    floor: undefined,
    origin: SUMDB_ORIGIN,
    signed: { key, size: 5, time: NOW },
  }

  test('is trusted, and the operator told, if it carries a cosignature of ours', () => {
    const own = cosign(history.text(5), NOW - 500, testWitness)
    expect(step(nothing, input(5, { own }), calm)).toEqual({
      change: { ...change, firstUse: firstUse(5) },
      outcome: said('advanced', 5),
      effects: [{ do: 'tellFirstUse', first: firstUse(5) }, ...advance],
    })
  })

  test('is trusted if it is the floor, and is no first use', () => {
    expect(step({ ...nothing, floor: floor(5) }, input(5), calm)).toStrictEqual({
      change: { ...change, firstUse: undefined },
      outcome: said('advanced', 5),
      effects: advance,
    })
  })

  test.each([
    ['there is no reason to trust it', nothing],
    ['it is smaller than the floor', { ...nothing, floor: floor(9) }],
    ['it is larger than the floor', { ...nothing, floor: floor(3) }],
  ])('waits for a history if %s', (_, before) => {
    expect(step(before, input(5), calm)).toEqual({
      outcome: said('pending', 5, { code: 'HISTORY_MISSING' }),
      effects: [{ do: 'keepSuspect', code: 'HISTORY_MISSING' }],
    })
  })
})

describe('a pushed head whose proof is not accepted', () => {
  const push = (before: LogState, size: number, oldSize: number): Step =>
    step(before, input(size, { source: 'push', pushed: { oldSize, hashes: [] } }), calm)

  test.each([
    ['smaller than ours', 3, 2, holding(5), 5],
    ['of our size', 5, 3, holding(5), 5],
    ['of the size of the floor', 9, 5, holding(2, { floor: floor(9) }), 2],
    ['of the size of the floor, where we hold no tree', 9, 5, { ...nothing, floor: floor(9) }, 0],
  ])('is refused with what we hold and judged without the proof if it is %s', (_, size, oldSize, before, held) => {
    expect(push(before, size, oldSize)).toEqual({
      outcome: said('refused', size, { code: 'OLD_SIZE_DIFFERS', held }),
      effects: [{ do: 'judgeUnproven' }],
    })
  })

  test.each([
    ['is larger than ours', 9, 3, holding(5), 5, 'OLD_SIZE_DIFFERS'],
    ['is larger than ours, and only the hashes are wrong', 9, 5, holding(5), 5, 'PROOF_INVALID'],
    ['lies between our tree and the floor', 6, 5, holding(2, { floor: floor(9) }), 2, 'OLD_SIZE_DIFFERS'],
    ['is larger than a floor that we have reached', 12, 5, holding(9, { floor: floor(9) }), 9, 'OLD_SIZE_DIFFERS'],
    ['has a single record, where we hold no tree', 1, 1, nothing, 0, 'OLD_SIZE_DIFFERS'],
    ['has no records, where we hold no tree', 0, 1, nothing, 0, 'REQUEST_INVALID'],
  ])('waits as a suspect, with what we hold, if it %s', (_, size, oldSize, before, held, code) => {
    expect(push(before, size, oldSize)).toEqual({
      outcome: said('pending', size, { code, held }),
      effects: [{ do: 'keepSuspect', code }],
    })
  })
})

describe('a head while the floor is not reached', () => {
  const toFloor = { triedFloor: true, proofs: [proof(12, 2), proof(12, 9)] }
  const behind = (size: number, of = history): object => ({
    outcome: said('refused', size, { code: 'GUARD_BEHIND' }, of),
    effects: [{ do: 'keepSuspect', code: 'GUARD_BEHIND' }],
  })

  test.each([undefined, 'GUARD_WAITING', 'CLOCK_WRONG', 'ORIGIN_TAKEN', 'NO_WITNESS'] as const)(
    'has the floor’s own head tried first, once (obstacle: %s)',
    (obstacle) => {
      const take = (triedFloor: boolean): Step => {
        const given = input(12, { triedFloor, proofs: [proof(12, 2)] })
        return step(holding(2, { floor: floor(9) }), given, { ...calm, obstacle })
      }
      expect(take(false)).toEqual({ effects: [{ do: 'reach', note: note(9) }] })
      expect(take(true)).toEqual({ effects: [{ do: 'prove', of: history.tree(12), size: 9 }] })
    },
  )

  test.each(['STATE_DISAGREES', 'KEY_DUPLICATE'] as const)('does not even try the floor during %s', (obstacle) => {
    const before = holding(2, { floor: floor(9) })
    for (const triedFloor of [false, true])
      expect(step(before, input(12, { ...toFloor, triedFloor }), { ...calm, obstacle })).toEqual({
        outcome: said('refused', 12, { code: obstacle }),
        effects: [],
      })
  })

  test('is asked for a proof at once if the floor has no head to try', () => {
    const taken = step(holding(2, { floor: bareFloor(9) }), input(12, { proofs: [proof(12, 2)] }), calm)
    expect(taken).toEqual({ effects: [{ do: 'prove', of: history.tree(12), size: 9 }] })
  })

  test('lets us continue from the floor, with the log’s line alone and no time below the floor’s', () => {
    const ours = cosign(history.text(9), NOW - 30, testWitness).signature
    const { text, signatures } = parseNote(history.head(9))
    const cosigned = spellNote({ text, signatures: [...signatures, ours] })
    const before = holding(2, { floor: floor(9, { note: cosigned, time: NOW - 30 }) })
    expect(step(before, input(12, toFloor), calm)).toStrictEqual({
      change: { tree: history.tree(9), note: note(9), floor: undefined, signed: { key, size: 2, time: NOW - 30 } },
      effects: [],
    })
  })

  test('lets us continue from a floor without a head, and then no note is known', () => {
    expect(step(holding(2, { floor: bareFloor(9) }), input(12, toFloor), calm)).toStrictEqual({
      change: { tree: history.tree(9), note: undefined, floor: undefined },
      effects: [],
    })
  })

  test('is kept for a second look if the floor’s root cannot be read', () => {
    const before = holding(2, { floor: { ...bareFloor(9), root: 'no root' } })
    expect(step(before, input(12, toFloor), calm)).toEqual(behind(12))
  })

  test.each([
    ['has the floor’s size and another root', 9, [proof(9, 2, fork)]],
    ['is larger and does not extend it', 12, [proof(12, 2, fork), proof(12, 9, fork)]],
    ['is smaller and not extended by it', 6, [proof(6, 2, fork), proof(9, 6)]],
  ])('is kept for a second look if it %s, and there is no head of the floor to convict with', (_, size, proofs) => {
    const before = holding(2, { floor: bareFloor(9) })
    expect(step(before, input(size, { head: head(size, fork), proofs }), calm)).toEqual(behind(size, fork))
  })

  test('is merely refused if it is an older one that the floor extends', () => {
    const given = input(6, { triedFloor: true, proofs: [proof(6, 2), proof(9, 6)] })
    expect(step(holding(2, { floor: floor(9) }), given, calm)).toEqual({
      outcome: said('refused', 6, { code: 'GUARD_BEHIND' }),
      effects: [],
    })
  })
})

test.each([
  ['is processed again later', holding(5), 'gossip', [{ do: 'defer' }]],
  ['is not put off again if it is a replay', holding(5), 'replay', []],
  ['is not put off if it would be the first of its log', nothing, 'poll', []],
] as const)('while the guard waits, a head %s', (_, before, source, effects) => {
  const at = { ...calm, obstacle: 'GUARD_WAITING' as const }
  expect(step(before, input(9, { source, proofs: [proof(9, 5)] }), at)).toEqual({
    outcome: said('refused', 9, { code: 'GUARD_WAITING' }),
    effects,
  })
})

describe('a first head of an old key in an emptied home', () => {
  const shown = { ...history.tree(12), note: parseNote(history.head(12)) }
  const take = (proofs: readonly AnsweredProof[]): Step =>
    step(nothing, input(9, { source: 'poll', proofs }), { ...calm, shown })

  test('is compared with a larger head that a peer shows', () => {
    expect(take([])).toEqual({ effects: [{ do: 'prove', of: history.tree(12), size: 9 }] })
  })

  test('yields to that head, which becomes the floor, and nothing else happens', () => {
    expect(take([proof(12, 9)])).toEqual({ change: { floor: floor(12) }, effects: [] })
  })
})

describe('our newest head again', () => {
  const pushed = { source: 'push', pushed: { oldSize: 5, hashes: [] } } as const
  const known = said('known', 5)
  const rest = [{ do: 'merge' }, { do: 'resolve' }]
  const renewed = { note: note(5), origin: SUMDB_ORIGIN, signed: { key, size: 5, time: NOW } }
  const signedAgo = (seconds: number, more: Partial<LogState> = {}): LogState =>
    holding(5, { signed: { key, size: 5, time: NOW - seconds }, ...more })

  test.each([
    ['LOG_FROZEN', holding(5), { ...calm, frozen: true }],
    ['LOG_FROZEN', holding(5), { ...calm, frozen: true, obstacle: 'CLOCK_WRONG' as const }],
    ['CLOCK_WRONG', holding(5), { ...calm, obstacle: 'CLOCK_WRONG' as const }],
    ['GUARD_BEHIND', holding(5, { floor: floor(9) }), calm],
  ])('is only merged while %s prevents a signature, and one who pushes it is told', (code, before, at) => {
    expect(step(before, input(5, pushed), at)).toEqual({
      outcome: said('refused', 5, { code }),
      effects: [{ do: 'merge' }],
    })
    expect(step(before, input(5), at)).toEqual({ outcome: known, effects: rest })
  })

  test('is signed with the present time for one who pushes it, and published only if that was due', () => {
    const effects = [{ do: 'cosign' }, ...rest]
    const due = [{ do: 'cosign' }, { do: 'publish', what: 'renewal' }, ...rest]
    expect(step(signedAgo(1), input(5, pushed), calm)).toEqual({ change: renewed, outcome: known, effects })
    expect(step(signedAgo(1799), input(5, pushed), calm)).toEqual({ change: renewed, outcome: known, effects })
    expect(step(signedAgo(1800), input(5, pushed), calm)).toEqual({ change: renewed, outcome: known, effects: due })
  })

  test('is signed again for nobody in particular once that is due, and not before', () => {
    const effects = [{ do: 'cosign' }, { do: 'publish', what: 'renewal' }, ...rest]
    expect(step(signedAgo(1799), input(5), calm)).toEqual({ outcome: known, effects: rest })
    expect(step(signedAgo(1800), input(5), calm)).toEqual({ change: renewed, outcome: known, effects })
  })

  test('pushed twice within a second is answered with the cosignature at hand, and no promise is written', () => {
    const made = [cosign(history.text(5), NOW, testWitness)]
    expect(step(signedAgo(0), input(5, pushed), { ...calm, made })).toEqual({
      outcome: { ...known, own: made },
      effects: rest,
    })
  })

  test('supplies the note that a recovery could not, even within a second of the last signature', () => {
    const made = [cosign(history.text(5), NOW, testWitness)]
    expect(step(signedAgo(0, { note: undefined }), input(5), { ...calm, made })).toEqual({
      change: renewed,
      outcome: known,
      effects: [{ do: 'cosign' }, { do: 'publish', what: 'renewal' }, ...rest],
    })
  })

  test.each([
    ['by another key', signedAgo(0, { signed: { key: 'another', size: 5, time: NOW } })],
    ['at another size', signedAgo(0, { signed: { key, size: 4, time: NOW } })],
  ])('is signed for the first time if what was promised last is %s', (_, before) => {
    const { change, effects } = step(before, input(5, pushed), calm)
    expect(change?.signed).toMatchObject({ key, size: 5, time: NOW })
    expect(effects).toEqual([{ do: 'cosign' }, { do: 'publish', what: 'renewal' }, ...rest])
  })
})
