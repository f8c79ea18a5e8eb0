/**
 * The pages of the index: the records of the log in order, each with the time of the first quorum head that covers it.
 *
 * A quorum head has a time in seconds and covers many records at once, and readers continue from the last time that
 * they saw. So records with the same second are given times a nanosecond apart, in order: times are unique and
 * ascending, and a reader who asks since the last one gets that one and all later ones. The nanoseconds have no other
 * meaning.
 */
import { compareMoments, type Moment } from '../../lib/rfc3339.js'
import type { Covering } from '../../store/covered.js'
import type { IndexedRecord } from './indexed-records.js'
import type { LogIndex } from './log-index.js'

/** Records with the same second that can be distinguished. The public log has a tenth of that in all. */
const MAX_NANOS = 999_999_999

/** A line of the index. */
export interface IndexEntry extends IndexedRecord {
  readonly time: Moment
  /**
   * Whether it was first covered then; false if it was already covered by the first quorum head that this node knew.
   */
  readonly isExact: boolean
}

/** The times of the records of one log (store/covered.ts). */
export interface RecordTimes {
  of(id: number): Promise<Covering | undefined>
  since(time: number): Promise<number>
}

export interface PageAsked {
  /** The earliest time; by default all records. */
  readonly since?: Moment | undefined
  /** The most lines. */
  readonly limit: number
  /** Only versions of this path. */
  readonly module?: string | undefined
}

export type IndexPage = readonly IndexEntry[]

/** A page of the index. It is shorter than `limit` only at the end. Throws STORE_DAMAGED. */
export async function indexPage(index: LogIndex, times: RecordTimes, asked: PageAsked): Promise<IndexPage> {
  const from = asked.since === undefined ? 0 : await firstSince(times, asked.since)
  const entries: IndexEntry[] = []
  let covering: Covering | undefined
  for (const record of await recordsFrom(index, from, asked)) {
    if (entries.length === asked.limit) break
    if (covering === undefined || record.id >= covering.size) covering = await times.of(record.id)
    if (covering === undefined) break
    const nanos = Math.min(record.id - covering.from, MAX_NANOS)
    entries.push({ ...record, time: { seconds: covering.time, nanos }, isExact: covering.isExact })
  }
  return entries.filter(({ time }) => asked.since === undefined || compareMoments(time, asked.since) >= 0)
}

async function recordsFrom(index: LogIndex, from: number, { module, limit }: PageAsked): Promise<IndexedRecord[]> {
  if (module === undefined) return index.records(from, limit)
  const versions = await index.versions(module)
  return versions.filter(({ id }) => id >= from).map((version) => ({ path: module, ...version }))
}

/** The first record with this time or a later one. */
async function firstSince(times: RecordTimes, { seconds, nanos }: Moment): Promise<number> {
  const [before, end] = await Promise.all([times.since(seconds), times.since(seconds + 1)])
  return Math.min(before + nanos, end)
}
