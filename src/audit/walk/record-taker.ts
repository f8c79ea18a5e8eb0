/** Something else, such as an index, that stores data about each record that an audit reads. Pure. */
import type { PartRange } from './unit.js'

export interface RecordTaker {
  /** Receives proven records, tile by tile; the first of them is numbered `first`. A range may be given again. */
  take(first: number, records: readonly Uint8Array[]): void
  /** The range was given completely. Its data must be on disk when this returns, for the range then counts as done. */
  keep(range: PartRange): Promise<void>
  /** The range was not given completely. */
  drop(range: PartRange): void
  /** The parts of a range that it has not stored, in order: it may be younger than the audit. */
  missing(range: PartRange): readonly PartRange[]
}

/** The most records read again at once for a taker that lacks them, so that no new head waits long. */
export const AGAIN_RECORDS = 2 ** 13
