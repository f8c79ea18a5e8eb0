/**
 * When a head became a quorum head, by the cosignatures alone: no log, publisher or proxy can influence it, and no
 * clock of ours. As with any quorum, making a head look older than it is takes dishonest witnesses that satisfy the
 * policy by themselves.
 *
 * Pure.
 */
import type { Cosignature } from '../tlog/cosignature.js'

/** Seconds that a quorum's time may be ahead of our clock and still be believed. */
export const MAX_AHEAD = 60

/**
 * The smallest time, in seconds since 1970, such that the cosignatures of that time and earlier satisfy the policy;
 * undefined when even all of them do not. `cosignatures` are those that count, by verifier key, the newest of each.
 * Under a policy that requires none (`quorum none`), a single witness must not be able to make a head look old, so the
 * latest of them is used.
 */
export function quorumTime(
  cosignatures: ReadonlyMap<string, Pick<Cosignature, 'time'>>,
  satisfiedBy: (signedBy: ReadonlySet<string>) => boolean,
): number | undefined {
  const byTime = [...cosignatures].map(([key, { time }]) => ({ key, time })).sort((a, b) => a.time - b.time)
  if (satisfiedBy(new Set())) return byTime.at(-1)?.time
  const signedBy = new Set<string>()
  for (const { key, time } of byTime) {
    signedBy.add(key)
    if (satisfiedBy(signedBy)) return time
  }
  return undefined
}

/**
 * The largest time, in seconds since 1970, such that the cosignatures of that time and later satisfy the policy: until
 * then a quorum has vouched that the head was the newest. Making a head look younger takes as many dishonest witnesses.
 * Undefined when even all of them do not.
 */
export function renewedTime(
  cosignatures: ReadonlyMap<string, Pick<Cosignature, 'time'>>,
  satisfiedBy: (signedBy: ReadonlySet<string>) => boolean,
): number | undefined {
  const newestFirst = [...cosignatures].map(([key, { time }]) => ({ key, time })).sort((a, b) => b.time - a.time)
  const signedBy = new Set<string>()
  for (const { key, time } of newestFirst) {
    signedBy.add(key)
    if (satisfiedBy(signedBy)) return time
  }
  return undefined
}
