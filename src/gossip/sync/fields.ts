/**
 * Reads fields of a JSON message from a stranger: each returns a value of the right type within its limits, or
 * undefined.
 *
 * Pure; nothing here throws.
 */
import { isObject, type JsonObject } from '../../lib/is-object.js'
import { fromBase64, fromUtf8, utf8 } from '../../tlog/bytes.js'

const LOG_ID = /^[0-9a-f]{64}$/

/** The JSON object in a frame of at most so many bytes. */
export function parseObject(frame: Uint8Array, maxBytes: number): JsonObject | undefined {
  const text = frame.length > maxBytes ? undefined : fromUtf8(frame)
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * The first `max` readable items of a list: an item that a later version adds or a stranger garbles loses only its own
 * place. Anything but a list has no items, as has the `null` that Go writes for an empty one.
 */
export function readSome<T>(value: unknown, max: number, read: (item: unknown) => T | undefined): T[] {
  const items: T[] = []
  for (const entry of Array.isArray(value) ? (value as unknown[]) : []) {
    if (items.length === max) break
    const item = read(entry)
    if (item !== undefined) items.push(item)
  }
  return items
}

/**
 * A list of at most `max` items whose positions matter; unreadable ones are undefined. A missing list, or null, is
 * empty.
 */
export function readItems<T>(
  value: unknown,
  max: number,
  read: (item: unknown) => T | undefined,
): (T | undefined)[] | undefined {
  if (isAbsent(value)) return []
  return Array.isArray(value) && value.length <= max ? value.map(read) : undefined
}

/** Whether a field is absent: Go writes null for what it leaves empty. */
export function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null
}

/** A string of at most so many UTF-16 code units. */
export function readString(value: unknown, max: number): string | undefined {
  return typeof value === 'string' && value.length <= max ? value : undefined
}

/** The UTF-8 bytes of a string, at most so many. */
export function readTextBytes(value: unknown, max: number): Uint8Array | undefined {
  const bytes = typeof value === 'string' && value.length <= max ? utf8(value) : undefined
  return bytes === undefined || bytes.length > max ? undefined : bytes
}

/** The bytes of a base64 string, at most so many. */
export function readBase64(value: unknown, max: number): Uint8Array | undefined {
  const text = readString(value, Math.ceil(max / 3) * 4)
  const bytes = text === undefined ? undefined : fromBase64(text)
  return bytes === undefined || bytes.length > max ? undefined : bytes
}

/** A number of records. */
export function readSize(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined
}

/** A log id: 64 lower-case hex digits. */
export function readLogId(value: unknown): string | undefined {
  return typeof value === 'string' && LOG_ID.test(value) ? value : undefined
}

/** The texts of those items that fit into so many bytes of JSON. Bytes that are not UTF-8 are skipped. */
export function fitting(items: readonly Uint8Array[], room: number): string[] {
  const texts: string[] = []
  for (const item of items) {
    const text = fromUtf8(item)
    if (text === undefined) continue
    const bytes = jsonBytes(text) + 1
    if (bytes > room) continue
    room -= bytes
    texts.push(text)
  }
  return texts
}

/** The length of a value as JSON, in bytes. */
export function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}
