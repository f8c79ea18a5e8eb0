/** Distributes ranges over several auditors, and delivers their results in sequence. */
import type { PartAuditor } from './threads.js'
import type { Part, PartRange } from './unit.js'

/**
 * Has the ranges read, each auditor taking the next one when it has finished one, and finally ends the auditors,
 * whatever happens. Parts are delivered one after another while the next ones are read; at most one part of each
 * auditor waits. Throws the first error of an auditor or of `take`, and the signal's reason.
 */
export async function auditRanges(
  ranges: readonly PartRange[],
  auditors: readonly PartAuditor[],
  take: (part: Part) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  let taken: Promise<void> = Promise.resolve()
  try {
    let next = 0
    const work = async (auditor: PartAuditor): Promise<void> => {
      for (let range = ranges[next++]; range !== undefined; range = ranges[next++]) {
        const part = await auditor.audit(range, signal)
        const before = taken
        taken = before.then(() => take(part))
        await before
      }
    }
    await Promise.all(auditors.map(work))
    await taken
  } finally {
    // When this returns, the folder must be free for others, however the reading ended. The first error is the one to
    // report.
    await taken.catch(() => undefined)
    await Promise.all(auditors.map((auditor) => auditor.stop()))
  }
}
