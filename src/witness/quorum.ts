/** Whose cosignatures count, and how many are enough. Pure. */
import { SIGNATURE_TYPES, type VerifierKey } from '../tlog/note.js'
import { quorumSatisfied, type Policy } from '../tlog/policy.js'

export interface Quorum {
  /** Keys of witnesses whose cosignatures may count, including our own. */
  readonly keys: readonly VerifierKey[]
  /** Whether these keys (vkeys) satisfy the policy. */
  readonly satisfiedBy: (signedBy: ReadonlySet<string>) => boolean
  /** Keys (vkeys) whose cosignatures are kept and shown but do not count: their witnesses were proven to misbehave. */
  readonly convicted: () => ReadonlySet<string>
}

/**
 * The quorum of a policy; without a policy only this node's key that cosigns the log counts. `own` are all its keys,
 * the first one first.
 */
export function quorumOf(
  policy: Policy | undefined,
  own: readonly VerifierKey[],
  convicted: Quorum['convicted'],
): Quorum {
  if (policy === undefined) {
    // An ML-DSA-44 key only ever signs together with another.
    const alone = own.filter(({ type }) => type !== SIGNATURE_TYPES.mlDsa)
    return { keys: own, satisfiedBy: (signedBy) => alone.some(({ vkey }) => signedBy.has(vkey)), convicted }
  }
  const keys = policy.witnesses.flatMap(({ key }) => key ?? [])
  const unlisted = own.filter(({ vkey }) => !keys.some((key) => key.vkey === vkey))
  return {
    keys: [...unlisted, ...keys],
    satisfiedBy: (signedBy) => quorumSatisfied(policy, signedBy),
    convicted,
  }
}
