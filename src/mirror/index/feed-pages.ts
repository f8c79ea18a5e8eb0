/**
 * Reads an index feed in the format of the module index to its end, page by page. The feed is not trusted: lines are
 * limited in length and parsed strictly, times must ascend, and a feed that repeats itself has ended.
 *
 * Pure: the caller fetches the pages.
 */
import { isObject } from '../../lib/is-object.js'
import { compareMoments, formatMoment, parseMoment, type Moment } from '../../lib/rfc3339.js'
import { unlessRefused } from '../../errors/attempt.js'
import { escapeModule, type ModuleVersion } from '../../sumdb/module-version.js'
import { fromUtf8 } from '../../tlog/bytes.js'

/** Lines requested per page: the most that the module index returns. */
export const PAGE_LINES = 2000
/** The largest page, in bytes: lines are about 150 bytes long. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024

/** A line of a feed. */
export interface FeedLine extends ModuleVersion {
  readonly time: Moment
}

/** The new part of a page. */
export interface FeedPage {
  readonly lines: readonly FeedLine[]
  /** Malformed lines, truncated. */
  readonly invalid: readonly string[]
  /** Lines whose time is before that of the previous line, or before the requested time. */
  readonly backwards: readonly FeedLine[]
}

/** Fetches the page of a feed since a time, as bytes; at most MAX_PAGE_BYTES. */
export type AskPage = (since: string, limit: number) => Promise<Uint8Array>

export class FeedPages {
  readonly #ask: AskPage
  #at: Moment
  /** The lines with the time `#at`, which the next page repeats. */
  #seen = new Set<string>()
  #isEnd = false

  constructor(ask: AskPage, since: Moment) {
    this.#ask = ask
    this.#at = since
  }

  /** The last time that was read; before the first page, the time from which to read. */
  get reached(): Moment {
    return this.#at
  }

  /** Whether the last page was the last one available. */
  get isEnd(): boolean {
    return this.#isEnd
  }

  /** Stops reading. */
  end(): void {
    this.#isEnd = true
  }

  /** Reads the next page. Throws errors of fetching it. */
  async next(): Promise<FeedPage> {
    const asked = this.#at
    const text = fromUtf8(await this.#ask(formatMoment(asked), PAGE_LINES)) ?? ''
    const page = { lines: [] as FeedLine[], invalid: [] as string[], backwards: [] as FeedLine[] }
    let count = 0
    for (const raw of text.split('\n')) {
      if (raw.trim() === '') continue
      count++
      const line = parseLine(raw)
      if (line === undefined) page.invalid.push(raw.slice(0, 200))
      else if (compareMoments(line.time, this.#at) < 0) page.backwards.push(line)
      else if (this.#isNew(line)) page.lines.push(line)
    }
    // If more lines share one time than fit on a page, the feed cannot be paged further: this is all that is available.
    const isStuck = page.lines.length === 0 && count >= PAGE_LINES && compareMoments(asked, this.#at) === 0
    if (isStuck && page.backwards.length < count) this.#moveTo(afterwards(this.#at))
    else this.#isEnd = page.lines.length === 0
    return page
  }

  #isNew(line: FeedLine): boolean {
    if (compareMoments(line.time, this.#at) > 0) this.#moveTo(line.time)
    const name = `${line.path}@${line.version}`
    if (this.#seen.has(name)) return false
    this.#seen.add(name)
    return true
  }

  #moveTo(time: Moment): void {
    this.#at = time
    this.#seen = new Set()
  }
}

/** A line of JSON in the form of the module index; undefined if it has no module version and time. */
export function parseLine(line: string): FeedLine | undefined {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    return undefined
  }
  if (!isObject(value)) return undefined
  const { Path: path, Version: version, Timestamp: timestamp } = value
  if (typeof path !== 'string' || typeof version !== 'string' || typeof timestamp !== 'string') return undefined
  const time = parseMoment(timestamp)
  if (time === undefined || unlessRefused(() => escapeModule(path, version)) === undefined) return undefined
  return { path, version, time }
}

function afterwards({ seconds, nanos }: Moment): Moment {
  return nanos === 999_999_999 ? { seconds: seconds + 1, nanos: 0 } : { seconds, nanos: nanos + 1 }
}
