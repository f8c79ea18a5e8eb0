/**
 * Keeps the times at which the records of each log were first covered by a quorum head, as quorum heads become known. A
 * time that is not on disk yet is not reported.
 */
import type { RecordTimes } from '../mirror/index/index-pages.js'
import type { Covered, Covering } from '../store/covered.js'
import { MAX_AHEAD, quorumTime } from '../witness/quorum-time.js'
import type { KnownHeads, NodeBase } from './base.js'

export class CoveringTimes {
  readonly #covered: Covered
  readonly #look: (log: string) => Promise<void>
  /** By log id: the write in progress, and whether there is something newer. */
  readonly #writing = new Map<string, { isOutdated: boolean; readonly done: Promise<void> }>()

  /** `look` adds the current quorum head; it does not throw. */
  constructor(covered: Covered, look: (log: string) => Promise<void>) {
    this.#covered = covered
    this.#look = look
  }

  /** There may be a new quorum head. If several arrive during a write, only the last is written. */
  changed(log: string): void {
    const writing = this.#writing.get(log)
    if (writing === undefined) this.#writing.set(log, { isOutdated: false, done: this.#write(log) })
    else writing.isOutdated = true
  }

  /** The first quorum head that covers a record of a log; undefined if none is known. Throws STORE_DAMAGED. */
  async of(log: string, id: number): Promise<Covering | undefined> {
    await this.#writing.get(log)?.done
    return this.#covered.of(log, id)
  }

  /** The times for one log. */
  ofLog(log: string): RecordTimes {
    return { of: (id) => this.of(log, id), since: (time) => this.#covered.since(log, time) }
  }

  /** Resolves when what is known by now was written, or could not be. */
  async stop(): Promise<void> {
    await Promise.all([...this.#writing.values()].map(({ done }) => done))
  }

  async #write(log: string): Promise<void> {
    // Later in this turn: only then is it known that a write is in progress.
    await Promise.resolve()
    for (let writing = this.#writing.get(log); writing !== undefined;) {
      writing.isOutdated = false
      await this.#look(log)
      if (!this.#writing.get(log)!.isOutdated) break
    }
    this.#writing.delete(log)
  }
}

/** For all followed logs; the current quorum heads are added at once. */
export function makeCovering(
  { followed, store, news, clock }: Pick<NodeBase, 'followed' | 'store' | 'news' | 'clock'>,
  { cosigned, quorum }: Pick<KnownHeads, 'cosigned' | 'quorum'>,
): CoveringTimes {
  const covering = new CoveringTimes(store.covered, async (log) => {
    try {
      const head = cosigned.quorum(log)
      const time = head && quorumTime(head.cosignatures, quorum.satisfiedBy)
      if (head === undefined || time === undefined) return
      await store.covered.add(log, { size: head.size, time }, Math.floor(clock.now() / 1000) + MAX_AHEAD)
    } catch (error) {
      // The next head is tried as well, and covers what this one covered.
      news.onError(error)
    }
  })
  news.on('changed', (log) => covering.changed(log))
  for (const { id } of followed) covering.changed(id)
  return covering
}
