/** The scenarios, as data: what the log does, and what adversaries and the network do to the nodes. */
import type { AdversaryKind } from './adversaries.js'

export interface Scenario {
  readonly about: string
  /** Heads that the log publishes, and the seconds between them. */
  readonly heads: number
  readonly headSeconds: number
  /** Which nodes the log then shows another history; none if absent. */
  readonly split?: 'victim' | 'region' | 'time'
  /** The fraction of nodes that follow no rules, unless overridden, and their kinds, assigned in turn. */
  readonly byzantine?: number
  readonly kinds?: readonly AdversaryKind[]
  /** Seconds for which the adversaries have already been in the meshes when the simulation begins. */
  readonly agedSeconds?: number
  /** Seconds after the split for which the cities of the east cannot reach the others. */
  readonly partitionSeconds?: number
  /** Seconds for which the others know the log's true continuation before another history is shown; none if absent. */
  readonly truthSeconds?: number
  /** The fraction of nodes that leave in a minute, each replaced by a new one. */
  readonly churn?: number
  /** Seconds of simulation after the last head, or after the split. */
  readonly tailSeconds: number
  /** Peers are scored as before they earned points for news (mesh/rules.ts). */
  readonly scores?: 'earlier'
  /** Deviations: witnesses of the policy, and how many make a quorum; seconds between polls; a single city. */
  readonly policy?: { readonly witnesses: number; readonly need: number }
  readonly pollSeconds?: number
  readonly isLocal?: boolean
  /** Nodes are started one after the other, and each dials those already there. If absent, all know all. */
  readonly inTurn?: boolean
}

const EVERY_KIND: readonly AdversaryKind[] = ['silent', 'silent', 'liar', 'eclipser', 'spammer']
/** A few heads before the lie, so that there is a history to lie about. */
const LIAR = { heads: 3, headSeconds: 10, tailSeconds: 30 } as const

const FILLED = 'a third of all have been in the meshes for an hour and pass nothing on'
const FILLERS = {
  ...({ split: 'victim', heads: 24, headSeconds: 5, tailSeconds: 30 } as const),
  ...({ byzantine: 0.33, kinds: ['silent'], agedSeconds: 3_600 } as const),
}

export const SCENARIOS = {
  calm: { about: 'an honest log that moves every ten seconds', heads: 5, headSeconds: 10, tailSeconds: 20 },
  second: { about: 'an honest log that moves every second', heads: 30, headSeconds: 1, tailSeconds: 20 },
  minute: { about: 'an honest log that moves every minute', heads: 3, headSeconds: 60, tailSeconds: 60 },
  victim: { about: 'one node is shown another history', split: 'victim', ...LIAR },
  region: { about: 'the nodes of Osaka, Sydney and Tokyo are shown another history', split: 'region', ...LIAR },
  time: { about: 'from one moment on everybody is shown another history', split: 'time', ...LIAR },
  byzantine: {
    about: 'one node is shown another history, and a third of all are silent, lie, surround it or spam',
    ...{ split: 'victim', ...LIAR, byzantine: 0.33, kinds: EVERY_KIND },
  },
  fillers: { about: `one node is shown another history, and ${FILLED}`, ...FILLERS },
  'paid-for-time': {
    about: 'the same, with peers scored as they were when time in the mesh was paid for',
    ...FILLERS,
    scores: 'earlier',
  },
  partition: {
    about: 'the east is cut off for half a minute, and shown another history meanwhile',
    ...{ split: 'region', ...LIAR, partitionSeconds: 30, tailSeconds: 100 },
  },
  churn: {
    about: 'one node is shown another history, while a fifth of all leave in a minute and others come',
    ...{ split: 'victim', ...LIAR, churn: 0.2 },
  },
  bench: {
    about:
      'what scripts/simulate/real.ts does with real processes: ten witnesses, polls a second apart, one machine, and a lie',
    ...{
      ...({ heads: 8, headSeconds: 10, split: 'victim', truthSeconds: 10, tailSeconds: 10 } as const),
      policy: { witnesses: 10, need: 7 },
      pollSeconds: 1,
      isLocal: true,
      inTurn: true,
    },
  },
} as const satisfies Readonly<Record<string, Scenario>>

export type ScenarioName = keyof typeof SCENARIOS
