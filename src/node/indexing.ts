/**
 * The index of a node that audits: of the first checksum database that it follows, which module versions stand in it, and
 * since when. The times are kept of all logs, by every node (covering.ts).
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

/** The folder of a home that has the index, in a folder by the id of its log. */
const FOLDER = 'index'

export interface IndexingParts {
  /** Id of the first checksum database that is followed; undefined when none is. */
  readonly log: string | undefined
  /** Opens the index; undefined when this node does not audit. */
  readonly open: (() => Promise<LogIndex>) | undefined
  readonly times: CoveringTimes
  /** Throws LOG_FROZEN while nothing of a log may be said. */
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

  /** Id of the log whose index it is. */
  get log(): string | undefined {
    return this.#parts.log
  }

  /** Records of a log that are in its index, from the first one on; undefined where there is no index. */
  size(log: string): number | undefined {
    return log === this.#parts.log ? this.#index?.size : undefined
  }

  /** Who keeps what the audit of a log reads; nobody of other logs. Throws what opening the index throws. */
  async taker(log: string): Promise<RecordTaker | undefined> {
    return log === this.#parts.log && this.#parts.open !== undefined ? this.#open() : undefined
  }

  /** The time, in milliseconds since 1970, of the first quorum head that covers a record; undefined while none is known to. */
  async covered(id: number): Promise<{ readonly time: number; readonly isExact: boolean } | undefined> {
    const { log, times } = this.#parts
    const covering = log === undefined ? undefined : await times.of(log, id)
    return covering && { time: covering.time * 1000, isExact: covering.isExact }
  }

  /**
   * The versions of a path in the audited part of the log, in its order, with the first record of each; undefined when this
   * node does not audit. Throws STORE_DAMAGED.
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

  /** Opened when it is wanted for the first time; what failed is tried again the next time. */
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
