/** Why nothing of an origin may be signed: what is wrong with one of its logs is in the way of all of them. */
import { describe, expect, test } from 'vitest'
import { GossumError, type ErrorCode } from '../../src/errors.js'
import { NOTHING, type LogState } from '../../src/store/log-state.js'
import { obstacleOfOrigin, type OriginParts } from '../../src/witness/origin.js'
import { testWitness } from '../helpers/heart.js'
import { floorAt, holding } from '../helpers/step-inputs.js'

const ORIGIN = 'shared.example'
const logs = [
  { id: 'another', origin: 'other.example' },
  { id: 'one', origin: ORIGIN },
  { id: 'two', origin: ORIGIN },
]

/** What is wrong, by log id. */
interface Wrong {
  readonly barrier?: ErrorCode
  readonly disputed?: string
  readonly frozen?: string
  readonly states?: Readonly<Record<string, LogState>>
  readonly unavailable?: ErrorCode
}

function obstacle({ barrier, disputed, frozen, states = {}, unavailable }: Wrong): ErrorCode | undefined {
  const heads = {
    get: (log: string) => states[log] ?? NOTHING,
    disagreement: (log: string) => (log === disputed ? 'two states' : undefined),
  }
  return obstacleOfOrigin(ORIGIN, {
    logs,
    store: { heads } as unknown as OriginParts['store'],
    signer: unavailable === undefined ? testWitness : { ...testWitness, unavailable: new GossumError(unavailable) },
    isHeld: (log) => log === frozen,
    barrier: () => barrier,
  })
}

const behind = holding(5, { floor: floorAt(9) })

describe('nothing of an origin is signed', () => {
  test.each<[string, Wrong, ErrorCode]>([
    ['nothing at all may be signed', { barrier: 'CLOCK_WRONG' }, 'CLOCK_WRONG'],
    ['the state of one of its logs is disputed', { disputed: 'two' }, 'STATE_DISAGREES'],
    ['one of its logs is frozen', { frozen: 'two' }, 'LOG_FROZEN'],
    ['a larger head of one of its logs was signed', { states: { two: behind } }, 'GUARD_BEHIND'],
    ['the key is unavailable', { unavailable: 'AGENT_UNAVAILABLE' }, 'AGENT_UNAVAILABLE'],
  ])('while %s', (_why, wrong, code) => {
    expect(obstacle(wrong)).toBe(code)
  })

  test('for the first reason of several: what holds for all, the logs in their order, the key', () => {
    const wrong = { disputed: 'one', frozen: 'one', states: { one: behind }, unavailable: 'AGENT_UNAVAILABLE' } as const
    expect(obstacle({ ...wrong, barrier: 'CLOCK_WRONG' })).toBe('CLOCK_WRONG')
    expect(obstacle(wrong)).toBe('STATE_DISAGREES')
    expect(obstacle({ ...wrong, disputed: 'two' })).toBe('LOG_FROZEN')
    expect(obstacle({ ...wrong, disputed: 'two', frozen: 'two' })).toBe('GUARD_BEHIND')
    expect(obstacle({ frozen: 'two', unavailable: 'AGENT_UNAVAILABLE' })).toBe('LOG_FROZEN')
  })
})

describe('an origin is signed', () => {
  test.each<[string, Wrong]>([
    ['when nothing is wrong', {}],
    ['when its logs have reached what was signed', { states: { one: holding(9, { floor: floorAt(9) }) } }],
    [
      'whatever is wrong with a log of another',
      { disputed: 'another', frozen: 'another', states: { another: behind } },
    ],
  ])('%s', (_when, wrong) => {
    expect(obstacle(wrong)).toBeUndefined()
  })
})
