/**
 * The decision: what a validly signed head means, given what we hold. Pure: no I/O, no clock.
 *
 * decide() either knows, or says which proof it needs; the pipeline fetches that proof and asks again. The table at
 * the end maps each outcome to what every door answers, so that no door has an opinion of its own.
 */
import { GossumError, type ErrorCode } from '../errors.js'
import { equalBytes } from '../tlog/bytes.js'
import type { Cosignature } from '../tlog/cosignature.js'
import { EMPTY_ROOT, type Hash } from '../tlog/hash.js'
import { checkTree, type Tree } from '../tlog/merkle.js'

/** Where a head comes in. */
export type Door = 'poll' | 'push' | 'gossip' | 'sync'

/** A head as it came, before anything about it is believed. */
export interface Candidate {
  readonly door: Door
  /** The bytes as they came, at most 64 KiB. */
  readonly note: Uint8Array
  /** Log id, when the door knows it: a poller, a gossip topic. */
  readonly log?: string
  /** Peer id of who brought it, for gossip and sync. */
  readonly peer?: string
  /** What a log that pushes its head says about our own, and proves. */
  readonly proof?: PushedProof
  /** Milliseconds since 1970. */
  readonly receivedAt: number
}

/** The proof that comes with a head that is pushed (c2sp.org/tlog-witness, add-checkpoint). */
export interface PushedProof {
  /** The size that we hold, as the sender believes; 0 for none, Infinity for one that no tree has. */
  readonly oldSize: number
  /** The proof (checkTree) that leads from there to the head; at most 63 hashes of 32 bytes. */
  readonly hashes: readonly Hash[]
}

/** The same head without its proof: what it means by itself. */
export function unproven({ door, note, log, peer, receivedAt }: Candidate): Candidate {
  return { door, note, ...(log !== undefined && { log }), ...(peer !== undefined && { peer }), receivedAt }
}

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
  /** Our cosignature, for a head that was pushed and is the newest: it is on disk. */
  readonly own?: readonly Cosignature[]
  /** For a head whose sender was wrong about it: the size that we hold. */
  readonly held?: number
}

/** What we hold of a log. */
export interface Held {
  /** The newest tree that we proved, if any. */
  readonly tree?: Tree | undefined
  /** The tree of the head's own size that we proved before, if it is kept. */
  readonly kept?: Tree | undefined
  /** Whether the log was proven to misbehave and its operator has not said otherwise. */
  readonly frozen: boolean
}

/** The root of the first records of a larger tree, with the proof (checkTree) that ties it to that tree. */
export interface Prefix {
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/** What became of a proof that decide() asked for. */
export type Proof = { readonly prefix: Prefix } | { readonly failed: ErrorCode }

export type Decision =
  | { readonly kind: 'advanced' | 'known' | 'past' }
  | { readonly kind: 'pending' | 'refused'; readonly code: ErrorCode }
  | { readonly kind: 'conflict'; readonly prefix?: Prefix }
  /** Not decided: show the root of the first `size` records of the tree `of`, and ask again. */
  | { readonly kind: 'prove'; readonly of: Tree; readonly size: number }

/**
 * Decides about a head whose log signature has verified.
 *
 * `ownEyes` says that we got the head from the log ourselves, by asking it or because it was pushed here: only such a
 * head may be the first one of a log (trust on first use). `canonical` says that it is spelled in the one way that a
 * witness signs.
 */
export function decide(
  held: Held,
  head: Tree & { readonly canonical: boolean; readonly ownEyes: boolean },
  proof?: Proof,
): Decision {
  // A size of 0 says which records there are: none. Any other root convicts the log by itself.
  if (head.size === 0 && !equalBytes(head.root, EMPTY_ROOT)) return { kind: 'conflict' }

  const ours = held.tree
  if (ours === undefined) return head.ownEyes ? advance(held, head) : { kind: 'pending', code: 'HISTORY_MISSING' }

  if (head.size === ours.size) return equalBytes(head.root, ours.root) ? { kind: 'known' } : { kind: 'conflict' }
  if (head.size === held.kept?.size)
    return equalBytes(head.root, held.kept.root) ? { kind: 'past' } : { kind: 'conflict' }

  const [smaller, larger] = head.size < ours.size ? [head, ours] : [ours, head]
  if (smaller.size > 0) {
    if (proof === undefined) return { kind: 'prove', of: { size: larger.size, root: larger.root }, size: smaller.size }
    if ('failed' in proof) return { kind: 'pending', code: proof.failed }
    if (!equalBytes(proof.prefix.root, smaller.root)) return { kind: 'conflict', prefix: proof.prefix }
  }
  return smaller === head ? { kind: 'past' } : advance(held, head)
}

/** A head that may be the next one: whether we sign it is another question. */
function advance(held: Held, head: { readonly canonical: boolean }): Decision {
  if (held.frozen) return { kind: 'refused', code: 'LOG_FROZEN' }
  // Not forgotten: what it is consistent with today, our history may contradict tomorrow.
  if (!head.canonical) return { kind: 'pending', code: 'NOT_CANONICAL' }
  return { kind: 'advanced' }
}

/**
 * Why the proof that a head was pushed with is not accepted, in the order of c2sp.org/tlog-witness; undefined when it
 * is, or when the head convicts the log whatever its proof says. What the head itself means is for decide().
 */
export function objectionTo(
  ours: Tree | undefined,
  head: Tree & { readonly canonical: boolean },
  { oldSize, hashes }: PushedProof,
): ErrorCode | undefined {
  if (!head.canonical) return 'NOT_CANONICAL'
  if (oldSize > head.size) return 'REQUEST_INVALID'
  if (head.size === 0 && !equalBytes(head.root, EMPTY_ROOT)) return undefined
  if (oldSize !== (ours?.size ?? 0)) return 'OLD_SIZE_DIFFERS'
  if (ours === undefined || oldSize === 0 || oldSize === head.size) {
    return hashes.length === 0 ? undefined : 'PROOF_INVALID'
  }
  return extendsBy(ours, head, hashes) ? undefined : 'PROOF_INVALID'
}

function extendsBy(older: Tree, newer: Tree, proof: readonly Hash[]): boolean {
  try {
    checkTree(proof, newer.size, newer.root, older.size, older.root)
    return true
  } catch (error) {
    if (error instanceof GossumError) return false
    throw error
  }
}

// ---- the outcome table -----------------------------------------------------------------------------------------

export type GossipVerdict = 'accept' | 'ignore' | 'reject'

export interface Answer {
  /** Status of POST /add-checkpoint. */
  readonly status: number
  readonly gossip: GossipVerdict
  /** Exit code of the command line. */
  readonly exit: 0 | 2 | 3 | 4
}

/** The answer of every door to an outcome. */
export function answerTo(outcome: Outcome): Answer {
  const ifNews = outcome.news ? 'accept' : 'ignore'
  switch (outcome.kind) {
    case 'advanced':
    case 'known':
      return { status: 200, gossip: ifNews, exit: 0 }
    case 'past':
      return { status: 409, gossip: ifNews, exit: 0 }
    case 'pending':
      return { status: PENDING_STATUS.get(outcome.code) ?? 503, gossip: ifNews, exit: 4 }
    case 'refused':
      return refusal(outcome.code ?? 'INTERNAL')
    case 'conflict':
      // The most precious message there is: it travels, and whoever brought it is never punished.
      return { status: 422, gossip: ifNews, exit: 3 }
  }
}

/** Statuses of pending heads that asking again later would not change. */
const PENDING_STATUS: ReadonlyMap<ErrorCode | undefined, number> = new Map([
  ['NOT_CANONICAL', 400],
  ['REQUEST_INVALID', 400],
  ['OLD_SIZE_DIFFERS', 409],
  ['PROOF_INVALID', 422],
  ['SIZE_IMPOSSIBLE', 422],
])

/** Reject, which costs the sender its standing, is only for bytes that no honest node can have passed on. */
function refusal(code: ErrorCode): Answer {
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
    case 'AGENT_UNAVAILABLE':
      return { status: 503, gossip: 'ignore', exit: 4 }
    case 'NOT_CANONICAL':
    case 'REQUEST_INVALID':
    case 'OLD_SIZE_DIFFERS':
    case 'PROOF_INVALID':
      // Only of heads that were pushed with a proof: the head itself is judged by itself.
      return { status: PENDING_STATUS.get(code)!, gossip: 'ignore', exit: 2 }
    case 'CHECKPOINT_MALFORMED':
    case 'ORIGIN_MISMATCH':
      // The log itself signed these: not the messenger's doing.
      return { status: 400, gossip: 'ignore', exit: 2 }
    default:
      return { status: 500, gossip: 'ignore', exit: 2 }
  }
}

/**
 * What gossip does with the message that brought this outcome. Whoever forwards a line that is not by the witness it
 * names made it up, or forwards what it has not verified; but with a conflict, anything is welcome.
 */
export function gossipVerdict(outcome: Outcome): GossipVerdict {
  return outcome.forged === true && outcome.kind !== 'conflict' ? 'reject' : answerTo(outcome).gossip
}
