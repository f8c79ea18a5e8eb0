/** A source with a rate limit. */
import type { GetOptions } from '../../sumdb/fetcher.js'
import type { LogSource } from '../../sumdb/log-source.js'
import type { RequestBudget } from '../../sumdb/request-budget.js'

/** Bytes that count as one request: a little more than a tile of records has. */
const BYTES_A_REQUEST = 64 * 1024

export class PoliteSource implements LogSource {
  readonly url: string
  readonly #source: LogSource
  readonly #budget: RequestBudget

  constructor(source: LogSource, budget: RequestBudget) {
    this.url = source.url
    this.#source = source
    this.#budget = budget
  }

  async get(path: string, maxBytes: number, options: GetOptions = {}): Promise<Uint8Array> {
    await this.#budget.take(1, options.signal)
    const data = await this.#source.get(path, maxBytes, options)
    // Its size is known only now.
    this.#budget.charge(Math.max(data.length / BYTES_A_REQUEST - 1, 0))
    return data
  }
}
