/**
 * What the pipeline made of a head, and what that means to every door. Pure: one table, so that no door has an opinion of
 * its own.
 */
import { traitsOf, type ErrorCode } from '../errors.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { Hash } from '../tlog/hash.js'

export type OutcomeKind = 'advanced' | 'known' | 'past' | 'pending' | 'refused' | 'conflict'

/** What the pipeline made of a candidate. */
export interface Outcome {
  readonly kind: OutcomeKind
  /** Whether it told us something new and its bytes are fit to be passed on as they are. */
  readonly news: boolean
  /** Whether a cosignature that we count was new to us. */
  readonly counted?: boolean
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

/** Whether what was refused with this code is no head of the log that was asked: no honest log, and no honest place, gives it out. */
export function isNoHead(code: ErrorCode | undefined): boolean {
  return code !== undefined && traitsOf(code).fault === 'head'
}

/** Whether it is news that only the log can have made, or a witness that we count: whoever brings it has earned something. */
export function isDelivery({ kind, news, counted }: Outcome): boolean {
  return news && (kind === 'advanced' || kind === 'conflict' || counted === true)
}

export type GossipVerdict = 'accept' | 'ignore' | 'reject'

export interface DoorAnswer {
  /** Status of POST /add-checkpoint. */
  readonly status: number
  readonly gossip: GossipVerdict
  /** Exit code of the command line. */
  readonly exit: 0 | 1 | 2 | 3 | 4
}

/** The answer of every door to an outcome; where that has a code, by the traits of the code. */
export function answerTo(outcome: Outcome): DoorAnswer {
  const ifNews = outcome.news ? 'accept' : 'ignore'
  const { status, exit, gossip, retryable } = traitsOf(outcome.code ?? 'INTERNAL')
  switch (outcome.kind) {
    // [ACCEPT] what tells us something new: a larger head, or a cosignature that we did not have. [IGNORE] the rest.
    case 'advanced':
    case 'known':
      return { status: 200, gossip: ifNews, exit: 0 }
    // [ACCEPT] with a cosignature that we did not have; [IGNORE] otherwise.
    case 'past':
      return { status: 409, gossip: ifNews, exit: 0 }
    case 'pending':
      // [ACCEPT] a suspect that is new to us: others may be able to prove it. [IGNORE] one that we have.
      // Whose fault it is that the head cannot be proven yet is not for who pushed it, unless its own proof failed.
      return { status: retryable || outcome.code === undefined ? 503 : status, gossip: ifNews, exit: 4 }
    case 'refused':
      // [REJECT] bytes that no honest node can have passed on; [IGNORE] the rest: src/errors/ says which, code by code.
      return { status, gossip, exit }
    case 'conflict':
      // [ACCEPT] The most precious message there is: it travels, and nobody is ever punished for bringing it. [IGNORE] when we have it.
      return { status: 422, gossip: ifNews, exit: 3 }
  }
}

/**
 * What gossip does with the message that brought this outcome. A line that is not by the witness it names is made up, or is by
 * another key of the same name and key id (of 32 bits, so they collide), and then its relay is honest. So such lines are
 * overlooked while they are `tolerated`, and always beside a conflict.
 */
export function gossipVerdict(outcome: Outcome, tolerated = (): boolean => false): GossipVerdict {
  const isForged = outcome.forged === true && outcome.kind !== 'conflict'
  // [REJECT] more forged lines than an honest relay of a colliding key id would bring.
  return isForged && !tolerated() ? 'reject' : answerTo(outcome).gossip
}
