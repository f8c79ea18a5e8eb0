/** Open ends of logs whose states, obstacles and verdicts a test decides; everything that is done is recorded. */
import { NOTHING, type LogState } from '../../src/store/log-state.js'
import { fromUtf8, utf8 } from '../../src/tlog/bytes.js'
import { SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import type { ErrorCode } from '../../src/errors.js'
import { Deferred } from '../../src/witness/deferred.js'
import type { Candidate } from '../../src/witness/head.js'
import { OpenEnds, type OpenEndsOptions } from '../../src/witness/open-ends.js'
import type { Outcome } from '../../src/witness/outcome.js'
import type { ShowPrefix } from '../../src/witness/prover.js'
import type { Judged } from '../../src/witness/runner.js'
import { Suspects } from '../../src/witness/suspects.js'
import { sumdbId, testSigner, testWitness } from './heart.js'
import { showing } from './history.js'
import { emptyTable, history, log, signer, verified } from './kept-suspects.js'

/** A second log, of which nothing is held at first. */
export const secondSigner = testSigner('second.example', 2)
export const secondLog = sumdbId(secondSigner.verifier)

/** A state that holds the head of this size. */
export function holding(size: number, more: Partial<LogState> = {}): LogState {
  return { seq: 1, tree: history.tree(size), note: fromUtf8(history.head(size))!, holds: [], ...more }
}

export interface OpenEndsWorld {
  now: number
  isShared: boolean
  obstacle: ErrorCode | undefined
  readonly states: Map<string, LogState>
  /** What another machine has written: called when the shared state is read again. */
  refresh: () => void
  judge: (candidate: Candidate) => Judged | Promise<Judged>
}

/** The outcome for a head. */
export function judged(outcome: Omit<Outcome, 'news'>, ...again: readonly Candidate[]): Judged {
  return { outcome: { news: false, ...outcome }, again }
}

/** The same head as OpenEnds judges it again. */
export function replay(note: Uint8Array | string, receivedAt: number, peer?: string, of = log): Candidate {
  const bytes = typeof note === 'string' ? utf8(note) : note
  return { source: 'replay', note: bytes, log: of, receivedAt, ...(peer !== undefined && { peer }) }
}

/** By default nothing is in the way, and every suspect stays one. The log shows its tiles unless it is `pushed`. */
export async function startOpenEnds({ pushed = false } = {}) {
  const { table } = await emptyTable()
  let suspects = await Suspects.load(table)
  const world: OpenEndsWorld = {
    now: Date.UTC(2026, 0, 1),
    isShared: false,
    obstacle: undefined,
    states: new Map(),
    refresh: () => undefined,
    judge: () => judged({ kind: 'pending', code: 'TIMEOUT' }),
  }
  /** What was done, in order. */
  const done: unknown[][] = []
  const does =
    (what: string, then: () => unknown = () => undefined) =>
    (...given: readonly unknown[]): Promise<unknown> => {
      done.push([what, ...given])
      return Promise.resolve().then(then)
    }
  const owed = new Set<string>()
  const deferred = new Deferred([])
  const stopped = new AbortController()
  const prefix: ShowPrefix = showing(history)
  const start = (): OpenEnds => {
    const heads = {
      get isShared() {
        return world.isShared
      },
      get: (id: string) => world.states.get(id) ?? NOTHING,
      hold: does('hold'),
      refresh: does('refresh', () => world.refresh()),
    }
    const options = {
      logs: new Map([
        [log, { id: log, key: signer.verifier, origin: SUMDB_ORIGIN, ...(!pushed && { prefix }) }],
        [secondLog, { id: secondLog, key: secondSigner.verifier, origin: SUMDB_ORIGIN }],
      ]),
      kept: { store: { heads }, cosigned: { load: does('load') }, suspects },
      told: {
        onOutcome: (...given: readonly unknown[]) => void done.push(['outcome', ...given]),
        onSuspectAlarm: (...given: readonly unknown[]) => void done.push(['alarm', ...given]),
        onSuspectDropped: (...given: readonly unknown[]) => void done.push(['dropped', ...given]),
      },
      tools: {
        gatherer: { obstacle: (_log: string, source: string) => (source === 'replay' ? world.obstacle : undefined) },
        signing: { owed, resume: does('resume'), redeposit: does('redeposit') },
        deferred,
      },
      runner: {
        judge: (candidate: Candidate, charged: boolean) => {
          done.push([charged ? 'judge, charged' : 'judge', candidate])
          return Promise.resolve(world.judge(candidate))
        },
      },
      now: () => world.now,
    }
    return new OpenEnds(options as unknown as OpenEndsOptions, stopped.signal)
  }
  /** Keeps a head as a suspect, brought by a peer if one is given. */
  const suspect = async (note: Uint8Array, code: ErrorCode = 'TIMEOUT', peer?: string) => {
    const candidate = { source: 'sync', note, receivedAt: world.now, ...(peer !== undefined && { peer }) } as const
    return (await suspects.keep(verified(note, testWitness), candidate, code)).suspect
  }
  return {
    ...{ world, done, owed, deferred, stopped, suspect, openEnds: start() },
    /** The suspects that are left, by size. */
    sizes: () => suspects.list(log).map(({ size }) => size),
    /** The same home after a restart. */
    restart: async () => {
      suspects = await Suspects.load(table)
      return start()
    },
  }
}
