/** Several auditors that share ranges, and what each of them found, one after the other. */
import type { PartAuditor } from './threads.js'
import type { Part, PartRange } from './unit.js'

/**
 * Has the ranges read, each auditor taking the next one when it has done one, and ends the auditors, whatever happens. Parts are taken one
 * after the other, while the next ones are read; what waits for it is a part of each auditor. Throws what an auditor or `take`
 * throws first, and the signal's reason.
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
    // Whatever ended the reading, the folder is somebody else's as soon as this returns; the first error is the one to tell.
    await taken.catch(() => undefined)
    await Promise.all(auditors.map((auditor) => auditor.stop()))
  }
}
