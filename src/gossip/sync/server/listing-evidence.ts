/**
 * Which evidence a hello lists when there is more than fits: logs alternate, so that evidence about one log cannot hide
 * that about another, and the pieces rotate, so that a late joiner learns of all.
 *
 * Pure.
 */
import type { EvidenceName } from '../messages.js'

/** At most `max` pieces of evidence; `round` is another number each time. */
export function evidenceToTell(all: readonly EvidenceName[], max: number, round: number): EvidenceName[] {
  if (all.length <= max) return [...all]
  const byLog = new Map<string, EvidenceName[]>()
  for (const ref of all) {
    const its = byLog.get(ref.log)
    if (its === undefined) byLog.set(ref.log, [ref])
    else its.push(ref)
  }
  // If there is not even room for one per log, other logs go first each time.
  const logs = turned([...byLog.values()], round * max).map((refs) => turned(refs, round * max))
  const told: EvidenceName[] = []
  for (let turn = 0; told.length < max; turn++)
    for (const refs of logs) if (turn < refs.length && told.length < max) told.push(refs[turn]!)
  return told
}

/** The same items, rotated to begin at another one. */
function turned<T>(items: readonly T[], by: number): T[] {
  const from = by % items.length
  return [...items.slice(from), ...items.slice(0, from)]
}
