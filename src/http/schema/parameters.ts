/** The schemas of what stands in paths and queries: JSON Schema as it is, since every request is held to it. Pure. */

/** Of `limit` in a page of heads: how many it has at most. */
export const LIMIT = { type: 'integer', minimum: 1, maximum: 1000, default: 20 } as const
/** Of `limit` in a page of another list; without it all that is asked for is on one page. */
export const PAGE_LIMIT = { type: 'integer', minimum: 1, maximum: 1000 } as const
/** Of `after`: the `next` of the page before. */
export const AFTER = { type: 'string', pattern: '^[A-Za-z0-9_-]{1,1024}$' } as const
/** Of `below`: the heads of a page are smaller. */
export const BELOW = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const
/** Of `limit` in a page of the index: how many lines it has at most; who wants more gets the most. */
export const INDEX_LIMIT = { type: 'integer', minimum: 1, maximum: 2000, default: 2000 } as const
/** The id of an event: the run of the node that it happened in, and a number. */
export const EVENT_ID = { type: 'string', pattern: '^[0-9a-f]{8}-(0|[1-9][0-9]{0,14})$' } as const
