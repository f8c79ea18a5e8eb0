/**
 * What a validly signed head means, given the tree that we hold. Pure: no I/O, no clock.
 *
 * decide() either reaches a decision or names the proof that it needs. step.ts decides what follows.
 */
import type { ErrorCode } from '../errors.js'
import { isAccepted } from '../errors/attempt.js'
import { equalBytes } from '../tlog/bytes.js'
import { EMPTY_ROOT, type Hash } from '../tlog/hash.js'
import { checkTree, type Tree } from '../tlog/merkle.js'

/** The proof that comes with a pushed head (c2sp.org/tlog-witness, add-checkpoint). */
export interface PushedProof {
  /** The size that the sender believes we hold; 0 for none, Infinity for one that no tree has. */
  readonly oldSize: number
  /** The proof (checkTree) from that size to the head: at most 63 hashes of 32 bytes. */
  readonly hashes: readonly Hash[]
}

/** What we hold of a log. */
export interface Held {
  /** The newest tree that we proved, if any. */
  readonly tree?: Tree | undefined
  /** The tree of the head's own size that we proved before, if it is still kept. */
  readonly kept?: Tree | undefined
  /** Whether the log was proven to misbehave and its operator has not acknowledged it. */
  readonly frozen: boolean
}

/** The root of the first records of a larger tree, with the proof (checkTree) that ties it to that tree. */
export interface Prefix {
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/** The result of a proof that decide() asked for. */
export type Proof = { readonly prefix: Prefix } | { readonly failed: ErrorCode }

export type Decision =
  | { readonly kind: 'advanced' | 'known' | 'past' }
  | { readonly kind: 'pending' | 'refused'; readonly code: ErrorCode }
  | { readonly kind: 'conflict'; readonly prefix?: Prefix }
  /** Undecided: return the root of the first `size` records of the tree `of`, and call again. */
  | { readonly kind: 'prove'; readonly of: Tree; readonly size: number }

/** A head, reduced to what the comparison needs. */
export interface ComparedHead extends Tree {
  /** Whether it is in the canonical form that witnesses sign. */
  readonly canonical: boolean
  /** Whether it may be the first head of its log: polled or pushed (trust on first use), or vouched for. */
  readonly mayBeFirst: boolean
}

/** Decides about a head whose log signature has verified. */
export function decide(held: Held, head: ComparedHead, proof?: Proof): Decision {
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: the root of size 0 must be the hash of the empty string (422).
  // A size of 0 says which records there are: none. Any other root convicts the log by itself.
  if (head.size === 0 && !equalBytes(head.root, EMPTY_ROOT)) return { kind: 'conflict' }

  const ours = held.tree
  if (ours === undefined) return head.mayBeFirst ? advance(held, head) : { kind: 'pending', code: 'HISTORY_MISSING' }

  // SPEC: c2sp.org/tlog-checkpoint: a log must not sign two inconsistent checkpoints.
  if (head.size === ours.size) return equalBytes(head.root, ours.root) ? { kind: 'known' } : { kind: 'conflict' }
  if (head.size === held.kept?.size)
    return equalBytes(head.root, held.kept.root) ? { kind: 'past' } : { kind: 'conflict' }

  const relation = compareTrees(head, ours, proof)
  if (relation.kind !== 'consistent') return relation
  return head.size < ours.size ? { kind: 'past' } : advance(held, head)
}

/** Whether two trees of different sizes belong to one history, as far as the proof tells. */
export function compareTrees(
  a: Tree,
  b: Tree,
  proof: Proof | undefined,
): Exclude<Decision, { kind: 'advanced' | 'known' | 'past' }> | { readonly kind: 'consistent' } {
  const [smaller, larger] = a.size < b.size ? [a, b] : [b, a]
  if (smaller.size === 0) return { kind: 'consistent' }
  if (proof === undefined) return { kind: 'prove', of: { size: larger.size, root: larger.root }, size: smaller.size }
  if ('failed' in proof) return { kind: 'pending', code: proof.failed }
  return equalBytes(proof.prefix.root, smaller.root)
    ? { kind: 'consistent' }
    : { kind: 'conflict', prefix: proof.prefix }
}

/** Decides about a pushed head whose proof is beyond objection: one larger than what we hold needs no other proof. */
export function decidePushed(held: Held, head: ComparedHead): Decision {
  const isNext = held.tree !== undefined && head.size > held.tree.size
  return isNext ? advance(held, head) : decide(held, head)
}

/** A head that may be the next one; whether we sign it is decided elsewhere. */
function advance(held: Held, head: { readonly canonical: boolean }): Decision {
  if (held.frozen) return { kind: 'refused', code: 'LOG_FROZEN' }
  // Kept as a suspect: it is consistent with our history today, but may contradict it tomorrow.
  if (!head.canonical) return { kind: 'pending', code: 'NOT_CANONICAL' }
  return { kind: 'advanced' }
}

/**
 * Why the proof of a pushed head is not accepted, in the order of c2sp.org/tlog-witness. Undefined when it is accepted,
 * or when the head convicts the log whatever its proof says. decide() judges the head itself.
 */
export function objectionTo(
  ours: Tree | undefined,
  head: Tree & { readonly canonical: boolean },
  { oldSize, hashes }: PushedProof,
): ErrorCode | undefined {
  if (!head.canonical) return 'NOT_CANONICAL'
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: the old size must not exceed the checkpoint's size (400).
  if (oldSize > head.size) return 'REQUEST_INVALID'
  if (head.size === 0 && !equalBytes(head.root, EMPTY_ROOT)) return undefined
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: the old size must be that of the latest cosigned checkpoint (409).
  if (oldSize !== (ours?.size ?? 0)) return 'OLD_SIZE_DIFFERS'
  if (ours === undefined || oldSize === 0 || oldSize === head.size) {
    // SPEC: c2sp.org/tlog-witness, add-checkpoint: the proof must be empty when the old size is 0 (422).
    return hashes.length === 0 ? undefined : 'PROOF_INVALID'
  }
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: the consistency proof must verify (422).
  return extendsBy(ours, head, hashes) ? undefined : 'PROOF_INVALID'
}

function extendsBy(older: Tree, newer: Tree, proof: readonly Hash[]): boolean {
  return isAccepted(() => checkTree(proof, newer.size, newer.root, older.size, older.root))
}
