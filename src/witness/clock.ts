/**
 * Whether this machine's clock can be right: held against what others say the time is, against the times that our own
 * cosignatures promise, and against the release of this version. Others' word is for people to read; only a clock that is
 * earlier than this version stops a signature. Pure but for the clocks that it is given.
 */
import { Lru } from '../lib/lru.js'

/** Seconds that a clock, or a promise, may be off before people are told. */
const TOLERANCE = 60
/** Sources of which the last word is kept: whoever was silent for longest makes room. */
const MAX_SOURCES = 256
/** A word counts for this long, in milliseconds. */
const FRESH_MS = 3_600_000
/** Logs that are named in one sentence. */
const MAX_NAMED = 3

export const CLOCK_CONDITIONS = ['clock ahead', 'clock behind', 'promise ahead', 'clock before release'] as const

/** Something about the clock that somebody should look into. */
export interface ClockCondition {
  readonly name: (typeof CLOCK_CONDITIONS)[number]
  /** A sentence. */
  readonly text: string
}

export interface ClockReport {
  /** Seconds that our clock is ahead of what others say, in the median; undefined when nobody said anything lately. */
  readonly offset: number | undefined
  readonly conditions: readonly ClockCondition[]
}

/** The time that our newest cosignature of a log says. */
export interface PromisedTime {
  /** What people call the log. */
  readonly log: string
  /** POSIX seconds. */
  readonly time: number
}

export interface ClockOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Milliseconds since any moment; nobody can set it. */
  readonly monotonic: () => number
  /** The day on which this version was released: YYYY-MM-DD. */
  readonly released: string
}

/** What a source said last. */
interface Word {
  /** Milliseconds that our clock was ahead of its. */
  readonly ahead: number
  /** By the monotonic clock. */
  readonly at: number
  /** How our two clocks stood to each other: when that changes, ours was set, and the word is about a clock that is gone. */
  readonly apart: number
}

export class Clock {
  readonly #options: ClockOptions
  readonly #releasedMs: number
  /** By source; who was silent for longest goes. */
  readonly #words = new Lru<Word>(MAX_SOURCES)

  constructor(options: ClockOptions) {
    this.#options = options
    this.#releasedMs = Date.parse(options.released)
  }

  /** A source says that it is `theirMs` now, in milliseconds since 1970. Whom to ask is the caller's choice. */
  observe(source: string, theirMs: number): void {
    if (!Number.isFinite(theirMs)) return
    const [now, at] = [this.#options.now(), this.#options.monotonic()]
    this.#words.put(source, { ahead: now - theirMs, at, apart: now - at })
  }

  /** Whether it is earlier than this version: then nothing may be signed (CLOCK_WRONG). */
  get isWrong(): boolean {
    return this.#options.now() < this.#releasedMs
  }

  /** How it stands with the clock, and with the times of our newest cosignatures. */
  report(promises: readonly PromisedTime[]): ClockReport {
    const words = this.#current()
    const ahead = median(words)
    const offset = ahead === undefined ? undefined : ahead / 1000
    const conditions = [
      ...(this.isWrong ? [beforeRelease(this.#options.released)] : []),
      ...(offset !== undefined && Math.abs(offset) > TOLERANCE ? [isOff(offset, words.length)] : []),
      ...promiseAhead(promises, this.#options.now() / 1000),
    ]
    return { offset, conditions }
  }

  /** What is said of the clock as it is set now. */
  #current(): number[] {
    const [now, at] = [this.#options.now(), this.#options.monotonic()]
    const counts = (word: Word): boolean =>
      at - word.at <= FRESH_MS && Math.abs(now - at - word.apart) <= (TOLERANCE / 2) * 1000
    return [...this.#words.values()].filter(counts).map((word) => word.ahead)
  }
}

/** What began to hold, and what does not hold any more. */
export function clockNews(
  before: readonly ClockCondition[],
  after: readonly ClockCondition[],
): (ClockCondition & { readonly holds: boolean })[] {
  const without = (one: readonly ClockCondition[], other: readonly ClockCondition[]): ClockCondition[] =>
    one.filter(({ name }) => !other.some((condition) => condition.name === name))
  return [
    ...without(after, before).map((condition) => ({ ...condition, holds: true })),
    ...without(before, after).map((condition) => ({ ...condition, holds: false })),
  ]
}

/** The middle; of two in the middle the one that agrees with us more. */
function median(values: readonly number[]): number | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = [sorted[(sorted.length - 1) >> 1], sorted[sorted.length >> 1]].filter((value) => value !== undefined)
  return middle.sort((a, b) => Math.abs(a) - Math.abs(b))[0]
}

function isOff(offset: number, sources: number): ClockCondition {
  const [name, side] = offset > 0 ? (['clock ahead', 'ahead of'] as const) : (['clock behind', 'behind'] as const)
  const who = sources === 1 ? 'the one peer or log that says the time' : `most of ${sources} peers and logs`
  return { name, text: `the clock of this machine is ${span(Math.abs(offset))} ${side} ${who}: is NTP running?` }
}

function beforeRelease(released: string): ClockCondition {
  const text = `the clock says a time before ${released}, when this version was released: nothing is signed until it is set`
  return { name: 'clock before release', text }
}

function promiseAhead(promises: readonly PromisedTime[], now: number): ClockCondition[] {
  const ahead = promises.filter(({ time }) => time - now > TOLERANCE).sort((a, b) => b.time - a.time)
  const [most] = ahead
  if (most === undefined) return []
  const named = ahead.slice(0, MAX_NAMED).map(({ log }) => log)
  const more = ahead.length > named.length ? ` and ${ahead.length - named.length} more` : ''
  const text = `the newest cosignature of ${named.join(', ')}${more} says a time that is ${span(most.time - now)} ahead of this clock, and so will all that follow until then: see "The clock" in docs/operating.md`
  return [{ name: 'promise ahead', text }]
}

/** A length of time in its largest whole unit. */
function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}
