/** Reads records again that an audit had read before their taker existed. */
import { AGAIN_RECORDS, type RecordTaker } from './record-taker.js'
import { auditorHere, type TreeToAudit } from './threads.js'
import { isDone, UNIT_RECORDS } from './unit.js'

/**
 * Gives the taker up to AGAIN_RECORDS of the first `upTo` records that it lacks, all of one unit. Returns whether there
 * are more. Throws errors of reading the right edge of the tree, and the signal's reason.
 */
export async function fillTaker(
  taker: RecordTaker,
  tree: TreeToAudit,
  upTo: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const [gap] = taker.missing({ from: 0, to: upTo })
  if (gap === undefined) return false
  const unitEnd = (Math.floor(gap.from / UNIT_RECORDS) + 1) * UNIT_RECORDS
  const range = { from: gap.from, to: Math.min(gap.to, unitEnd, gap.from + AGAIN_RECORDS) }
  const auditor = await auditorHere(tree, signal)
  if (!isDone(await auditor.audit(range, signal))) {
    taker.drop(range)
    return false
  }
  await taker.keep(range)
  return taker.missing({ from: 0, to: upTo }).length > 0
}
