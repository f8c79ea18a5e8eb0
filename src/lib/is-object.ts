/** What values of JSON are. Pure. */

/** One that has fields. */
export type JsonObject = Record<string, unknown>

/** Whether a value is an object: no list, and not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Whether all of it is text. */
export function areTexts(...values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string')
}

/** Whether all of it counts something: whole numbers from 0, each of which is exact. */
export function areCounts(...values: readonly unknown[]): boolean {
  return values.every((value) => Number.isSafeInteger(value) && (value as number) >= 0)
}
