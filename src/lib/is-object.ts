/** A value of JSON that has fields. Pure. */

export type JsonObject = Record<string, unknown>

/** Whether a value is an object: no list, and not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
