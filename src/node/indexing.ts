/**
 * The index of a node that audits: which module versions are in the first checksum database that it follows, and since
 * when. Every node keeps the times, for all logs (covering.ts).
 */
import { join } from 'node:path'
import type { RecordTaker } from '../audit/walk/record-taker.js'
import { GossumError } from '../errors.js'
import type { IndexQuery, IndexView } from '../http/index-door.js'
import { indexPage, type IndexPage } from '../mirror/index/index-pages.js'
import { LogIndex } from '../mirror/index/log-index.js'
import { SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import type { KnownHeads, NodeBase } from './base.js'
import { makeCovering, type CoveringTimes } from './covering.js'

/** The folder in the home with the index: a subfolder named by the log id. */
const FOLDER = 'index'

export interface IndexingParts {
  /** Id of the first checksum database that is followed; undefined if there is none. */
  readonly log: string | undefined
  /** Opens the index; undefined when this node does not audit. */
  readonly open: (() => Promise<LogIndex>) | undefined
  readonly times: CoveringTimes
  /** Throws LOG_FROZEN while nothing may be stated about the log. */
  readonly requireSound: (log: string) => void
  /** Whether there is a quorum head. */
  readonly isCovered: (log: string) => Promise<boolean>
}

export class Indexing implements IndexView {
  readonly #parts: IndexingParts
  #opened: Promise<LogIndex> | undefined
  #index: LogIndex | undefined

  constructor(parts: IndexingParts) {
    this.#parts = parts
  }

  /** Id of the log that is indexed. */
  get log(): string | undefined {
    return this.#parts.log
  }

  /** How many records of a log are indexed, counted from the first; undefined if there is no index. */
  size(log: string): number | undefined {
    return log === this.#parts.log ? this.#index?.size : undefined
  }

  /** Where the audit of a log stores what it reads; undefined for other logs. Throws what opening the index throws. */
  async taker(log: string): Promise<RecordTaker | undefined> {
    return log === this.#parts.log && this.#parts.open !== undefined ? this.#open() : undefined
  }

  /**
   * The time, in milliseconds since 1970, of the first quorum head that covers a record; undefined if none is known.
   */
  async covered(id: number): Promise<{ readonly time: number; readonly isExact: boolean } | undefined> {
    const { log, times } = this.#parts
    const covering = log === undefined ? undefined : await times.of(log, id)
    return covering && { time: covering.time * 1000, isExact: covering.isExact }
  }

  /**
   * The versions of a path in the audited part of the log, in log order, each with the number of its first record;
   * undefined if this node does not audit. Throws STORE_DAMAGED.
   */
  async versions(path: string): Promise<readonly { readonly version: string; readonly id: number }[] | undefined> {
    return this.#parts.open === undefined ? undefined : (await this.#open()).versions(path)
  }

  async page({ since, limit, module }: IndexQuery): Promise<IndexPage> {
    const { log, open, times, requireSound, isCovered } = this.#parts
    if (log === undefined) throw new GossumError('INDEX_OFF', 'it follows no checksum database')
    if (open === undefined) throw new GossumError('INDEX_OFF', 'it runs without --audit')
    requireSound(log)
    if (!(await isCovered(log))) throw new GossumError('INDEX_WAITING')
    return indexPage(await this.#open(), times.ofLog(log), { since, limit, module })
  }

  async stop(): Promise<void> {
    await this.#parts.times.stop()
    await (await this.#opened?.catch(() => undefined))?.close()
  }

  /** Opened on first use; after a failure it is tried again the next time. */
  #open(): Promise<LogIndex> {
    this.#opened ??= this.#parts.open!().then(
      (index) => (this.#index = index),
      (error: unknown) => {
        this.#opened = undefined
        throw error
      },
    )
    return this.#opened
  }
}

export function makeIndexing(base: NodeBase, heads: KnownHeads, isHeld: (log: string) => boolean): Indexing {
  const { config, followed, store } = base
  const log = followed.find(({ origin }) => origin === SUMDB_ORIGIN)
  return new Indexing({
    log: log?.id,
    // A log without a URL is not audited.
    open: config.audit && log?.url ? () => LogIndex.open(join(config.home, FOLDER, log.id)) : undefined,
    times: makeCovering(base, heads),
    requireSound: (of) => {
      if (isHeld(of)) throw new GossumError('LOG_FROZEN')
    },
    isCovered: async (of) => (await store.covered.ends(of)) !== undefined,
  })
}
