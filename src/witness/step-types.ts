/**
 * What a step takes and gives (step.ts): what happened to a log, the circumstances, and the change, outcome and effects
 * that follow. Plain data. Pure.
 */
import type { Evidence } from '../evidence/evidence.js'
import type { ErrorCode } from '../errors.js'
import type { Change, FirstUse, Signed } from '../store/heads.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { Tree } from '../tlog/merkle.js'
import type { ProvenHead } from './cosigned-head.js'
import type { Proof, PushedProof } from './decide.js'
import type { SizedHead } from './head.js'
import type { Outcome } from './outcome.js'
import type { HeadSource } from './source.js'

/** A proof that a step asked for, and what became of it. */
export interface AnsweredProof {
  readonly of: Tree
  readonly size: number
  readonly answer: Proof
}

/** A head came in. */
export interface HeadInput {
  readonly kind: 'head'
  readonly head: SizedHead
  readonly source: HeadSource
  /** The proof that it was pushed with. */
  readonly pushed?: PushedProof | undefined
  /** The newest cosignature by one of our keys that it carries. */
  readonly own?: Cosignature | undefined
  /** What the steps before asked for. */
  readonly proofs: readonly AnsweredProof[]
  /** The floor was tried for this head: it is asked for once. */
  readonly triedFloor: boolean
}

/** A head that our key is known to have cosigned, or promised to, by what a peer remembers. */
export interface Mark extends Tree {
  /** The head, as a note with the log's line. */
  readonly note: string
  /** What the cosignature says, or would have said, in POSIX seconds. */
  readonly time: number
  /** The verifier key of our auditor, when that made it; absent for the keys that witness. */
  readonly by?: string
}

export type Input =
  | HeadInput
  /** Marks were told or seen: they are taken up before anything is proven. */
  | { readonly kind: 'marks'; readonly marks: readonly Mark[] }
  /** The change of an earlier step is on disk, and the cosignature that it promises could not be made or deposited. */
  | { readonly kind: 'unsigned'; readonly head: SizedHead; readonly code: ErrorCode }

/** What a step has to know beside the state of the log. */
export interface Circumstances {
  /** POSIX seconds. */
  readonly now: number
  /** The keys that cosign this log, as a promise names them: the vkey of the first, name and key id of the second. */
  readonly keys: Pick<Signed, 'key' | 'second'>
  /** What stands in the way of every signature of this log. */
  readonly obstacle?: ErrorCode | undefined
  /** Whether the log was proven to misbehave and its operator has not said otherwise. */
  readonly frozen: boolean
  /** The head of the same size that was proven before. */
  readonly kept?: ProvenHead | undefined
  /** Whether this very text was proven to be past. */
  readonly isPast: boolean
  /** The largest head that a chosen peer has shown of a log that we hold nothing of. */
  readonly shown?: ProvenHead | undefined
  /**
   * For an observer, which sees no log itself: whether the cosignatures known of a head that may become the first of its log
   * satisfy the policy. Undefined for a witness, which looks for itself.
   */
  readonly isVouched?: boolean | undefined
  /** Our cosignatures of the newest head, as they are held. */
  readonly made: readonly Cosignature[]
  /** Whether the newest head was promised a cosignature that could not be made yet. */
  readonly isOwed: boolean
}

export type Effect =
  /** Show the root of the first `size` records of a tree; the answer is an input. */
  | { readonly do: 'prove'; readonly of: Tree; readonly size: number }
  /** Go on to the floor first, by its head. */
  | { readonly do: 'reach'; readonly note: string }
  /** Deposit the promise on disk, make the cosignatures that it speaks of, and keep the cosigned head. */
  | { readonly do: 'cosign' }
  /** Keep the head with the cosignatures of others. */
  | { readonly do: 'keep' }
  | { readonly do: 'publish'; readonly what: 'advance' | 'renewal' | 'frozen' }
  /** Add the cosignatures that came with it to a head of our history. */
  | { readonly do: 'merge' }
  | { readonly do: 'keepSuspect'; readonly code: ErrorCode }
  /** It is a lie that no file of evidence holds: freeze the log for the suspect that is kept, and tell people at once. */
  | { readonly do: 'freezeForSuspect' }
  /** It is no suspect any more. */
  | { readonly do: 'resolve' }
  | { readonly do: 'raise'; readonly evidence: Evidence }
  /** Look who cosigned this head, and another that contradicts it. */
  | { readonly do: 'compareWitnesses'; readonly as: 'truth' | 'lie' }
  | { readonly do: 'notePast' }
  /** Take it up again once something may be signed. */
  | { readonly do: 'defer' }
  /** Judge it by itself, without the proof that does not hold and without keeping its sender waiting. */
  | { readonly do: 'judgeUnproven' }
  | { readonly do: 'tellFirstUse'; readonly first: FirstUse }
  /** Our key signed what this home does not know. */
  | { readonly do: 'tellUnknown'; readonly time: number }

export interface Step {
  /** Durable before anything else happens; the step counts only if the state still is the one that it saw. */
  readonly change?: Change
  /** Without what only the effects can tell: whether it was news, the evidence, our cosignatures. */
  readonly outcome?: Omit<Outcome, 'news'>
  readonly effects: readonly Effect[]
}
