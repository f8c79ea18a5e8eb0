/** What a step depends on besides the state of its log, as it is gathered for a head, and for anything else. */
import { describe, expect, test } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import { NOTHING, type LogState } from '../../src/store/log-state.js'
import { cosign } from '../../src/tlog/cosignature.js'
import { parseNote } from '../../src/tlog/note.js'
import { Gatherer, type Barrier, type GathererOptions } from '../../src/witness/circumstances.js'
import type { CosignedHead, ProvenHead } from '../../src/witness/cosigned-head.js'
import { Deferred } from '../../src/witness/deferred.js'
import { Signing } from '../../src/witness/signing.js'
import type { Circumstances } from '../../src/witness/step-types.js'
import type { Suspect } from '../../src/witness/suspects.js'
import { VerdictCache } from '../../src/witness/verdict-cache.js'
import { testWitness } from '../helpers/heart.js'
import { calm, floorAt, headOf, history, holding, log, NOW } from '../helpers/step-inputs.js'

/** A suspect by its size and the peer that brought it; null for a size that no tree can have. */
type Shown = readonly [size: number | null, peer: string | undefined]

interface Given extends Partial<Pick<GathererOptions, 'isVouched'>> {
  readonly state?: LogState
  readonly current?: CosignedHead
  /** The sizes whose heads were proven to be past before. */
  readonly past?: readonly number[]
  readonly shown?: readonly Shown[]
  readonly barrier?: Partial<Barrier>
  readonly disagreement?: string
  readonly unavailable?: ErrorCode
}

const provenHead = (size: number): ProvenHead => ({ ...history.tree(size), note: parseNote(history.head(size)) })

/** A gatherer over a home that still keeps the head of every size. */
function gatherer({ barrier, isVouched, ...given }: Given): { gather: Gatherer; deferred: Deferred } {
  const state = given.state ?? NOTHING
  const kept = {
    store: { heads: { get: () => state, disagreement: () => given.disagreement } },
    cosigned: {
      current: () => given.current,
      at: (_log: string, size: number) => Promise.resolve(provenHead(size)),
    },
    suspects: {
      list: () => (given.shown ?? []).map(([size, peer]) => ({ size, peer })),
      headOf: ({ size }: Suspect) => (size === null ? undefined : provenHead(size)),
    },
  } as unknown as GathererOptions['kept']
  const memory = new VerdictCache()
  for (const size of given.past ?? []) memory.notePast(log.id, provenHead(size).note)
  const unavailable = given.unavailable && new GossumError(given.unavailable)
  const signing = new Signing({
    keyring: { of: () => [{ ...testWitness, unavailable }] },
    cosigned: kept.cosigned,
    deposits: undefined,
    obstacle: () => undefined,
    confirm: () => Promise.resolve(),
  })
  const deferred = new Deferred([])
  const gather = new Gatherer({
    kept,
    barrier: { obstacle: () => undefined, sawUnknown: () => undefined, ...barrier },
    memory,
    deferred,
    signing,
    isVouched,
    now: () => NOW * 1000 + 999,
  })
  return { gather, deferred }
}

/** What is gathered for the head of a size, from a peer. */
function gathered(size: number, given: Given): Promise<Circumstances> {
  return gatherer(given).gather.of(headOf(history.head(size)), given.state ?? NOTHING, 'gossip')
}

/** Our head of a size with our line. */
function cosignedHead(size: number): CosignedHead & { readonly line: ReturnType<typeof cosign> } {
  const line = cosign(history.text(size), NOW - 60, testWitness)
  return { ...provenHead(size), cosignatures: new Map([[testWitness.verifier.vkey, line]]), line }
}

describe('the circumstances of an input other than a head', () => {
  test('are the time in whole seconds, our keys and the obstacle, whatever is held of the log', () => {
    const holds = [{ id: 'e', acked: false }]
    const { gather } = gatherer({ state: holding(5, { holds }), current: cosignedHead(5), past: [5] })
    expect(gather.ofLog(log.id, 'gossip')).toEqual({ ...calm, obstacle: undefined })
  })

  test.each<[string, Given, ErrorCode]>([
    [
      'a dispute about the state',
      { disagreement: 'two states', barrier: waitingFor('CLOCK_WRONG') },
      'STATE_DISAGREES',
    ],
    ['a barrier', { barrier: waitingFor('CLOCK_WRONG'), unavailable: 'AGENT_UNAVAILABLE' }, 'CLOCK_WRONG'],
    ['a key that is unavailable', { unavailable: 'AGENT_UNAVAILABLE' }, 'AGENT_UNAVAILABLE'],
  ])('name %s as the obstacle', (_name, given, obstacle) => {
    expect(gatherer(given).gather.ofLog(log.id, 'gossip').obstacle).toBe(obstacle)
  })

  test('name the deferred heads of the log, which go first, as the obstacle for all but themselves', () => {
    const { gather, deferred } = gatherer({})
    const head = headOf(history.head(9))
    deferred.add(head, { source: 'gossip', note: history.head(9), receivedAt: NOW * 1000 })
    expect(gather.ofLog(log.id, 'gossip').obstacle).toBe('GUARD_WAITING')
    expect(gather.ofLog(log.id, 'replay').obstacle).toBeUndefined()
  })
})

describe('the head of the same size that was proven before', () => {
  test.each<[string, number, Given]>([
    ['of a log of which we hold nothing', 5, { past: [5] }],
    ['of the size that we hold', 5, { state: holding(5), past: [5] }],
    ['larger than ours', 9, { state: holding(5), past: [9] }],
  ])('is not looked for, nor is it past, for a head %s', async (_name, size, given) => {
    expect(await gathered(size, given)).toMatchObject({ kept: undefined, isPast: false })
  })

  test('is looked for when the head is older than ours', async () => {
    expect(await gathered(5, { state: holding(9) })).toMatchObject({ kept: provenHead(5), isPast: false })
  })

  test('is not needed when exactly this text was proven to be past', async () => {
    expect(await gathered(5, { state: holding(9), past: [5] })).toMatchObject({ kept: undefined, isPast: true })
  })
})

describe('whether a quorum vouches for a head', () => {
  test.each([true, false])('is asked by an observer for the first head of its log: %s', async (isVouched) => {
    expect(await gathered(5, { isVouched: () => isVouched })).toMatchObject({ isVouched })
  })

  test('does not matter once a head is held', async () => {
    const isVouched = (): boolean => true
    expect(await gathered(9, { state: holding(5), isVouched })).toMatchObject({ isVouched: false })
  })

  test('is no question for a witness', async () => {
    expect(await gathered(5, {})).not.toHaveProperty('isVouched')
  })
})

describe('what chosen peers show', () => {
  const barrier: Partial<Barrier> = { isChosen: (peer) => peer === 'chosen' }
  const orders: readonly (readonly number[])[] = [
    [5, 12, 9],
    [12, 9, 5],
    [9, 5, 12],
    [5, 9, 12],
  ]

  test.each(orders)('is the largest of their heads, when they came as %i, %i, %i', async (...sizes) => {
    const shown = sizes.map((size) => [size, 'chosen'] as const)
    expect((await gathered(5, { shown, barrier })).shown).toEqual(provenHead(12))
  })

  test.each<[string, Shown, Partial<Barrier>]>([
    ['another peer', [12, 'another'], barrier],
    ['nobody known, even if every peer is chosen', [12, undefined], { isChosen: () => true }],
    ['a chosen peer, of a size that no tree has', [null, 'chosen'], barrier],
    ['a peer of a node that has chosen none', [12, 'chosen'], {}],
  ])('is not what came from %s', async (_name, one, at) => {
    expect((await gathered(5, { shown: [one], barrier: at })).shown).toBeUndefined()
  })

  test.each<[string, Given]>([
    ['once a head of the log is held', { state: holding(5), barrier }],
    ['for keys that were made at this start', { barrier: { ...barrier, isFresh: true } }],
  ])('does not matter %s', async (_name, given) => {
    expect((await gathered(9, { ...given, shown: [[12, 'chosen']] })).shown).toBeUndefined()
  })

  test('matters for keys that are known not to be fresh', async () => {
    const given: Given = { shown: [[12, 'chosen']], barrier: { ...barrier, isFresh: false } }
    expect((await gathered(9, given)).shown).toEqual(provenHead(12))
  })
})

describe('our cosignatures of the newest head', () => {
  test('are those that are held with it', async () => {
    const current = cosignedHead(5)
    expect((await gathered(5, { state: holding(5), current })).made).toEqual([current.line])
  })

  test('are none while the head that is held is still another one', async () => {
    expect((await gathered(9, { state: holding(9), current: cosignedHead(5) })).made).toEqual([])
  })
})

describe('a log', () => {
  const convicted = holding(5, { holds: [{ id: 'e', acked: false }] })
  const acknowledged = holding(5, { holds: [{ id: 'e', acked: true }] })

  test.each<[string, boolean, Given]>([
    ['with evidence on disk', true, { state: convicted }],
    ['whose evidence could not be written to disk yet', true, { state: holding(5), barrier: { isHeld: () => true } }],
    ['whose evidence was acknowledged', false, { state: acknowledged, barrier: { isHeld: () => false } }],
    ['without evidence', false, { state: holding(5) }],
  ])('%s is frozen: %s', async (_name, frozen, given) => {
    expect((await gathered(9, given)).frozen).toBe(frozen)
    expect(gatherer(given).gather.standsInTheWay(log.id)).toBe(frozen ? 'LOG_FROZEN' : undefined)
  })

  test.each<[string, Given, ErrorCode]>([
    ['a floor that is not met', { state: holding(5, { floor: floorAt(9) }) }, 'GUARD_BEHIND'],
    ['a barrier', { state: holding(5, { floor: floorAt(9) }), barrier: waitingFor('CLOCK_WRONG') }, 'CLOCK_WRONG'],
  ])('is kept from signing what it promised by %s', (_name, given, code) => {
    expect(gatherer(given).gather.standsInTheWay(log.id)).toBe(code)
  })

  test('may sign what it promised once its floor is met', () => {
    const { gather } = gatherer({ state: holding(9, { floor: floorAt(9) }) })
    expect(gather.standsInTheWay(log.id)).toBeUndefined()
  })
})

function waitingFor(code: ErrorCode): Partial<Barrier> {
  return { obstacle: () => code }
}
