/** The names of all that can be wrong with a node, and how grave each is. Pure. */

/** What follows from a condition: whether the node is ready all the same, and what `gossum status` exits with. */
export const SEVERITIES = {
  /** Somebody is proven to lie, and people have to look. */
  misbehaviour: { ready: false, exit: 3 },
  /** Cosignatures do not come out, or not for long, or may contradict others. */
  failing: { ready: false, exit: 4 },
  /** Something is not as it should be, and the node does its work. */
  doubtful: { ready: true, exit: 4 },
  /** Worth knowing; how somebody chose to run a node. */
  notice: { ready: true, exit: 0 },
} as const

export type Severity = keyof typeof SEVERITIES

/** All conditions there are; docs/operating.md says what they mean and what to do. */
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
  /** What is so, and how people call the log that it is about. */
  readonly text: string
}

/** The condition of this name, of a log or of the node. */
export function condition(name: ConditionName, text: string, log: string | null = null): Condition {
  return { name, severity: CONDITIONS[name], log, text }
}
