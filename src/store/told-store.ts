/**
 * What people were told and nothing else keeps: suspects, and new versions of modules that are watched. The newest of it, for
 * those who come for it later. It can be lost without harm.
 */
import type { Table } from './disk.js'
import { areCounts, areTexts } from '../lib/is-object.js'

/** What happened, as little of it as it takes to say so again. */
export interface ToldNews {
  readonly event: 'suspect' | 'watch' | 'unauthorised'
  /** ISO 8601. */
  readonly at: string
  /** Log id. */
  readonly log: string
  /** What tells it from all others of its kind: the id of a suspect, the number of a record. */
  readonly id: string
  /** Of a suspect: its size, null beyond what a tree can have; and why it is not proven. */
  readonly size?: number | null
  readonly code?: string
  /** Of a version: `path@version`. */
  readonly module?: string
}

const EVENTS: readonly ToldNews['event'][] = ['suspect', 'watch', 'unauthorised']
/** As feeds have it. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z$/
const MOST = 100
/** Digits of the number that each has: keys are in the order of their bytes. */
const DIGITS = 15

export class ToldStore {
  readonly #table: Table
  /** By key, the oldest first. */
  readonly #kept = new Map<string, ToldNews>()
  #next = 0

  constructor(table: Table) {
    this.#table = table
  }

  /** What cannot be read is nothing. */
  async load(): Promise<void> {
    for (const [key, text] of await this.#table.entries()) {
      const news = read(text)
      if (news !== undefined) this.#kept.set(key, news)
      this.#next = Math.max(this.#next, Number(key) + 1 || 0)
    }
  }

  /** The oldest first. */
  get list(): readonly ToldNews[] {
    return [...this.#kept.values()]
  }

  /** Keeps it, in place of the oldest when there is no room. It may be on disk a moment later. */
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
