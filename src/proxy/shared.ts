/**
 * What several clients want at once, asked of the log once, for as long as one of them waits. Who begins it pays for it;
 * it goes by the first turn that any of them has.
 */
import { networkOf } from '../lib/network.js'
import { SingleFlight } from '../lib/single-flight.js'
import { PAID, Party, type Admission } from './admission.js'

/** Who asks, and until when. */
export interface Asking {
  /** The address of the client; PAID for what is part of something that had its turn. */
  readonly client: string | typeof PAID
  readonly signal: AbortSignal
}

/** Runs an act that asks the log, when one of those who wait for it has a turn. */
export type Turn = <T>(act: () => Promise<T>) => Promise<T>

export class Shared<T> {
  readonly #admission: Admission
  readonly #flights = new SingleFlight<T>()
  readonly #parties = new Map<string, Party>()

  constructor(admission: Admission) {
    this.#admission = admission
  }

  /**
   * Runs at most one act per key at a time; its signal is aborted when the last who waits has left. Throws
   * TOO_MANY_REQUESTS to who would begin an act beyond its budget.
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
