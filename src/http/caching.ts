/**
 * How long caches, such as browsers and CDNs, may keep an answer, and show it after that. Each route has one of these
 * policies. Whatever a cache shows was once true; the cosignatures tell how old it is. Pure.
 */

/** An answer that is private, or true only now. */
export const NO_STORE = 'no-store'
/** It may be kept, but must be revalidated with each request. The default of routes. */
export const REVALIDATED = 'no-cache'
/** An answer that never changes. */
export const IMMUTABLE = 'public, max-age=31536000, immutable'

/**
 * Durations in seconds: how long it is fresh, how long it may then be shown while it is revalidated, and how long it
 * may be shown while this node does not answer.
 */
const kept = (fresh: number, renewing: number, alone: number): string =>
  `public, max-age=${fresh}, stale-while-revalidate=${renewing}, stale-if-error=${alone}`

/** Heads: a log may have a new one each second. */
export const HEAD_CACHING = kept(2, 8, 600)
/** A log's request for its own head, according to c2sp.org/tlog-witness. */
export const CHECKPOINT_CACHING = kept(5, 10, 600)
/** Lists, and their pages. */
export const LIST_CACHING = kept(10, 50, 3600)
/** Things that change with settings and releases, and feeds, which are read every few minutes at most. */
export const SLOW_CACHING = kept(60, 240, 86_400)
