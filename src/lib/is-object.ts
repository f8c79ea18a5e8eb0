/** Checks of JSON values. Pure. */

/** An object with fields. */
export type JsonObject = Record<string, unknown>

/** Whether a value is an object: neither an array nor null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether all values are strings. */
export function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string')
}

/** Whether all values are counts: safe integers from 0. */
export function areCounts(...values: readonly unknown[]): boolean {
  return values.every((value) => Number.isSafeInteger(value) && (value as number) >= 0)
}
