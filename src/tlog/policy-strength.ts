/**
 * What a policy protects against, in numbers. Exact, whatever the groups: the members of a group share no witness, so
 * that each question about a group is one about its cheapest members. Pure.
 *
 * A split view has two quorum heads only if two sets of witnesses that both satisfy the policy cosign one each. The
 * witnesses in both sets lie. With `overlap` the least number of them, up to overlap - 1 liars cannot do it. For k of
 * n witnesses the overlap is 2k - n: two parties with k1 and k2 are safe from f liars when k1 + k2 > n + f.
 */
import { evaluate, NONE, type Policy, type PolicyWitness } from './policy.js'

export interface PolicyStrength {
  /** Witnesses below the quorum that can count: n. */
  readonly witnesses: number
  /** The fewest that reach the quorum: k. 0 for `quorum none`, Infinity when it cannot be reached. */
  readonly threshold: number
  /** The least number of witnesses in both of two sets that satisfy the policy; Infinity when none does. */
  readonly overlap: number
  /**
   * Lying witnesses that cannot make two quorum heads of a split view: overlap - 1. -1 says that it takes no liar: the
   * log only shows different heads to different witnesses.
   */
  readonly liars: number
  /** The least number of silent witnesses that stop the quorum; Infinity for `quorum none`, 0 when it is stopped. */
  readonly blocking: number
  /** Silent witnesses that do not stop the quorum: blocking - 1. */
  readonly silent: number
}

/** How strong k of n equal witnesses are. */
export interface EqualStrength {
  readonly witnesses: number
  readonly threshold: number
  readonly liars: number
  readonly silent: number
}

/** The strength of a policy. `excluded` are vkeys that count no more: of convicted witnesses. */
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
 * Two sides that choose k members each share at least 2k - n, n being the members that can be satisfied at all
 * (worth less than Infinity); of a shared member they share its overlap.
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

/** The smallest threshold of n equal witnesses with k > 2n/3: it survives as many liars as silent witnesses, or more. */
export function equalAdvice(n: number): EqualStrength {
  const k = Math.floor((2 * n) / 3) + 1
  return { witnesses: n, threshold: k, liars: 2 * k - n - 1, silent: n - k }
}

/** The fewest equal witnesses that survive f liars and f silent ones at once: n = 3f + 1. */
export function fewestFor(f: number): EqualStrength {
  return equalAdvice(3 * f + 1)
}
