/**
 * How long caches on the way may keep what is read, and show it after that: browsers, CDNs. A route says one of these. Whatever they
 * show was true once; how old it is stands in its cosignatures. Pure.
 */

/** An answer that nobody else is to be shown, or that is true only now. */
export const NO_STORE = 'no-store'
/** It may be kept by whoever asks each time whether it still is so. What a route says nothing of. */
export const REVALIDATED = 'no-cache'
/** An answer that never changes. */
export const IMMUTABLE = 'public, max-age=31536000, immutable'

/** Seconds: while it is kept, while it is shown and asked for anew, and while it is shown because this node does not answer. */
const kept = (fresh: number, renewing: number, alone: number): string =>
  `public, max-age=${fresh}, stale-while-revalidate=${renewing}, stale-if-error=${alone}`

/** Heads: a log may have a new one each second. */
export const HEAD_CACHING = kept(2, 8, 600)
/** What a log may fetch of its own head, as c2sp.org/tlog-witness has it. */
export const CHECKPOINT_CACHING = kept(5, 10, 600)
/** Lists, and their pages. */
export const LIST_CACHING = kept(10, 50, 3600)
/** What changes with settings and releases, and feeds, which are read every few minutes at most. */
export const SLOW_CACHING = kept(60, 240, 86_400)
