/**
 * The input and output of a step (step.ts): what happened to a log, the circumstances, and the change, outcome and
 * effects that follow. Plain data. Pure.
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

/** A proof that a step asked for, and its result. */
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
  /** The proof that came with a push. */
  readonly pushed?: PushedProof | undefined
  /** The newest cosignature by one of our keys that it carries. */
  readonly own?: Cosignature | undefined
  /** The proofs that earlier steps asked for. */
  readonly proofs: readonly AnsweredProof[]
  /** Whether the floor was already tried for this head: it is asked for once. */
  readonly triedFloor: boolean
}

/** A head that our key has cosigned, or promised to cosign, according to what a peer remembers. */
export interface Mark extends Tree {
  /** The head, as a note with the log's line. */
  readonly note: string
  /** The time of the cosignature, made or promised, in POSIX seconds. */
  readonly time: number
  /** The verifier key of our auditor, if that made it; absent for the witness keys. */
  readonly by?: string
}

export type Input =
  | HeadInput
  /** Marks were received or seen: they are applied before anything is proven. */
  | { readonly kind: 'marks'; readonly marks: readonly Mark[] }
  /** The change of an earlier step is on disk, but the cosignature that it promises could not be made or deposited. */
  | { readonly kind: 'unsigned'; readonly head: SizedHead; readonly code: ErrorCode }

/** What a step depends on besides the state of the log. */
export interface Circumstances {
  /** POSIX seconds. */
  readonly now: number
  /** The keys that cosign this log, as a promise names them: the vkey of the first, name and key id of the second. */
  readonly keys: Pick<Signed, 'key' | 'second'>
  /** What prevents every signature for this log. */
  readonly obstacle?: ErrorCode | undefined
  /** Whether the log was proven to misbehave and its operator has not acknowledged it. */
  readonly frozen: boolean
  /** The head of the same size that was proven before. */
  readonly kept?: ProvenHead | undefined
  /** Whether exactly this text was proven to be an older head of our history. */
  readonly isPast: boolean
  /** The largest head that a chosen peer has shown of a log of which we hold nothing. */
  readonly shown?: ProvenHead | undefined
  /**
   * For an observer, which does not poll the log: whether the cosignatures known of a head that may become the first of
   * its log satisfy the policy. Undefined for a witness, which polls the log itself.
   */
  readonly isVouched?: boolean | undefined
  /** Our cosignatures of the newest head, as they are held. */
  readonly made: readonly Cosignature[]
  /** Whether a cosignature promised for the newest head could not be made yet. */
  readonly isOwed: boolean
}

export type Effect =
  /** Get the root of the first `size` records of a tree, with its proof; the answer is an input. */
  | { readonly do: 'prove'; readonly of: Tree; readonly size: number }
  /** Advance to the floor first, using its head. */
  | { readonly do: 'reach'; readonly note: string }
  /** Deposit the promise on disk, make the cosignatures that it promises, and keep the cosigned head. */
  | { readonly do: 'cosign' }
  /** Keep the head with the cosignatures of others. */
  | { readonly do: 'keep' }
  | { readonly do: 'publish'; readonly what: 'advance' | 'renewal' | 'frozen' }
  /** Add the cosignatures that came with a head of our history. */
  | { readonly do: 'merge' }
  | { readonly do: 'keepSuspect'; readonly code: ErrorCode }
  /**
   * It proves misbehaviour, but is too large for an evidence file: freeze the log because of the kept suspect, and
   * alert people at once.
   */
  | { readonly do: 'freezeForSuspect' }
  /** It is no longer a suspect. */
  | { readonly do: 'resolve' }
  | { readonly do: 'raise'; readonly evidence: Evidence }
  /** Look for witnesses that cosigned both this head and another that contradicts it. */
  | { readonly do: 'compareWitnesses'; readonly as: 'truth' | 'lie' }
  | { readonly do: 'notePast' }
  /** Process it again once something may be signed. */
  | { readonly do: 'defer' }
  /** Judge it again without the proof that does not verify, with nobody waiting for the result. */
  | { readonly do: 'judgeUnproven' }
  | { readonly do: 'tellFirstUse'; readonly first: FirstUse }
  /** Our key signed something that this home does not know. */
  | { readonly do: 'tellUnknown'; readonly time: number }

export interface Step {
  /** Made durable before anything else happens; the step counts only if the state is still the one that it saw. */
  readonly change?: Change
  /** Without what only the effects can tell: whether it was news, the evidence, our cosignatures. */
  readonly outcome?: Omit<Outcome, 'news'>
  readonly effects: readonly Effect[]
}
