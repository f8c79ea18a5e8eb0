/**
 * Requests that several clients share: the log is asked once, as long as one of them waits. The one that starts it is
 * charged; it is made at the first turn of any of them.
 */
import { networkOf } from '../lib/network.js'
import { SingleFlight } from '../lib/single-flight.js'
import { PAID, Party, type Admission } from './admission.js'

/** Who asks, and until when. */
export interface Asking {
  /** The address of the client; PAID for a part of something that has had its turn. */
  readonly client: string | typeof PAID
  readonly signal: AbortSignal
}

/** Runs an act that asks the log, when one of those waiting for it has a turn. */
export type Turn = <T>(act: () => Promise<T>) => Promise<T>

export class Shared<T> {
  readonly #admission: Admission
  readonly #flights = new SingleFlight<T>()
  readonly #parties = new Map<string, Party>()

  constructor(admission: Admission) {
    this.#admission = admission
  }

  /**
   * Runs at most one act per key at a time; its signal is aborted when nobody waits any longer. Throws
   * TOO_MANY_REQUESTS if the act would exceed the budget of the one that starts it.
   */
  async run(key: string, asking: Asking, act: (turn: Turn, signal: AbortSignal) => Promise<T>): Promise<T> {
    const client = asking.client === PAID ? PAID : networkOf(asking.client)
    asking.signal.throwIfAborted()
    let party = this.#parties.get(key)
    if (party === undefined) {
      this.#admission.charge(client)
      this.#parties.set(key, (party = new Party()))
    }
    const all = party
    all.join(client)
    try {
      return await this.#flights.run(key, asking.signal, (signal) =>
        act((asks) => this.#admission.run(all, signal, asks), signal),
      )
    } finally {
      if (all.leave(client) && this.#parties.get(key) === all) this.#parties.delete(key)
    }
  }
}
