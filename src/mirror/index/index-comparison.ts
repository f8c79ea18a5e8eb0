/**
 * Holds an index feed against the log, as both are read side by side: what one side has shows up on the other one within a lag,
 * or it is overdue.
 *
 * The log's times are those of quorum heads. A node that was away has late ones, which is nobody's fault: so a feed is behind the log
 * only when it shows a version later than a head that covers it, and ahead of it only when a head came that does not.
 *
 * Pure.
 */
import { GossumError } from '../../errors.js'
import { compareMoments, type Moment } from '../../lib/rfc3339.js'
import type { FeedLine } from './feed-pages.js'

/** Versions that wait for their counterpart, of one side: days of the public index. */
const MAX_WAITING = 1_000_000

/** What has no counterpart in time. */
export interface Overdue {
  /** In the feed, and not in the log that a quorum head covers which is later by more than the lag. */
  readonly feed: readonly FeedLine[]
  /** In the log, and not in the feed until later by more than the lag. */
  readonly log: readonly FeedLine[]
}

/** A record of the log, and the second of the head before the one that covers it: by then the log had it not. */
interface LogLine extends FeedLine {
  readonly after: number
}

/** Those of one side that wait, in the order of their time. */
class Side<L extends FeedLine> {
  readonly waiting = new Map<string, L>()
  /** The time up to which all of this side are here. */
  reached: Moment

  constructor(reached: Moment) {
    this.reached = reached
  }

  add(name: string, line: L): void {
    if (!this.waiting.has(name)) this.waiting.set(name, line)
    if (this.waiting.size > MAX_WAITING)
      throw new GossumError('USAGE', `more than ${MAX_WAITING} versions wait for their like: choose a shorter --lag`)
  }

  /** Takes away what waits and is earlier than a time. */
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
  /** The second of the last line of the log, of which more may come, and the one before it. */
  #second: number
  #secondBefore: number

  /** Lines from `since` on are judged; those of the `lag` before, in seconds, are for comparison alone. */
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

  /** Whether the log has to be read on first, for the feed is ahead. */
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

  /** The next lines of the log. It is there up to the second before the last line: of one head more may come. */
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
   * Takes both away if they are counterparts. Of a feed that was late both wait on: the record was not shown in time, and the
   * line shows it too late. Of one that was early only the line does.
   */
  #pair(name: string, line: FeedLine, record: LogLine): boolean {
    if (compareMoments(plus(record.time, this.#lag), line.time) < 0) return false
    this.#log.waiting.delete(name)
    if (plus(line.time, this.#lag).seconds >= record.after) this.#feed.waiting.delete(name)
    else this.#feed.add(name, line)
    return true
  }

  /** All that the feed has up to this time is here. */
  feedIsWhole(until: Moment): void {
    this.#feed.reached = later(this.#feed.reached, until)
  }

  /** All that the log has up to this time is here. */
  logIsWhole(until: Moment): void {
    this.#log.reached = later(this.#log.reached, until)
  }

  /** What is overdue by now, each once. */
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

/** A moment so many seconds later. */
export function plus({ seconds, nanos }: Moment, more: number): Moment {
  return { seconds: seconds + more, nanos }
}

function earlier(a: Moment, b: Moment): Moment {
  return compareMoments(a, b) < 0 ? a : b
}

function later(a: Moment, b: Moment): Moment {
  return compareMoments(a, b) < 0 ? b : a
}
