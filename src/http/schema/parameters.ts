/** The schemas of what stands in paths and queries: JSON Schema as it is, since every request is held to it. Pure. */

/** Of `limit` in a page of heads: how many it has at most. */
export const LIMIT = { type: 'integer', minimum: 1, maximum: 1000, default: 20 } as const
/** Of `below`: the heads of a page are smaller. */
export const BELOW = { type: 'integer', minimum: 1, maximum: Number.MAX_SAFE_INTEGER } as const
/** A log id. */
export const LOG_ID = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const
/** The id of evidence or of a suspect. */
export const EVIDENCE_ID = { type: 'string', pattern: '^[0-9a-f]{1,64}$' } as const
