/**
 * Compares an index feed with the log, both read side by side: an entry of one side must appear on the other within a
 * lag, or it is overdue.
 *
 * The log's times are those of quorum heads. A node that was offline has late ones, which is not the feed's fault: so a
 * feed is behind the log only if it shows a version later than a head that covers it, and ahead of it only if a later
 * head does not cover it.
 *
 * Pure.
 */
import { GossumError } from '../../errors.js'
import { compareMoments, type Moment } from '../../lib/rfc3339.js'
import type { FeedLine } from './feed-pages.js'

/** The most versions of one side that wait for their counterpart: several days of the public index. */
const MAX_WAITING = 1_000_000

/** Entries without a counterpart in time. */
export interface Overdue {
  /** In the feed, but not in the log that was covered by a quorum head more than the lag later. */
  readonly feed: readonly FeedLine[]
  /** In the log, but not in the feed up to more than the lag later. */
  readonly log: readonly FeedLine[]
}

/** A record of the log, and the second of the head before the one that covers it, when the log did not have it yet. */
interface LogLine extends FeedLine {
  readonly after: number
}

/** The waiting entries of one side, ordered by time. */
class Side<L extends FeedLine> {
  readonly waiting = new Map<string, L>()
  /** The time up to which this side is complete. */
  reached: Moment

  constructor(reached: Moment) {
    this.reached = reached
  }

  add(name: string, line: L): void {
    if (!this.waiting.has(name)) this.waiting.set(name, line)
    if (this.waiting.size > MAX_WAITING)
      throw new GossumError(
        'USAGE',
        `more than ${MAX_WAITING} versions wait for their counterpart: choose a shorter --lag`,
      )
  }

  /** Removes and returns the waiting entries before a time. */
  before(time: Moment): L[] {
    const early: L[] = []
    for (const [name, line] of this.waiting) {
      if (compareMoments(line.time, time) >= 0) break
      this.waiting.delete(name)
      early.push(line)
    }
    return early
  }
}

export class IndexComparison {
  readonly #lag: number
  readonly #since: Moment
  readonly #feed: Side<FeedLine>
  readonly #log: Side<LogLine>
  /** The second of the last line of the log, which may have more lines, and the second before it. */
  #second: number
  #secondBefore: number

  /** Lines from `since` on are judged; those of the `lag` seconds before that serve only for comparison. */
  constructor(since: Moment, lag: number) {
    const start = plus(since, -lag)
    this.#since = since
    this.#lag = lag
    this.#feed = new Side(start)
    this.#log = new Side(start)
    this.#second = start.seconds
    this.#secondBefore = start.seconds
  }

  /** The time up to which everything is judged. */
  get judged(): Moment {
    return plus(earlier(this.#feed.reached, this.#log.reached), -this.#lag)
  }

  /** Whether the log must be read next, because the feed is ahead. */
  get isLogBehind(): boolean {
    return compareMoments(this.#log.reached, this.#feed.reached) < 0
  }

  /** The next lines of the feed, in order. */
  feed(lines: readonly FeedLine[]): void {
    for (const line of lines) {
      const name = nameOf(line)
      const record = this.#log.waiting.get(name)
      if (record === undefined || !this.#pair(name, line, record)) this.#feed.add(name, line)
      this.#feed.reached = line.time
    }
  }

  /** The next lines of the log. It is complete up to the second before the last line, whose head may cover more. */
  log(lines: readonly FeedLine[]): void {
    for (const line of lines) {
      if (line.time.seconds !== this.#second) {
        this.#log.reached = later(this.#log.reached, { seconds: this.#second, nanos: 0 })
        this.#secondBefore = this.#second
        this.#second = line.time.seconds
      }
      const name = nameOf(line)
      const record = { ...line, after: this.#secondBefore }
      const shown = this.#feed.waiting.get(name)
      if (shown === undefined || !this.#pair(name, shown, record)) this.#log.add(name, record)
    }
  }

  /**
   * Removes both if they are counterparts. If the feed was late, both keep waiting: the record was not shown in time,
   * and the line came too late. If it was early, only the line does.
   */
  #pair(name: string, line: FeedLine, record: LogLine): boolean {
    if (compareMoments(plus(record.time, this.#lag), line.time) < 0) return false
    this.#log.waiting.delete(name)
    if (plus(line.time, this.#lag).seconds >= record.after) this.#feed.waiting.delete(name)
    else this.#feed.add(name, line)
    return true
  }

  /** The feed is complete up to this time. */
  feedIsWhole(until: Moment): void {
    this.#feed.reached = later(this.#feed.reached, until)
  }

  /** The log is complete up to this time. */
  logIsWhole(until: Moment): void {
    this.#log.reached = later(this.#log.reached, until)
  }

  /** What has become overdue, each entry once. */
  overdue(): Overdue {
    const isJudged = ({ time }: FeedLine): boolean => compareMoments(time, this.#since) >= 0
    return {
      feed: this.#feed.before(plus(this.#log.reached, -this.#lag)).filter(isJudged),
      log: this.#log.before(plus(this.#feed.reached, -this.#lag)).filter(isJudged),
    }
  }
}

function nameOf({ path, version }: FeedLine): string {
  return `${path}@${version}`
}

/** The moment this many seconds later. */
export function plus({ seconds, nanos }: Moment, more: number): Moment {
  return { seconds: seconds + more, nanos }
}

function earlier(a: Moment, b: Moment): Moment {
  return compareMoments(a, b) < 0 ? a : b
}

function later(a: Moment, b: Moment): Moment {
  return compareMoments(a, b) < 0 ? b : a
}
