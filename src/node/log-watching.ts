/**
 * Searches the new records of one log for watched modules. Only records below the quorum head are searched, each proven
 * under it, and the position is on disk: a restart misses none.
 */
import { errorCode, GossumError } from '../errors.js'
import { attempted } from '../errors/attempt.js'
import { lastingController } from '../lib/timed.js'
import type { WatchStore, OpenVersion } from '../store/watch-store.js'
import { fromUtf8, toBase64 } from '../tlog/bytes.js'
import { formatHash } from '../tlog/hash.js'
import type { SumdbClient } from '../sumdb/client.js'
import type { RequestBudget } from '../sumdb/request-budget.js'
import { encodeCosigned, type CosignedHead } from '../witness/cosigned-head.js'
import type { Standing, WatchedVersion, Watches } from '../watch/watches.js'
import type { NodeEventBody } from './events.js'
import { Rounds } from './rounds.js'

/** Records read at once: sixteen data tiles. */
const STEP = 16 * 256
/** Approximate number of requests for so many records: their tiles, the hash tiles, and the path to the head. */
const requestsFor = (records: number): number => 2 * Math.ceil(records / 256) + 8
/** Milliseconds after which lists are read again while versions are open, and after a log has not answered. */
const EVERY_MS = 60_000

export interface LogWatchingParts {
  /** Log id. */
  readonly log: string
  readonly client: Pick<SumdbClient, 'records' | 'recordProof'>
  readonly quorum: () => CosignedHead | undefined
  readonly watches: Watches
  readonly kept: WatchStore
  readonly told: { readonly tell: (event: NodeEventBody) => void; readonly onError: (error: unknown) => void }
  /** How fast the log may be asked, and how often lists are read again (EVERY_MS if absent). */
  readonly pace: { readonly budget: RequestBudget; readonly everyMs?: number }
}

export class LogWatching {
  readonly #parts: LogWatchingParts
  readonly #stopped = lastingController()
  readonly #rounds = new Rounds(this.#stopped.signal)
  #running: Promise<void> = Promise.resolve()

  constructor(parts: LogWatchingParts) {
    this.#parts = parts
  }

  start(): void {
    if (!this.#stopped.signal.aborted) this.#running = this.#run()
  }

  /** There may be a new quorum head. */
  wake(): void {
    this.#rounds.wake()
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the node stops'))
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    const { told, pace } = this.#parts
    for (;;) {
      this.#rounds.begin()
      try {
        await this.#lookThrough()
        await this.#lookAgain()
      } catch (error) {
        if (signal.aborted) return
        // That a log is down is reported by its poller.
        if (errorCode(error) !== 'LOG_UNREACHABLE') told.onError(error)
      }
      await this.#rounds.rest(pace.everyMs ?? EVERY_MS)
      if (signal.aborted) return
    }
  }

  /** Searches what is new below the quorum head. The very first time, nothing is new. */
  async #lookThrough(): Promise<void> {
    const { log, client, quorum, watches, kept, pace } = this.#parts
    const { signal } = this.#stopped
    const head = quorum()
    if (head === undefined) return
    let next = await kept.position(log)
    if (next === undefined) return kept.move(log, head.size)
    while (next < head.size && !signal.aborted) {
      const to: number = Math.min(next + STEP, head.size)
      await pace.budget.take(requestsFor(to - next), signal)
      const records = await client.records(head, next, to, { signal })
      for (const [i, bytes] of records.entries()) {
        const record = fromUtf8(bytes)
        const version = record === undefined ? undefined : watches.watched(record)
        if (version === undefined) continue
        await this.#found(head, next + i, record!, version)
        await kept.move(log, next + i + 1)
      }
      await kept.move(log, to)
      next = to
    }
  }

  async #found(head: CosignedHead, id: number, record: string, version: WatchedVersion): Promise<void> {
    const { log, watches, kept } = this.#parts
    const standing = await watches.standing(version, this.#stopped.signal)
    const isAlarm = standing === 'unauthorised'
    // Kept before it is reported: an alarm stands until someone has dealt with it.
    if (isAlarm || standing === 'unread') await kept.put({ log, id, record, isAlarmed: isAlarm })
    await this.#tell(isAlarm ? 'unauthorised' : 'watch', head, id, record, version, standing)
  }

  /** Checks the open versions again: the owner may have authorised them, or a list may be readable by now. */
  async #lookAgain(): Promise<void> {
    const { log, quorum, watches, kept } = this.#parts
    for (const one of kept.open.filter((version) => version.log === log)) {
      const version = watches.watched(one.record)
      const standing = version && (await watches.standing(version, this.#stopped.signal))
      // The module is no longer watched, or no list says which versions are authorised.
      if (standing === undefined || standing === 'authorised' || standing === 'unlisted') await kept.close(one)
      else if (standing === 'unauthorised' && !one.isAlarmed) await this.#alarm(one, version!, quorum())
    }
  }

  async #alarm(one: OpenVersion, version: WatchedVersion, head: CosignedHead | undefined): Promise<void> {
    if (head === undefined || head.size <= one.id) return
    await this.#parts.kept.put({ ...one, isAlarmed: true })
    await this.#tell('unauthorised', head, one.id, one.record, version, 'unauthorised')
  }

  async #tell(
    event: 'watch' | 'unauthorised',
    head: CosignedHead,
    id: number,
    record: string,
    { module, version }: WatchedVersion,
    standing: Standing,
  ): Promise<void> {
    const { log, client, told } = this.#parts
    // The alarm does not wait for a log that does not return the proof now.
    const shown = await attempted(client.recordProof(head, id, { signal: this.#stopped.signal }))
    const proof = shown instanceof GossumError ? null : shown.proof.map((hash) => toBase64(hash))
    const times = [...head.cosignatures.values()].map(({ time }) => time)
    told.tell({
      ...{ event, log, module, version, id, record, proof },
      ...{ size: head.size, root: formatHash(head.root), head: fromUtf8(encodeCosigned(head))! },
      time: new Date(Math.max(0, ...times) * 1000).toISOString(),
      authorised: standing === 'authorised' ? true : standing === 'unauthorised' ? false : null,
    })
  }
}
