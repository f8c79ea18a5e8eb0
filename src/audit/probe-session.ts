/**
 * How a probe queries a server that may lie, stall or flood: with GET only, following no redirect; each answer is
 * limited in size and time, and the number of requests in all.
 */
import { GossumError } from '../errors.js'
import { attempted } from '../errors/attempt.js'
import type { SplitView } from '../evidence/evidence.js'
import { SumdbClient } from '../sumdb/client.js'
import { Fetcher, StatusError, type Fetch, type FetcherOptions, type WaitOptions } from '../sumdb/fetcher.js'
import { mapBounded } from '../lib/single-flight.js'
import type { VerifierKey } from '../tlog/note.js'

/** Requests made concurrently. */
const AT_A_TIME = 4

export type CheckVerdict = 'ok' | 'failed' | 'unknown'

/** What a check found. */
export interface ProbeFinding {
  /** `failed`: an answer is wrong; `unknown`: an answer is missing. */
  readonly verdict: CheckVerdict
  /** One sentence. */
  readonly detail: string
  /** Two heads that convict the log. */
  readonly evidence?: SplitView
}

/** The finding about a server that follows from an error. An error that is not a GossumError is a bug, and rethrown. */
export function findingOf(error: unknown, about?: string): ProbeFinding {
  if (!(error instanceof GossumError)) throw error
  const isSilence = error instanceof StatusError || error.code === 'LOG_UNREACHABLE' || error.code === 'TIMEOUT'
  const what = isSilence ? error.detail : error.message
  return { verdict: isSilence ? 'unknown' : 'failed', detail: about === undefined ? what : `${about}: ${what}` }
}

/** Combines findings: wrong answers first, then missing ones, then `done`, which says what succeeded. */
export function findingOfAll(problems: readonly ProbeFinding[], done: string): ProbeFinding {
  const failed = problems.filter(({ verdict }) => verdict === 'failed')
  const evidence = problems.find((problem) => problem.evidence !== undefined)?.evidence
  if (failed.length > 0) {
    return { verdict: 'failed', detail: `${failed[0]!.detail}${more(failed)}`, ...(evidence && { evidence }) }
  }
  if (problems.length > 0) return { verdict: 'unknown', detail: `${done}; but ${problems[0]!.detail}${more(problems)}` }
  return { verdict: 'ok', detail: done }
}

function more({ length }: readonly ProbeFinding[]): string {
  return length === 1 ? '' : ` (and ${length - 1} more)`
}

/**
 * Processes items, a few at a time, and returns the results of those that succeeded. Failures are added to `problems`;
 * so is running out of time, so that no result is lost.
 */
export async function gather<A, B>(
  items: readonly A[],
  problems: ProbeFinding[],
  { signal }: WaitOptions,
  act: (item: A, options: WaitOptions) => Promise<B>,
  nameOf?: (item: A) => string,
): Promise<B[]> {
  const results: B[] = []
  try {
    await mapBounded(items, AT_A_TIME, signal, async (item, stop) => {
      try {
        results.push(await act(item, { signal: stop }))
      } catch (error) {
        problems.push(findingOf(error, nameOf?.(item)))
      }
    })
  } catch (error) {
    problems.push(findingOf(error))
  }
  return results
}

/** Counts requests, and stops at its limit. */
export class Meter {
  readonly #limit: number
  readonly #fetch: Fetch
  #used = 0

  constructor(limit: number, fetcher: Fetch) {
    this.#limit = limit
    this.#fetch = fetcher
  }

  /** Requests so far. */
  get used(): number {
    return this.#used
  }

  /** Makes a request. Throws LOG_UNREACHABLE beyond the limit. */
  readonly fetch: Fetch = (url, init) => {
    if (this.#used >= this.#limit) {
      throw new GossumError('LOG_UNREACHABLE', `the ${this.#limit} requests that one probe may make are used up`)
    }
    this.#used++
    return this.#fetch(url, init)
  }
}

/** A URL at which a log is queried. */
export class Vantage {
  readonly key: VerifierKey
  /** Fetches answers without verifying them. */
  readonly fetcher: Fetcher
  /** Fetches proven answers. Its tiles are cached in memory only. */
  readonly client: SumdbClient

  constructor(url: string, key: VerifierKey, options: Omit<FetcherOptions, 'url'>) {
    this.key = key
    this.fetcher = new Fetcher({ ...options, url })
    this.client = new SumdbClient({ ...options, url, key })
  }

  /** The body of an answer, or why there is none. */
  async get(path: string, maxBytes: number, options: WaitOptions): Promise<Uint8Array | GossumError> {
    return attempted(this.fetcher.get(path, maxBytes, options))
  }
}
