/**
 * The schemas of parameters in paths and queries: plain JSON Schema, against which every request is validated. Pure.
 */

/** `limit` of a page of heads: the most heads on it. */
export const LIMIT = { type: 'integer', minimum: 1, maximum: 1000, default: 20 } as const
/** `limit` of a page of another list; without it, everything is on one page. */
export const PAGE_LIMIT = { type: 'integer', minimum: 1, maximum: 1000 } as const
/** `after`: the `next` of the previous page. */
export const AFTER = { type: 'string', pattern: '^[A-Za-z0-9_-]{1,1024}$' } as const
/** `below`: the heads of a page are smaller. */
export const BELOW = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const
/** `limit` of a page of the index: the most lines on it; larger requests get the maximum. */
export const INDEX_LIMIT = { type: 'integer', minimum: 1, maximum: 2000, default: 2000 } as const
/** The id of an event: the run of the node in which it happened, and a number. */
export const EVENT_ID = { type: 'string', pattern: '^[0-9a-f]{8}-(0|[1-9][0-9]{0,14})$' } as const
