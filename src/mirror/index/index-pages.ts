/**
 * The pages of the index: the records of the log in their order, each with the time of the first quorum head that covers it.
 *
 * A quorum head has a time in seconds and covers many records at once, and whoever reads the pages goes on from the last time that
 * it saw. So the records of one second are a nanosecond apart, in their order: no two have one time, times only ascend, and
 * who asks since the last one gets that one and all behind it. The nanosecond says nothing else.
 */
import { compareMoments, type Moment } from '../../lib/rfc3339.js'
import type { Covering } from '../../store/covered.js'
import type { IndexedRecord } from './indexed-records.js'
import type { LogIndex } from './log-index.js'

/** Records of one second that are told apart. The public log has a tenth of that in all. */
const MAX_NANOS = 999_999_999

/** A line of the index. */
export interface IndexEntry extends IndexedRecord {
  readonly time: Moment
  /** Whether it was first covered then; false for what was there before this node knew of a quorum head. */
  readonly isExact: boolean
}

/** The times of records, of one log (store/covered.ts). */
export interface RecordTimes {
  of(id: number): Promise<Covering | undefined>
  since(time: number): Promise<number>
}

export interface PageAsked {
  /** The first time that is wanted; all of them without it. */
  readonly since?: Moment | undefined
  /** How many lines at most. */
  readonly limit: number
  /** Versions of this path alone. */
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

/** The first record whose time is this or later. */
async function firstSince(times: RecordTimes, { seconds, nanos }: Moment): Promise<number> {
  const [before, end] = await Promise.all([times.since(seconds), times.since(seconds + 1)])
  return Math.min(before + nanos, end)
}
