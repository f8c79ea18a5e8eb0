/** The names of everything that can be wrong with a node, and the severity of each. Pure. */

/** What follows from a condition: whether the node is still ready, and the exit code of `gossum status`. */
export const SEVERITIES = {
  /** Someone is proven to misbehave, and people have to look. */
  misbehaviour: { ready: false, exit: 3 },
  /** Cosignatures do not come out, will soon stop, or might contradict others. */
  failing: { ready: false, exit: 4 },
  /** Something is not as it should be, but the node does its work. */
  doubtful: { ready: true, exit: 4 },
  /** Worth knowing: a choice of how to run a node. */
  notice: { ready: true, exit: 0 },
} as const

export type Severity = keyof typeof SEVERITIES

/** All conditions; docs/operating.md explains them and what to do. */
export const CONDITIONS = {
  // Of one log
  frozen: 'misbehaviour',
  paused: 'failing',
  'origin taken': 'failing',
  behind: 'failing',
  unreachable: 'doubtful',
  'bad answer': 'doubtful',
  unverified: 'failing',
  suspect: 'doubtful',
  'unexplained head': 'doubtful',
  'no quorum': 'failing',
  'not cosigned': 'failing',
  'standing still': 'doubtful',
  'view behind': 'doubtful',
  'bad record': 'doubtful',
  'audit failing': 'doubtful',
  // Of the node
  'own key convicted': 'misbehaviour',
  'witness convicted': 'doubtful',
  'disk failing': 'failing',
  'evidence unwritten': 'failing',
  'guard waiting': 'failing',
  'guard unanswered': 'failing',
  'duplicate key': 'failing',
  'partly guarded': 'notice',
  undeposited: 'failing',
  'deposits impossible': 'failing',
  'nobody chosen': 'notice',
  'clock ahead': 'failing',
  'clock behind': 'failing',
  'promise ahead': 'failing',
  'clock before release': 'failing',
  'agent away': 'failing',
  'state away': 'failing',
  'bastion down': 'failing',
  'operator door shut': 'doubtful',
  'log list unread': 'doubtful',
  'unauthorised version': 'doubtful',
  'releases unread': 'doubtful',
  'alarm failing': 'doubtful',
  'publishing failing': 'doubtful',
  'few witnesses': 'doubtful',
  'one network': 'doubtful',
  'peers down': 'doubtful',
  'no peers': 'notice',
  'no policy': 'notice',
  contradicted: 'doubtful',
  'place failing': 'notice',
} as const satisfies Record<string, Severity>

export type ConditionName = keyof typeof CONDITIONS

export const CONDITION_NAMES = Object.keys(CONDITIONS) as readonly ConditionName[]

/** A condition that holds. */
export interface Condition {
  readonly name: ConditionName
  readonly severity: Severity
  /** Log id; null when it is about the node. */
  readonly log: string | null
  /** The state of affairs, with the display name of the log that it is about. */
  readonly text: string
}

/** Makes the condition of this name, for a log or for the node. */
export function condition(name: ConditionName, text: string, log: string | null = null): Condition {
  return { name, severity: CONDITIONS[name], log, text }
}
