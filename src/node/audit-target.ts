/**
 * Chooses the next head to audit. It should be one that others cosign as well, since a policy counts the auditor's
 * cosignature together with theirs on the same head. Pure.
 */
import type { CosignedHead } from '../witness/cosigned-head.js'

export interface TargetParts {
  /** Heads of our history, the newest first. */
  readonly heads: readonly CosignedHead[]
  /** The auditor's verifier key; undefined when nothing is cosigned. */
  readonly auditor: string | undefined
  /** Whether these keys (vkeys) satisfy the policy. */
  readonly satisfiedBy: (signedBy: ReadonlySet<string>) => boolean
  /** The size that the auditor's key promised last: smaller heads are of no more use. */
  readonly promised: number
}

/**
 * The largest head that is a quorum head, or would be with the auditor's cosignature; if there is none, the newest.
 * Undefined when there is no head.
 */
export function auditTarget({ heads, auditor, satisfiedBy, promised }: TargetParts): CosignedHead | undefined {
  const withAuditor = (head: CosignedHead): boolean =>
    satisfiedBy(new Set([...head.cosignatures.keys(), ...(auditor === undefined ? [] : [auditor])]))
  return heads.find((head) => head.size >= promised && withAuditor(head)) ?? heads[0]
}
