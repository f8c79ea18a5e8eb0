/** The events of the model, as fast-check generates them. */
import fc from 'fast-check'
import type { HeadSource } from '../../src/witness/source.js'
import { MANNERS, type Manner } from './depositary.js'
import type { DiskFault } from './home.js'
import { HISTORY_COUNT, LARGEST, SPELLINGS, type Spelling } from './log.js'

/** A head as it is submitted. */
export interface Brought {
  readonly source: Exclude<HeadSource, 'replay'>
  /** The number after the last one means the history that the node follows. */
  readonly history: number
  /** Relative to the node's own tree if `isNext`, otherwise absolute. */
  readonly size: number
  readonly isNext: boolean
  readonly spelling: Spelling
  /** With the line of the witness, if it has signed this head. */
  readonly withOwn: boolean
  readonly peer: number
  /** For a push. */
  readonly oldSize: 'right' | 'wrong'
  readonly proof: 'right' | 'wrong' | 'none'
}

export type Event =
  | { readonly do: 'bring'; readonly heads: readonly Brought[] }
  | { readonly do: 'bring what is impossible' | 'acknowledge' | 'retry' | 'back up' | 'empty the home' }
  | { readonly do: 'show'; readonly histories: readonly number[] }
  | { readonly do: 'set the clock'; readonly seconds: number }
  | { readonly do: 'wait'; readonly seconds: number }
  | { readonly do: 'disk'; readonly fault: DiskFault }
  | { readonly do: 'peer'; readonly peer: number; readonly manner: Manner; readonly isConnected: boolean }
  | { readonly do: 'peer loses'; readonly peer: number; readonly how: 'crash' | 'all' }
  | { readonly do: 'restart'; readonly recover: boolean }
  | {
      readonly do: 'restore'
      readonly copy: number
      readonly what: 'home' | 'journal' | 'database'
      readonly recover: boolean
    }

/** An event, its random seed, the number of crash points until it ends in a crash, and the next start. */
export type Act = Event & { readonly seed: number; readonly crashes: readonly number[] }

const ALL = [...Array(HISTORY_COUNT).keys()]

export const brought: fc.Arbitrary<Brought> = fc.record({
  source: fc.constantFrom('poll', 'poll', 'lookup', 'push', 'push', 'submit', 'gossip', 'sync'),
  history: fc.oneof(
    { weight: 9, arbitrary: fc.constant(HISTORY_COUNT) },
    { weight: 1, arbitrary: fc.nat(HISTORY_COUNT - 1) },
  ),
  size: fc.oneof({ weight: 6, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(LARGEST) }),
  isNext: fc.constantFrom(true, true, true, false),
  spelling: fc.oneof(
    { weight: 8, arbitrary: fc.constant<Spelling>('canonical') },
    { weight: 1, arbitrary: fc.constantFrom(...SPELLINGS) },
  ),
  withOwn: fc.boolean(),
  peer: fc.nat(3),
  oldSize: fc.constantFrom('right', 'right', 'right', 'wrong'),
  proof: fc.constantFrom('right', 'right', 'right', 'wrong', 'none'),
})

const faults: readonly DiskFault[] = [
  'none',
  'none',
  'journal full',
  'journal torn',
  'journal unsynced',
  'database full',
]

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({
      do: fc.constant('bring' as const),
      heads: fc.array(brought, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('acknowledge', 'acknowledge', 'acknowledge', 'back up', 'retry'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('bring what is impossible', 'empty the home') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('show' as const),
      histories: fc.oneof(fc.constant(ALL), fc.subarray(ALL)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('set the clock' as const),
      seconds: fc.oneof(fc.integer({ min: -5000, max: 5000 }), fc.integer({ min: -90, max: 90 }), fc.constant(3e8)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.integer({ min: 1, max: 70 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('disk' as const), fault: fc.constantFrom(...faults) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('peer' as const),
      peer: fc.nat(3),
      manner: fc.oneof({ weight: 6, arbitrary: fc.constant<Manner>('honest') }, fc.constantFrom(...MANNERS)),
      isConnected: fc.constantFrom(true, true, true, false),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('peer loses' as const),
      peer: fc.nat(3),
      how: fc.constantFrom('crash', 'crash', 'all'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('restart' as const), recover: fc.boolean() }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('restore' as const),
      copy: fc.nat(20),
      what: fc.constantFrom('home', 'home', 'journal', 'database'),
      recover: fc.boolean(),
    }),
  },
)

/** The number of crash points until the crashes, in this life and in those that follow. */
export const crashes = fc.oneof(
  { weight: 2, arbitrary: fc.constant<readonly number[]>([]) },
  {
    weight: 2,
    arbitrary: fc.array(fc.oneof(fc.nat(5), fc.nat(30)), { minLength: 1, maxLength: 5, size: 'max' }),
  },
)

export const act: fc.Arbitrary<Act> = fc
  .tuple(event, fc.nat(), crashes)
  .map(([what, seed, its]) => ({ ...what, seed, crashes: its }))
