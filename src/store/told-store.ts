/**
 * What was reported and is kept nowhere else: suspects, and new versions of watched modules. Only the newest reports,
 * for feed readers that come later. It can be lost without harm.
 */
import type { Table } from './disk.js'
import { areCounts, areTexts } from '../lib/is-object.js'

/** What happened, with only the facts needed to report it again. */
export interface ToldNews {
  readonly event: 'suspect' | 'watch' | 'unauthorised'
  /** ISO 8601. */
  readonly at: string
  /** Log id. */
  readonly log: string
  /** Distinguishes it from others of its kind: the id of a suspect, the number of a record. */
  readonly id: string
  /** For a suspect: its size, null if no tree can have it; and why it is not proven. */
  readonly size?: number | null
  readonly code?: string
  /** For a version: `path@version`. */
  readonly module?: string
}

const EVENTS: readonly ToldNews['event'][] = ['suspect', 'watch', 'unauthorised']
/** The time format of feeds. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/
const MOST = 100
/** Digits of the number in each key: keys sort by their bytes. */
const DIGITS = 15

export class ToldStore {
  readonly #table: Table
  /** By key, the oldest first. */
  readonly #kept = new Map<string, ToldNews>()
  #next = 0

  constructor(table: Table) {
    this.#table = table
  }

  /** Loads the reports; unreadable ones are skipped. */
  async load(): Promise<void> {
    for (const [key, text] of await this.#table.entries()) {
      const news = read(text)
      if (news !== undefined) this.#kept.set(key, news)
      this.#next = Math.max(this.#next, Number(key) + 1 || 0)
    }
  }

  /** Reports, the oldest first. */
  get list(): readonly ToldNews[] {
    return [...this.#kept.values()]
  }

  /** Keeps a report, replacing the oldest when there is no room. Written to disk lazily. */
  async add(news: ToldNews): Promise<void> {
    const key = String(this.#next++).padStart(DIGITS, '0')
    this.#kept.set(key, news)
    const [oldest] = this.#kept.keys()
    const isFull = this.#kept.size > MOST
    if (isFull) this.#kept.delete(oldest!)
    await this.#table.putLazily(key, JSON.stringify(news))
    if (isFull) await this.#table.del(oldest!)
  }
}

function read(text: string): ToldNews | undefined {
  try {
    const news = JSON.parse(text) as ToldNews
    const { event, at, log, id, size, code = '', module = '' } = news
    const isWhole = EVENTS.includes(event) && areTexts(at, log, id, code, module) && areCounts(size ?? 0)
    return isWhole && TIME.test(at) && !Number.isNaN(Date.parse(at)) ? news : undefined
  } catch {
    return undefined
  }
}
