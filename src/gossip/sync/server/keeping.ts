/**
 * Accepts the promises and cosigned heads that peers bring to be kept. Each costs a signature verification and a place
 * on disk, so only few from strangers are examined. One that is not kept, for whatever reason, takes nothing from the
 * others.
 */
import { TokenBuckets } from '../../../lib/token-buckets.js'
import type { WitnessPromise } from '../../../witness/promise.js'
import type { DoorReports } from '../../gossip.js'
import type { PromiseRequest } from '../promises.js'

/** The peer that brought a promise. */
export interface Sender {
  /** Peer id. */
  readonly peer: string
  /** The verifier key that it proved on this connection. */
  readonly witness: string | undefined
  /** Whether it is one of the peers that we chose. */
  readonly chosen: boolean
}

export interface KeepHandlers {
  /** Keeps a promise that a peer brought; true when it would survive a crash. */
  keepPromise(promise: WitnessPromise, from: Sender): Promise<boolean>
  /** Handles a cosigned head that a peer sent with its promises. */
  keepLine(note: Uint8Array, peer: string): Promise<void>
}

/**
 * Promises and heads of one stranger that are examined: at once, and per second in the long run. A witness that names
 * us as its bootstrap peer is a stranger to us. It may start with as many logs as its key has room for, each with a
 * promise, a promise by a second key, and a line.
 */
const STRANGER_BURST = 768
const STRANGER_PER_SECOND = 16
/** The same for all strangers together, since a new peer id costs nothing. */
const STRANGERS_BURST = 2048
const STRANGERS_PER_SECOND = 64

export class PromiseKeeper {
  readonly #handlers: KeepHandlers
  readonly #reports: DoorReports
  readonly #stranger = new TokenBuckets(STRANGER_BURST, STRANGER_PER_SECOND)
  readonly #strangers = new TokenBuckets(STRANGERS_BURST, STRANGERS_PER_SECOND)

  constructor(handlers: KeepHandlers, reports: DoorReports) {
    this.#handlers = handlers
    this.#reports = reports
  }

  /** For each promise whether it is kept durably. All are passed to the handlers at once, to be written together. */
  async keep({ promises, lines }: PromiseRequest, from: Sender, isTrusted: boolean): Promise<boolean[]> {
    const keeping = promises.map(async (promise) =>
      promise !== undefined && this.#mayLook(from, isTrusted)
        ? this.#guarded(false, () => this.#handlers.keepPromise(promise, from))
        : false,
    )
    const taking = lines.map(async (line) =>
      line !== undefined && this.#mayLook(from, isTrusted)
        ? this.#guarded(undefined, () => this.#handlers.keepLine(line, from.peer))
        : undefined,
    )
    const [kept] = await Promise.all([Promise.all(keeping), Promise.all(taking)])
    return kept
  }

  #mayLook({ peer }: Sender, isTrusted: boolean): boolean {
    const now = performance.now()
    if (isTrusted || (this.#stranger.take(peer, now) && this.#strangers.take('', now))) return true
    this.#reports.onDropped('sync-promises')
    return false
  }

  /** What our own handlers throw is our bug; then nothing is kept. */
  async #guarded<T>(failed: T, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      this.#reports.onError(error)
      return failed
    }
  }
}
