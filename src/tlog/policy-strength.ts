/**
 * What a policy protects against, in numbers. The numbers are exact for any groups: members of a group share no
 * witness, so each question about a group reduces to one about its cheapest members. Pure.
 *
 * A split view has two quorum heads only if two sets of witnesses, each of which satisfies the policy, cosign one head
 * each. The witnesses in both sets are dishonest. With `overlap` the smallest number of these, overlap - 1 dishonest
 * witnesses cannot do it. For k of n witnesses the overlap is 2k - n: two parties with k1 and k2 are safe from f
 * dishonest witnesses when k1 + k2 > n + f.
 */
import { evaluate, NONE, type Policy, type PolicyWitness } from './policy.js'

export interface PolicyStrength {
  /** Witnesses in the quorum's groups that can count: n. */
  readonly witnesses: number
  /** The fewest that reach the quorum: k. 0 for `quorum none`, Infinity if it cannot be reached. */
  readonly threshold: number
  /** The fewest witnesses that two satisfying sets have in common; Infinity if no set satisfies the policy. */
  readonly overlap: number
  /**
   * Dishonest witnesses that cannot make two quorum heads of a split view: overlap - 1. -1 means that no dishonest
   * witness is needed: the log only has to show different heads to different witnesses.
   */
  readonly liars: number
  /** The fewest silent witnesses that prevent a quorum; Infinity for `quorum none`, 0 if it is prevented already. */
  readonly blocking: number
  /** Silent witnesses that do not prevent a quorum: blocking - 1. */
  readonly silent: number
}

/** The strength of k of n equal witnesses. */
export interface EqualStrength {
  readonly witnesses: number
  readonly threshold: number
  readonly liars: number
  readonly silent: number
}

/** The strength of a policy. `excluded` are vkeys that no longer count, those of convicted witnesses. */
export function policyStrength(policy: Policy, excluded: ReadonlySet<string> = new Set()): PolicyStrength {
  if (policy.quorum === NONE) {
    return { witnesses: 0, threshold: 0, overlap: 0, liars: -1, blocking: Infinity, silent: Infinity }
  }
  const counts = ({ key }: PolicyWitness): boolean => key !== undefined && !excluded.has(key.vkey)
  const worth = (w: PolicyWitness): number => (counts(w) ? 1 : Infinity)
  const overlap = evaluate<number>(policy, worth, overlapOf)
  const blocking = evaluate<number>(
    policy,
    (w) => (counts(w) ? 1 : 0),
    (k, of) => cheapest(of, of.length - k + 1),
  )
  return {
    witnesses: evaluate<number>(
      policy,
      (w) => (counts(w) ? 1 : 0),
      (_k, of) => cheapest(of, of.length),
    ),
    threshold: evaluate<number>(policy, worth, (k, of) => cheapest(of, k)),
    overlap,
    liars: overlap - 1,
    blocking,
    silent: blocking - 1,
  }
}

/**
 * Two sides that choose k members each share at least 2k - n, where n is the number of members that can be satisfied at
 * all (with a worth below Infinity). A shared member contributes its own overlap.
 */
function overlapOf(k: number, of: readonly number[]): number {
  const possible = of.filter((overlap) => overlap < Infinity)
  return possible.length < k ? Infinity : cheapest(possible, Math.max(0, 2 * k - possible.length))
}

function cheapest(worths: readonly number[], count: number): number {
  return [...worths]
    .sort((a, b) => a - b)
    .slice(0, count)
    .reduce((sum, worth) => sum + worth, 0)
}

/**
 * The smallest threshold of n equal witnesses with k > 2n/3: it tolerates at least as many dishonest witnesses as
 * silent ones.
 */
export function equalAdvice(n: number): EqualStrength {
  const k = Math.floor((2 * n) / 3) + 1
  return { witnesses: n, threshold: k, liars: 2 * k - n - 1, silent: n - k }
}

/** The fewest equal witnesses that tolerate f dishonest and f silent ones at once: n = 3f + 1. */
export function fewestFor(f: number): EqualStrength {
  return equalAdvice(3 * f + 1)
}
