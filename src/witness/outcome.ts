/**
 * What the pipeline made of a head, and what that means to every door. Pure: one table, so that no door has an opinion of
 * its own.
 */
import type { ErrorCode } from '../errors.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { Hash } from '../tlog/hash.js'

export type OutcomeKind = 'advanced' | 'known' | 'past' | 'pending' | 'refused' | 'conflict'

/** What the pipeline made of a candidate. */
export interface Outcome {
  readonly kind: OutcomeKind
  /** Whether it told us something new and its bytes are fit to be passed on as they are. */
  readonly news: boolean
  /** Log id, when a configured log signed it. */
  readonly log?: string
  readonly size?: number
  readonly root?: Hash
  /** Why, for refused and pending. */
  readonly code?: ErrorCode
  /** Evidence id, for conflict. */
  readonly evidence?: string
  /** A line of it claims to be by a witness that we know and is not. */
  readonly forged?: boolean
  /** Our cosignature, for a head that was pushed and is the newest: what it says is on disk. */
  readonly own?: readonly Cosignature[]
  /** For a head whose sender was wrong about it: the size that we hold. */
  readonly held?: number
}

/** Codes of what is no head of the log that was asked: no honest log, and no honest place, gives it out. */
const NO_HEAD: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'NOTE_MALFORMED',
  'NOTE_TOO_LARGE',
  'SIGNATURE_MISSING',
  'SIGNATURE_INVALID',
  'CHECKPOINT_MALFORMED',
  'ORIGIN_MISMATCH',
])

/** Whether what was refused with this code is no head of the log that was asked. */
export function isNoHead(code: ErrorCode | undefined): boolean {
  return code !== undefined && NO_HEAD.has(code)
}

export type GossipVerdict = 'accept' | 'ignore' | 'reject'

export interface DoorAnswer {
  /** Status of POST /add-checkpoint. */
  readonly status: number
  readonly gossip: GossipVerdict
  /** Exit code of the command line. */
  readonly exit: 0 | 2 | 3 | 4
}

/** The answer of every door to an outcome. */
export function answerTo(outcome: Outcome): DoorAnswer {
  const ifNews = outcome.news ? 'accept' : 'ignore'
  switch (outcome.kind) {
    case 'advanced':
    case 'known':
      return { status: 200, gossip: ifNews, exit: 0 }
    case 'past':
      return { status: 409, gossip: ifNews, exit: 0 }
    case 'pending':
      return { status: PUSH_STATUS[outcome.code ?? 'INTERNAL'] ?? 503, gossip: ifNews, exit: 4 }
    case 'refused':
      return refusal(outcome.code ?? 'INTERNAL')
    case 'conflict':
      // The most precious message there is: it travels, and whoever brought it is never punished.
      return { status: 422, gossip: ifNews, exit: 3 }
  }
}

/** Statuses of what was pushed and does not do, which asking again later would not change. */
const PUSH_STATUS: Readonly<Partial<Record<ErrorCode, number>>> = {
  NOT_CANONICAL: 400,
  REQUEST_INVALID: 400,
  OLD_SIZE_DIFFERS: 409,
  PROOF_INVALID: 422,
  SIZE_IMPOSSIBLE: 422,
}

/** Reject, which costs the sender its standing, is only for bytes that no honest node can have passed on. */
function refusal(code: ErrorCode): DoorAnswer {
  switch (code) {
    case 'LOG_UNKNOWN':
      return { status: 404, gossip: 'ignore', exit: 2 }
    case 'SIGNATURE_MISSING':
    case 'SIGNATURE_INVALID':
      return { status: 403, gossip: 'reject', exit: 2 }
    case 'NOTE_MALFORMED':
    case 'NOTE_TOO_LARGE':
      return { status: 400, gossip: 'reject', exit: 2 }
    case 'LOG_BUDGET':
      return { status: 429, gossip: 'ignore', exit: 4 }
    case 'LOG_FROZEN':
      return { status: 503, gossip: 'ignore', exit: 3 }
    case 'GUARD_WAITING':
    case 'GUARD_BEHIND':
    case 'KEY_DUPLICATE':
    case 'DEPOSIT_WAITING':
    case 'CLOCK_WRONG':
    case 'ORIGIN_TAKEN':
    case 'AGENT_UNAVAILABLE':
      return { status: 503, gossip: 'ignore', exit: 4 }
    case 'CHECKPOINT_MALFORMED':
    case 'ORIGIN_MISMATCH':
      // The log itself signed these: not the messenger's doing.
      return { status: 400, gossip: 'ignore', exit: 2 }
    case 'NOT_CANONICAL':
    case 'REQUEST_INVALID':
    case 'OLD_SIZE_DIFFERS':
    case 'PROOF_INVALID':
      // Only of heads that were pushed with a proof: the head itself is judged by itself.
      return { status: PUSH_STATUS[code] ?? 500, gossip: 'ignore', exit: 2 }
    default:
      return { status: 500, gossip: 'ignore', exit: 2 }
  }
}

/**
 * What gossip does with the message that brought this outcome. A line that is not by the witness it names is made up, or is
 * by another key of the same name and key id, which has 32 bits: who relays that is honest. So it is overlooked as long as
 * it is `tolerated`; but with a conflict, anything is welcome.
 */
export function gossipVerdict(outcome: Outcome, tolerated = (): boolean => false): GossipVerdict {
  const isForged = outcome.forged === true && outcome.kind !== 'conflict'
  return isForged && !tolerated() ? 'reject' : answerTo(outcome).gossip
}
