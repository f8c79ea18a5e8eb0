/** What the pipeline made of a head, and what that means at every door: one table for all of them. Pure. */
import { traitsOf, type ErrorCode } from '../errors.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { Hash } from '../tlog/hash.js'

export type OutcomeKind = 'advanced' | 'known' | 'past' | 'pending' | 'refused' | 'conflict'

/** What the pipeline made of a candidate. */
export interface Outcome {
  readonly kind: OutcomeKind
  /** Whether it told us something new and its bytes may be passed on as they are. */
  readonly news: boolean
  /** Whether a cosignature that we count was new to us. */
  readonly counted?: boolean
  /** Log id, when a configured log signed it. */
  readonly log?: string
  readonly size?: number
  readonly root?: Hash
  /** The reason, if refused or pending. */
  readonly code?: ErrorCode
  /** Evidence id, for a conflict. */
  readonly evidence?: string
  /** Whether one of its lines falsely claims to be by a witness that we know. */
  readonly forged?: boolean
  /** Our cosignatures, if the head was pushed and is the newest. What they say is on disk. */
  readonly own?: readonly Cosignature[]
  /** The size that we hold, if the sender was wrong about it. */
  readonly held?: number
}

/**
 * Whether what was refused with this code is not a head of the requested log: no honest log, and no honest place,
 * serves it.
 */
export function isNoHead(code: ErrorCode | undefined): boolean {
  return code !== undefined && traitsOf(code).fault === 'head'
}

/**
 * Whether it is news that only the log, or a witness that we count, can have made: the peer that brings it has earned
 * credit.
 */
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

/** The answer of every door to an outcome; if the outcome has a code, by the traits of the code. */
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
      // [ACCEPT] a suspect that is new to us: others may be able to prove it. [IGNORE] one that we have. The sender of
      // a push is not blamed for a head that cannot be proven yet, unless its own proof failed.
      return { status: retryable || outcome.code === undefined ? 503 : status, gossip: ifNews, exit: 4 }
    case 'refused':
      // [REJECT] bytes that no honest node can have passed on; [IGNORE] the rest: src/errors/ says which, code by code.
      return { status, gossip, exit }
    case 'conflict':
      // [ACCEPT] when it is new to us: it matters most, and no peer is ever punished for bringing it. [IGNORE] otherwise.
      return { status: 422, gossip: ifNews, exit: 3 }
  }
}

/**
 * What gossip does with the message that brought this outcome. A line that is not by the witness it names is forged, or
 * is by another key with the same name and key id (32 bits, so they collide), in which case its relay is honest. So
 * such lines are ignored while they are `tolerated`, and always in a conflict.
 */
export function gossipVerdict(outcome: Outcome, tolerated = (): boolean => false): GossipVerdict {
  const isForged = outcome.forged === true && outcome.kind !== 'conflict'
  // [REJECT] more forged lines than an honest relay of a colliding key id would bring.
  return isForged && !tolerated() ? 'reject' : answerTo(outcome).gossip
}
