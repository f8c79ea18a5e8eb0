/**
 * Which witness conflicts are kept, and how many: a witness can sign contradictions without end, and neighbours can
 * name witnesses without end.
 *
 * Pure.
 */
import type { VerifierKey } from '../tlog/note.js'
import type { KeptConviction } from './kept.js'

/** Conflicts kept per log for witnesses that only neighbours count, not counting acknowledged ones. */
const MAX_RELAYED_CONFLICTS = 64

/**
 * What has to make room for a conflict of this witness; undefined when nothing does. Each log has its own room, since
 * the log signs all of these heads. Within it, witnesses rank in the order of their turns: whatever one neighbour
 * names, the first keys of the others come before its last. Witnesses that we count need no room.
 */
export function displacedBy(
  { witness, log }: Pick<KeptConviction, 'witness' | 'log'>,
  kept: readonly KeptConviction[],
  witnesses: readonly VerifierKey[],
  relayed: readonly VerifierKey[],
): readonly KeptConviction[] | undefined {
  const counted = new Set(witnesses.map(({ vkey }) => vkey))
  if (counted.has(witness)) return []
  const turns = new Map(relayed.map(({ vkey }, turn) => [vkey, turn]))
  // A witness that no neighbour names any more comes last.
  const turnOf = (vkey: string): number => turns.get(vkey) ?? turns.size
  const last = kept
    .filter((other) => other.log === log && !other.acked && !counted.has(other.witness))
    .sort((a, b) => turnOf(a.witness) - turnOf(b.witness))
    .slice(MAX_RELAYED_CONFLICTS - 1)
  return last.every((other) => turnOf(other.witness) > turnOf(witness)) ? last : undefined
}

/**
 * A witness's conflicts about one log: one that is not acknowledged, which stands for all others; and the hashes of the
 * acknowledged texts, each with the evidence that shows it.
 */
export function conflictsOf(
  { witness, log }: Pick<KeptConviction, 'witness' | 'log'>,
  kept: readonly KeptConviction[],
): { readonly open: string | undefined; readonly shown: ReadonlyMap<string, string> } {
  const its = kept.filter((other) => other.witness === witness && other.log === log)
  return {
    open: its.find(({ acked }) => !acked)?.id,
    shown: new Map(its.flatMap(({ id, lies }) => lies.map((lie) => [lie, id] as const))),
  }
}
