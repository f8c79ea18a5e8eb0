/** What is kept beside an audit of each record that it reads, by somebody else: an index. Pure. */
import type { PartRange } from './unit.js'

export interface RecordTaker {
  /** Is given proven records, tile by tile, the first of which has the number `first`. A range may be given again. */
  take(first: number, records: readonly Uint8Array[]): void
  /** A range was given whole. What is kept of it must be on disk when this returns, for then the range counts as done. */
  keep(range: PartRange): Promise<void>
  /** A range was not given whole. */
  drop(range: PartRange): void
  /** What of a range it has not kept, in order: it may be younger than the audit. */
  missing(range: PartRange): readonly PartRange[]
}

/** Records that are read again at once for a taker that has not kept them: no new head waits long for that. */
export const AGAIN_RECORDS = 2 ** 13
