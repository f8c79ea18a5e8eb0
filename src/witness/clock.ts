/**
 * Whether this machine's clock can be right. It is compared with the time that others report, with the times that our
 * own cosignatures promise, and with the release date of this version. What others report is shown to people only;
 * nothing but a clock earlier than the release prevents a signature. Pure but for the clocks that it is given.
 */
import { Lru } from '../lib/lru.js'

/** Seconds that a clock, or a promise, may be off before a condition is reported. */
const TOLERANCE = 60
/** Sources whose last report is kept; the one that was silent for longest is evicted. */
const MAX_SOURCES = 256
/** How long a report counts, in milliseconds. */
const FRESH_MS = 3_600_000
/** The most logs that one sentence names. */
const MAX_NAMED = 3

export const CLOCK_CONDITIONS = ['clock ahead', 'clock behind', 'promise ahead', 'clock before release'] as const

/** A problem with the clock that the operator should look into. */
export interface ClockCondition {
  readonly name: (typeof CLOCK_CONDITIONS)[number]
  /** A full sentence. */
  readonly text: string
}

export interface ClockReport {
  /** Median of the seconds by which our clock is ahead of others; undefined without recent reports. */
  readonly offset: number | undefined
  readonly conditions: readonly ClockCondition[]
}

/** The time in our newest cosignature of a log. */
export interface PromisedTime {
  /** Display name of the log. */
  readonly log: string
  /** POSIX seconds. */
  readonly time: number
}

export interface ClockOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number
  /** Monotonic milliseconds since an arbitrary moment. */
  readonly monotonic: () => number
  /** The day on which this version was released: YYYY-MM-DD. */
  readonly released: string
}

/** The last report of a source. */
interface Word {
  /** Milliseconds by which our clock was ahead of the source's. */
  readonly ahead: number
  /** By the monotonic clock. */
  readonly at: number
  /** Difference between our two clocks at that time. If it changes, ours was set, and the report no longer applies. */
  readonly apart: number
}

export class Clock {
  readonly #options: ClockOptions
  readonly #releasedMs: number
  /** By source; the one that was silent for longest is evicted. */
  readonly #words = new Lru<Word>(MAX_SOURCES)

  constructor(options: ClockOptions) {
    this.#options = options
    this.#releasedMs = Date.parse(options.released)
  }

  /** A source reports that its time is `theirMs`, in milliseconds since 1970. The caller chooses the sources. */
  observe(source: string, theirMs: number): void {
    if (!Number.isFinite(theirMs)) return
    const [now, at] = [this.#options.now(), this.#options.monotonic()]
    this.#words.put(source, { ahead: now - theirMs, at, apart: now - at })
  }

  /** Whether the clock is earlier than the release of this version: then nothing may be signed (CLOCK_WRONG). */
  get isWrong(): boolean {
    return this.#options.now() < this.#releasedMs
  }

  /** Reports on the clock, and on the times of our newest cosignatures. */
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

  /** The reports that apply to the clock as it is set now. */
  #current(): number[] {
    const [now, at] = [this.#options.now(), this.#options.monotonic()]
    const counts = (word: Word): boolean =>
      at - word.at <= FRESH_MS && Math.abs(now - at - word.apart) <= (TOLERANCE / 2) * 1000
    return [...this.#words.values()].filter(counts).map((word) => word.ahead)
  }
}

/** The conditions that began, and those that ended. */
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

/** The median; of two middle values, the one closer to zero. */
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
  const text = `the clock shows a time before ${released}, when this version was released: nothing is signed until it is set`
  return { name: 'clock before release', text }
}

function promiseAhead(promises: readonly PromisedTime[], now: number): ClockCondition[] {
  const ahead = promises.filter(({ time }) => time - now > TOLERANCE).sort((a, b) => b.time - a.time)
  const [most] = ahead
  if (most === undefined) return []
  const named = ahead.slice(0, MAX_NAMED).map(({ log }) => log)
  const more = ahead.length > named.length ? ` and ${ahead.length - named.length} more` : ''
  const text = `the newest cosignature of ${named.join(', ')}${more} has a time ${span(most.time - now)} ahead of this clock, and so will all later ones until then: see "The clock" in docs/operating.md`
  return [{ name: 'promise ahead', text }]
}

/** A duration in its largest whole unit. */
function span(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}
