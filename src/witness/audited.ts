/**
 * What the key of the auditor may cosign next. Its cosignature says more than that of a witness: every record below the head
 * was read by this node, and none is bad. So it comes later than the others, on heads that the pipeline has made ours
 * before, and it has a promise of its own in the state of the log. Of all text that this key signs, too, any two lie in one
 * history, and none is lower at a later time.
 *
 * Pure.
 */
import type { ErrorCode } from '../errors.js'
import type { Audited, LogState } from '../store/log-state.js'
import { equalBytes } from '../tlog/bytes.js'
import { formatHash, type Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import type { Mark } from './step-types.js'

/** What is to be known beside the state of the log. */
export interface AuditorCircumstances {
  /** POSIX seconds. */
  readonly now: number
  /** The auditor's verifier key. */
  readonly key: string
  /** What stands in the way of every signature by this key. */
  readonly obstacle: ErrorCode | undefined
  /** The root of as many records of the head as its key has said something of last, if it was asked for. */
  readonly root?: Hash | undefined
}

export type AuditedDecision =
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  /** Show the root of the first `size` records of the head, and ask again. */
  | { readonly kind: 'prove'; readonly size: number }
  /** To be written before it is signed. */
  | { readonly kind: 'promise'; readonly audited: Audited }
  /** It is on disk already: the cosignature is this one, whether it was made before or not. */
  | { readonly kind: 'promised'; readonly audited: Audited }

/**
 * Decides about a head of our history (the pipeline has proven it) whose records were all read and are all good. Total: what
 * it does not know it refuses.
 */
export function decideAudited(
  { tree, audited }: LogState,
  head: Tree,
  { now, key, obstacle, root }: AuditorCircumstances,
): AuditedDecision {
  if (obstacle !== undefined) return { kind: 'refused', code: obstacle }
  // Its witness has not come so far: whatever it read there, it has not proven that it is the log that it follows.
  if (tree === undefined || head.size > tree.size) return { kind: 'refused', code: 'HISTORY_MISSING' }
  if (head.size === tree.size && !equalBytes(head.root, tree.root)) return { kind: 'refused', code: 'HISTORY_MISSING' }
  if (audited !== undefined) {
    if (head.size < audited.size) return { kind: 'refused', code: 'GUARD_BEHIND' }
    const isSame = head.size === audited.size
    if (isSame && formatHash(head.root) !== audited.root) return { kind: 'refused', code: 'GUARD_BEHIND' }
    if (isSame && audited.key === key) return { kind: 'promised', audited }
    if (!isSame && root === undefined) return { kind: 'prove', size: audited.size }
    // Of two histories the log signed both. That the key has signed the other one already is no reason to sign this one.
    if (!isSame && formatHash(root!) !== audited.root) return { kind: 'refused', code: 'GUARD_BEHIND' }
  }
  const time = Math.max(now, audited?.time ?? 0, 1)
  return { kind: 'promise', audited: { key, size: head.size, root: formatHash(head.root), time } }
}

/** What is known of the auditor's key when such marks were told or seen; undefined when they are no news. */
export function auditedAfter(known: Audited | undefined, marks: readonly Mark[]): Audited | undefined {
  const news = marks.flatMap(({ by, size, root, time }) =>
    by === undefined || !isNews(known, { size, time }) ? [] : [{ key: by, size, root: formatHash(root), time }],
  )
  if (news.length === 0) return undefined
  const all = [...(known === undefined ? [] : [known]), ...news]
  const time = Math.max(...all.map((one) => one.time))
  const largest = all.reduce((one, other) => (other.size > one.size ? other : one))
  return { ...largest, time }
}

/** Whether a head that the auditor's key has signed says more than what is known of it. */
export function isNews(known: Audited | undefined, { size, time }: Pick<Mark, 'size' | 'time'>): boolean {
  return size > (known?.size ?? -1) || time > (known?.time ?? 0)
}
