/**
 * Reads an index feed and the index of a node side by side, and reports what one has and the other lacks.
 *
 * Trusted: the node, which has read the log's records under a quorum head. Not trusted: the feed.
 */
import { Lru } from '../../../lib/lru.js'
import { compareMoments, formatMoment, parseMoment, type Moment } from '../../../lib/rfc3339.js'
import { FeedPages, parseLine, type AskPage, type FeedLine } from '../../../mirror/index/feed-pages.js'
import { IndexComparison, plus } from '../../../mirror/index/index-comparison.js'
import type { LogView } from '../../../status/shapes.js'
import { fromUtf8 } from '../../../tlog/bytes.js'
import type { NodeClient } from '../../node-client.js'

/** What can be wrong with a feed. */
export const INDEX_CLASSES = ['index only', 'log only', 'time order', 'invalid line'] as const
export type IndexClass = (typeof INDEX_CLASSES)[number]

export interface IndexFinding {
  readonly class: IndexClass
  readonly path: string | null
  readonly version: string | null
  /**
   * The time according to the feed, and that of the first quorum head that covers the record; null where there is none.
   */
  readonly feedTime: string | null
  readonly logTime: string | null
  readonly detail: string
}

/** The most pages read in one run: several hundred million lines. */
const MAX_PAGES = 100_000
/** A run ends after this many findings; the next one continues there. */
const MAX_FINDINGS = 10_000
/** Seconds by which a feed may be ahead of this machine's clock. */
const MAX_AHEAD = 60
/** The most modules whose versions are remembered. */
const MAX_MODULES = 256

/** The result of a run. */
export interface IndexReport {
  /** The first time that was judged, and the time up to which everything was. */
  readonly since: Moment
  readonly judged: Moment
  /** Lines of the feed, and records of the log, that were read. */
  readonly lines: number
  readonly records: number
  /** Why not everything that is old enough was judged; undefined when it was. */
  readonly undecided: string | undefined
}

export interface IndexCheckParts {
  readonly feed: AskPage
  readonly node: Pick<NodeClient, 'ask' | 'askJson'>
  /** Seconds within which both sides must have an entry. */
  readonly lag: number
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Receives each finding. */
  readonly onFinding: (finding: IndexFinding) => void
  /** Receives the time up to which everything is judged and reported. */
  readonly onJudged: (judged: Moment) => Promise<void>
}

export class IndexCheck {
  readonly #parts: IndexCheckParts
  readonly #versions = new Lru<ReadonlyMap<string, Moment>>(MAX_MODULES)
  #findings = 0
  #lines = 0
  #records = 0
  /** The second of the first quorum head that the node knew: what it covers may be much older. */
  #firstSecond = 0

  constructor(parts: IndexCheckParts) {
    this.#parts = parts
  }

  /** Checks from a time on, or from where the node's times begin. Throws the errors of asking either side. */
  async run(wanted: Moment | undefined): Promise<IndexReport> {
    const { lag } = this.#parts
    const first = parseLine((await this.#askNode('limit=1')).trim())
    const begin = wanted ?? { seconds: (first?.time.seconds ?? 0) + 1, nanos: 0 }
    if (first === undefined) return this.#report(begin, begin, 'the index of the node is empty yet')
    this.#firstSecond = first.time.seconds
    const comparison = new IndexComparison(begin, lag)
    const start = plus(begin, -lag)
    const exact = { seconds: this.#firstSecond + 1, nanos: 0 }
    const feed = new FeedPages(this.#parts.feed, start)
    const log = new FeedPages(
      async (since, limit) => this.#askNodeBytes(`since=${encodeURIComponent(since)}&limit=${limit}`),
      compareMoments(start, exact) < 0 ? exact : start,
    )
    const undecided = await this.#readBoth(comparison, feed, log)
    return this.#report(begin, comparison.judged, undecided)
  }

  /** Reads both to their ends. Returns why that is not everything, if so. */
  async #readBoth(comparison: IndexComparison, feed: FeedPages, log: FeedPages): Promise<string | undefined> {
    let logUntil: Moment | undefined
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      // Missing records prove nothing against a feed that is far ahead of the log.
      const isFeedDone = feed.isEnd || (log.isEnd && !comparison.isLogBehind && logUntil === undefined)
      if (isFeedDone && log.isEnd) return this.#undecided(logUntil)
      if (!log.isEnd && (isFeedDone || comparison.isLogBehind)) logUntil = await this.#readLog(comparison, log)
      else await this.#readFeed(comparison, feed)
      await this.#judge(comparison)
      if (this.#findings >= MAX_FINDINGS)
        return `there are ${this.#findings} findings already: run it again to continue`
    }
    return 'there is more than one run reads: run it again to continue'
  }

  async #readFeed(comparison: IndexComparison, feed: FeedPages): Promise<void> {
    const asked = this.#now()
    const page = await feed.next()
    const latest = plus(asked, MAX_AHEAD)
    const isToCome = ({ time }: FeedLine): boolean => compareMoments(time, latest) > 0
    for (const line of page.invalid) this.#find('invalid line', undefined, {}, `not a line of an index: ${line}`)
    for (const line of page.backwards)
      this.#find(
        'time order',
        line,
        { feedTime: line.time },
        'the feed goes back in time, or shows more than it was asked for',
      )
    for (const line of page.lines.filter(isToCome))
      this.#find('time order', line, { feedTime: line.time }, 'the feed shows a time in the future')
    this.#lines += page.lines.length
    comparison.feed(page.lines.filter((line) => !isToCome(line)))
    if (page.lines.some(isToCome)) feed.end()
    if (feed.isEnd) comparison.feedIsWhole(asked)
  }

  /** Returns the time up to which the log is complete, once it was read to its end. */
  async #readLog(comparison: IndexComparison, log: FeedPages): Promise<Moment | undefined> {
    // Asked before the page: everything up to this time must then be on the page.
    const until = await this.#logUntil()
    const page = await log.next()
    this.#records += page.lines.length
    comparison.log(page.lines)
    if (log.isEnd && until !== undefined) comparison.logIsWhole(until)
    return log.isEnd ? until : undefined
  }

  /** The time up to which the node's index is complete; undefined while its audit is behind the quorum head. */
  async #logUntil(): Promise<Moment | undefined> {
    const { value } = await this.#parts.node.askJson<{ logs: readonly LogView[] }>('/api/v1/logs', 'logs')
    const log = value.logs.find(({ audit }) => (audit?.indexed ?? null) !== null)
    const { quorum, size, verifiedAt } = log ?? {}
    if (!quorum || (log?.audit?.indexed ?? 0) < quorum.size) return undefined
    // If the log still has the same head, that head is as recent as the last poll.
    const times = [
      ...quorum.cosignatures.map(({ time }) => time),
      ...(quorum.size === size && verifiedAt ? [verifiedAt] : []),
    ]
    const moments = times.flatMap((time) => parseMoment(time) ?? [])
    return moments.sort(compareMoments).at(-1)
  }

  async #judge(comparison: IndexComparison): Promise<void> {
    const { feed, log } = comparison.overdue()
    for (const line of log)
      this.#find('log only', line, { logTime: line.time }, 'it is in the log, but the feed has not shown it in time')
    for (const line of feed) await this.#judgeFeed(line)
    await this.#parts.onJudged(comparison.judged)
  }

  async #judgeFeed(line: FeedLine): Promise<void> {
    const { lag } = this.#parts
    const logTime = (await this.#versionsOf(line.path)).get(line.version)
    const times = { feedTime: line.time, ...(logTime && { logTime }) }
    if (logTime === undefined)
      return this.#find('index only', line, times, 'the feed shows it, but the log has no record of it')
    const isAhead = logTime.seconds > this.#firstSecond && compareMoments(logTime, plus(line.time, lag)) > 0
    const isBehind = compareMoments(plus(logTime, lag), line.time) < 0
    if (isAhead) this.#find('time order', line, times, 'the feed shows it before the log had a record of it')
    if (isBehind) this.#find('time order', line, times, 'the feed shows it later than the log had it')
  }

  /** When the versions of a path were first covered, according to the node. */
  async #versionsOf(path: string): Promise<ReadonlyMap<string, Moment>> {
    const known = this.#versions.get(path)
    if (known !== undefined) return known
    const versions = new Map<string, Moment>()
    const pages = new FeedPages(
      (since, limit) =>
        this.#askNodeBytes(`module=${encodeURIComponent(path)}&since=${encodeURIComponent(since)}&limit=${limit}`),
      { seconds: 0, nanos: 0 },
    )
    while (!pages.isEnd) for (const { version, time } of (await pages.next()).lines) versions.set(version, time)
    this.#versions.put(path, versions)
    return versions
  }

  #undecided(logUntil: Moment | undefined): string | undefined {
    const now = this.#now()
    if (logUntil === undefined) return 'the audit of the node is behind its quorum head'
    if (compareMoments(plus(logUntil, this.#parts.lag), now) >= 0) return undefined
    return `the node has nothing of the log that is later than ${formatMoment(logUntil)}`
  }

  #find(
    of: IndexClass,
    line: FeedLine | undefined,
    { feedTime, logTime }: { feedTime?: Moment; logTime?: Moment },
    detail: string,
  ): void {
    this.#findings++
    this.#parts.onFinding({
      class: of,
      path: line?.path ?? null,
      version: line?.version ?? null,
      feedTime: feedTime === undefined ? null : formatMoment(feedTime),
      logTime: logTime === undefined ? null : formatMoment(logTime),
      detail,
    })
  }

  #report(since: Moment, judged: Moment, undecided: string | undefined): IndexReport {
    const from = compareMoments(judged, since) < 0 ? since : judged
    return { since, judged: from, lines: this.#lines, records: this.#records, undecided }
  }

  #now(): Moment {
    return { seconds: Math.floor(this.#parts.now() / 1000), nanos: 0 }
  }

  #askNodeBytes(query: string): Promise<Uint8Array> {
    return this.#parts.node.ask(`/index?${query}`)
  }

  async #askNode(query: string): Promise<string> {
    return fromUtf8(await this.#askNodeBytes(query)) ?? ''
  }
}
