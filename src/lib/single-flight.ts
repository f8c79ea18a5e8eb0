/**
 * Shares requests: several callers that need the same thing at once cause one request, and many requests of one caller
 * run a few at a time.
 */
import { lastingController } from '#lasting'

/** Shared: making a new error for each finished act would cost time, and nobody sees it. */
const OVER = new Error('nobody waits for it any more')

interface Flight<T> {
  readonly result: Promise<T>
  readonly controller: AbortController
  waiting: number
}

/**
 * Runs at most one act per key at a time. A caller that gives up leaves the others waiting; the last one aborts the
 * act.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>()

  async run(key: string, signal: AbortSignal | undefined, act: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal?.throwIfAborted()
    const flight = this.#flights.get(key) ?? this.#start(key, act)
    flight.waiting++
    let onAbort: (() => void) | undefined
    const given = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal?.reason as Error)
      signal?.addEventListener('abort', onAbort, { once: true })
    })
    try {
      return await Promise.race([flight.result, given])
    } finally {
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort)
      flight.waiting--
      if (flight.waiting === 0) {
        if (this.#flights.get(key) === flight) this.#flights.delete(key)
        flight.controller.abort(OVER)
      }
    }
  }

  #start(key: string, act: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController()
    const flight: Flight<T> = { result: act(controller.signal), controller, waiting: 0 }
    // If no caller waits any more, nothing handles the failure; it must not count as unhandled.
    flight.result.catch(() => undefined)
    this.#flights.set(key, flight)
    return flight
  }
}

/** Maps with at most `limit` acts at a time. The first failure aborts the others and is thrown. */
export async function mapBounded<A, B>(
  items: readonly A[],
  limit: number,
  signal: AbortSignal | undefined,
  act: (item: A, signal: AbortSignal) => Promise<B>,
): Promise<B[]> {
  signal?.throwIfAborted()
  const controller = lastingController()
  const onAbort = (): void => controller.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  const results = new Array<B>(items.length)
  let next = 0
  const work = async (): Promise<void> => {
    while (next < items.length && !controller.signal.aborted) {
      const i = next++
      results[i] = await act(items[i]!, controller.signal)
    }
    signal?.throwIfAborted()
  }
  try {
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, work))
    return results
  } catch (error) {
    controller.abort(error)
    throw error
  } finally {
    signal?.removeEventListener('abort', onAbort)
  }
}
