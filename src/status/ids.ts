/** The form of ids, as JSON Schema. Pure. */

/** A log id. */
export const LOG_ID = { type: 'string', pattern: '^[0-9a-f]{64}$' } as const
/** The id of evidence or of a suspect. */
export const EVIDENCE_ID = { type: 'string', pattern: '^[0-9a-f]{1,64}$' } as const
