/** A source that is asked no faster than its operator would like, whoever asks: one budget for all. */
import type { GetOptions } from '../../sumdb/fetcher.js'
import type { LogSource } from '../../sumdb/log-source.js'

/** Bytes that go with one request of the budget: a little more than a tile of records has. */
const BYTES_A_REQUEST = 64 * 1024

/** Resolves after `ms`, or rejects with the signal's reason as soon as that is aborted. */
export type Delay = (ms: number, signal: AbortSignal | undefined) => Promise<void>

export class PoliteSource implements LogSource {
  readonly url: string
  readonly #source: LogSource
  readonly #perSecond: number
  readonly #delay: Delay
  readonly #now: () => number
  /** When the next request may leave, in milliseconds of the clock. */
  #next = 0

  /** At most `perSecond` requests, and so many times BYTES_A_REQUEST bytes, in a second. `now` is of a clock that nobody sets. */
  constructor(source: LogSource, perSecond: number, delay: Delay, now: () => number = () => performance.now()) {
    this.url = source.url
    this.#source = source
    this.#perSecond = perSecond
    this.#delay = delay
    this.#now = now
  }

  async get(path: string, maxBytes: number, options: GetOptions = {}): Promise<Uint8Array> {
    const wait = this.#take(1)
    if (wait > 0) await this.#delay(wait, options.signal)
    const data = await this.#source.get(path, maxBytes, options)
    // How large it is shows only now: those behind it pay.
    this.#take(Math.max(data.length / BYTES_A_REQUEST - 1, 0))
    return data
  }

  /** Takes so many requests from the budget, and says how long to wait before the first. */
  #take(requests: number): number {
    const now = this.#now()
    const start = Math.max(this.#next, now)
    this.#next = start + (requests * 1000) / this.#perSecond
    return start - now
  }
}
