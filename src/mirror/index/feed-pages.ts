/**
 * Reads an index feed in the format of the module index to its end, page by page. Nothing of it is believed: lines are bounded and
 * parsed strictly, time must ascend, and a feed that says the same again has ended.
 *
 * Pure: whoever makes it brings the pages.
 */
import { isObject } from '../../lib/is-object.js'
import { compareMoments, formatMoment, parseMoment, type Moment } from '../../lib/rfc3339.js'
import { unlessRefused } from '../../errors/attempt.js'
import { escapeModule, type ModuleVersion } from '../../sumdb/module-version.js'
import { fromUtf8 } from '../../tlog/bytes.js'

/** Lines that are asked for at a time: the most that the module index gives. */
export const PAGE_LINES = 2000
/** The largest page, in bytes: lines are some 150 long. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024

/** A line of a feed. */
export interface FeedLine extends ModuleVersion {
  readonly time: Moment
}

/** What a page brought that was not there before. */
export interface FeedPage {
  readonly lines: readonly FeedLine[]
  /** Lines that are none, as they stand, cut. */
  readonly invalid: readonly string[]
  /** Lines whose time is before that of the line before them, or before the time that was asked for. */
  readonly backwards: readonly FeedLine[]
}

/** Gives the page of a feed since a time, as bytes; MAX_PAGE_BYTES at most. */
export type AskPage = (since: string, limit: number) => Promise<Uint8Array>

export class FeedPages {
  readonly #ask: AskPage
  #at: Moment
  /** What was seen of the time `#at`: it comes again with the next page. */
  #seen = new Set<string>()
  #isEnd = false

  constructor(ask: AskPage, since: Moment) {
    this.#ask = ask
    this.#at = since
  }

  /** The last time that was read; before the first page the one from which it is read. */
  get reached(): Moment {
    return this.#at
  }

  /** Whether there was no more at the last look. */
  get isEnd(): boolean {
    return this.#isEnd
  }

  /** Nothing more of it is wanted. */
  end(): void {
    this.#isEnd = true
  }

  /** Reads the next page. Throws what asking throws. */
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
    // A feed of which more lines share one time than a page has cannot be paged: behind it is what can be had.
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

/** A line of JSON as the module index has it; undefined for what names no module version and time. */
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
