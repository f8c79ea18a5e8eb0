/**
 * The proxies from which the mirror gets modules, asked in order until one has what is wanted. Nothing that they serve
 * is trusted. Requests contain escaped module paths and versions, and nothing else from a client.
 */
import { GossumError } from '../errors.js'
import { timed } from '../lib/timed.js'
import { ModuleProxy, NotThere } from '../module/module-proxy.js'
import type { UpstreamStanding } from './mirror-parts.js'

/** How long one proxy may take for a small file, and for a zip, in milliseconds. */
export const SMALL_MS = 30_000
export const ZIP_MS = 10 * 60_000
/** How long a proxy may pause during an answer, in milliseconds. */
const STALL_MS = 30_000
/** How often a temporary failure is retried: other proxies may be able to answer. */
const RETRIES = 1

export interface UpstreamOptions {
  readonly stallMs?: number
  /** Milliseconds since 1970. */
  readonly now: () => number
}

interface Standing {
  readonly since: number
  readonly reason: string
}

/** Makes requests to a proxy and processes the answer; the signal is aborted when that takes too long. */
type Ask<T> = (proxy: ModuleProxy, signal: AbortSignal) => Promise<T>

export class Upstreams {
  readonly #proxies: readonly ModuleProxy[]
  readonly #standings = new Map<ModuleProxy, Standing>()
  readonly #now: () => number

  /** Throws USAGE if one is not the URL of a proxy. */
  constructor(urls: readonly string[], { stallMs = STALL_MS, now }: UpstreamOptions) {
    this.#proxies = urls.map((url) => new ModuleProxy(url, { retries: RETRIES, stallMs }))
    this.#now = now
  }

  get standings(): UpstreamStanding[] {
    return this.#proxies.map((proxy) => {
      const { since = null, reason = null } = this.#standings.get(proxy) ?? {}
      return { url: proxy.url, failingSince: since, reason }
    })
  }

  /**
   * The result of the act for the first proxy with which it succeeds. If one served the wrong thing, throws the act's
   * refusal (MODULE_MISMATCH, MODULE_ZIP_INVALID); otherwise PROXY_FAILED if one did not answer, or MODULE_ABSENT if
   * all say that they do not have it. Any other error of the act ends this at once, and so does the signal.
   */
  async first<T>(timeoutMs: number, signal: AbortSignal, ask: Ask<T>): Promise<T> {
    let refused: GossumError | undefined
    let failed: GossumError | undefined
    const absent: string[] = []
    for (const proxy of this.#proxies) {
      try {
        return await this.#ask(proxy, timeoutMs, signal, ask)
      } catch (error) {
        if (signal.aborted || !(error instanceof GossumError)) throw error
        if (error instanceof NotThere) absent.push(error.detail)
        else if (error.code === 'MODULE_MISMATCH' || error.code === 'MODULE_ZIP_INVALID') refused ??= error
        else if (error.code === 'PROXY_FAILED') failed ??= error
        else throw error
      }
    }
    throw refused ?? failed ?? new GossumError('MODULE_ABSENT', absent.join('; ').slice(0, 500))
  }

  async #ask<T>(proxy: ModuleProxy, timeoutMs: number, signal: AbortSignal, ask: Ask<T>): Promise<T> {
    let limit: AbortSignal | undefined
    try {
      const value = await timed(timeoutMs, [signal], (ending) => ask(proxy, (limit = ending)))
      this.#standings.delete(proxy)
      return value
    } catch (error) {
      const isLate = limit?.aborted === true && !signal.aborted
      const said = isLate ? new GossumError('PROXY_FAILED', `${proxy.url}: no answer in ${timeoutMs} ms`, error) : error
      this.#note(proxy, said)
      throw said
    }
  }

  #note(proxy: ModuleProxy, error: unknown): void {
    // Saying that it does not have something is an answer.
    if (error instanceof NotThere) this.#standings.delete(proxy)
    else if (error instanceof GossumError && error.code === 'PROXY_FAILED') {
      const since = this.#standings.get(proxy)?.since ?? this.#now()
      this.#standings.set(proxy, { since, reason: error.detail })
    }
  }
}
