/**
 * What the auditor's key may cosign next. Its cosignature says more than a witness's: this node has read every record
 * below the head, and none is bad. So it comes later than the others, on heads that the pipeline has already accepted,
 * and the state of the log holds a separate promise for it. As for any key, all text that it signs lies in one history,
 * and its size never decreases over time.
 *
 * Pure.
 */
import type { ErrorCode } from '../errors.js'
import type { Audited, LogState } from '../store/log-state.js'
import { equalBytes } from '../tlog/bytes.js'
import { formatHash, type Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import type { Mark } from './step-types.js'

/** What the decision depends on besides the state of the log. */
export interface AuditorCircumstances {
  /** POSIX seconds. */
  readonly now: number
  /** The auditor's verifier key. */
  readonly key: string
  /** What prevents every signature by this key. */
  readonly obstacle: ErrorCode | undefined
  /** The root of the head's first records, as many as the auditor's key last signed for, if it was asked for. */
  readonly root?: Hash | undefined
}

export type AuditedDecision =
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  /** Show the root of the first `size` records of the head, and ask again. */
  | { readonly kind: 'prove'; readonly size: number }
  /** Write this down before signing. */
  | { readonly kind: 'promise'; readonly audited: Audited }
  /** It is on disk already: sign exactly this, whether or not it was signed before. */
  | { readonly kind: 'promised'; readonly audited: Audited }

/**
 * Decides about a head of our history (proven by the pipeline) whose records were all read and are all good. Total:
 * refuses whatever it does not know.
 */
export function decideAudited(
  { tree, audited }: LogState,
  head: Tree,
  { now, key, obstacle, root }: AuditorCircumstances,
): AuditedDecision {
  if (obstacle !== undefined) return { kind: 'refused', code: obstacle }
  // The witness has not proven a head this large: whatever was read, it is not proven to belong to the log that it
  // follows.
  if (tree === undefined || head.size > tree.size) return { kind: 'refused', code: 'HISTORY_MISSING' }
  if (head.size === tree.size && !equalBytes(head.root, tree.root)) return { kind: 'refused', code: 'HISTORY_MISSING' }
  if (audited !== undefined) {
    if (head.size < audited.size) return { kind: 'refused', code: 'GUARD_BEHIND' }
    const isSame = head.size === audited.size
    if (isSame && formatHash(head.root) !== audited.root) return { kind: 'refused', code: 'GUARD_BEHIND' }
    if (isSame && audited.key === key) return { kind: 'promised', audited }
    if (!isSame && root === undefined) return { kind: 'prove', size: audited.size }
    // The log signed two histories. That this key has signed the other one is no reason to sign this one.
    if (!isSame && formatHash(root!) !== audited.root) return { kind: 'refused', code: 'GUARD_BEHIND' }
  }
  const time = Math.max(now, audited?.time ?? 0, 1)
  return { kind: 'promise', audited: { key, size: head.size, root: formatHash(head.root), time } }
}

/** What is known of the auditor's key after these marks were received or seen; undefined when they add nothing. */
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

/** Whether a head signed by the auditor's key adds to what is known of it. */
export function isNews(known: Audited | undefined, { size, time }: Pick<Mark, 'size' | 'time'>): boolean {
  return size > (known?.size ?? -1) || time > (known?.time ?? 0)
}
