/**
 * Keeps the times at which the records of each log were first covered by a quorum head, as quorum heads become known. A
 * time that is not on disk yet is not reported: who asks makes it be written.
 */
import { Throttle } from '../lib/throttle.js'
import { setTimer, type SetTimer } from '../lib/set-timer.js'
import type { RecordTimes } from '../mirror/index/index-pages.js'
import type { Covered, Covering } from '../store/covered.js'
import { MAX_AHEAD, quorumTime } from '../witness/quorum-time.js'
import type { KnownHeads, NodeBase } from './base.js'

/** Milliseconds between two writes for a log that grows all the time: times are kept in whole seconds. */
const PAUSE_MS = 1000

export class CoveringTimes {
  readonly #covered: Covered
  readonly #looks: Throttle

  /** `look` adds the current quorum head; it does not throw. */
  constructor(covered: Covered, look: (log: string) => Promise<void>, setTimerOfClock: SetTimer = setTimer) {
    this.#covered = covered
    this.#looks = new Throttle(look, PAUSE_MS, setTimerOfClock)
  }

  /** There may be a new quorum head. Of several within a pause only the last is written. */
  changed(log: string): void {
    this.#looks.changed(log)
  }

  /** The first quorum head that covers a record of a log; undefined if none is known. Throws STORE_DAMAGED. */
  async of(log: string, id: number): Promise<Covering | undefined> {
    await this.#looks.settled(log)
    return this.#covered.of(log, id)
  }

  /** The times for one log. */
  ofLog(log: string): RecordTimes {
    return { of: (id) => this.of(log, id), since: (time) => this.#since(log, time) }
  }

  /** Resolves when what is known by now was written, or could not be. */
  stop(): Promise<void> {
    return this.#looks.stop()
  }

  async #since(log: string, time: number): Promise<number> {
    await this.#looks.settled(log)
    return this.#covered.since(log, time)
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
