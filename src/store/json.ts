/** Records stored as JSON: an unreadable one is reported as damaged, with its table. Pure. */
import { GossumError } from '../errors.js'
import { isObject, type JsonObject } from '../lib/is-object.js'

/** Reads a record. Throws STORE_DAMAGED naming the table if it is not a JSON object of the expected form. */
export function readRecord(table: string, key: string, json: string, isOne: (fields: JsonObject) => boolean): unknown {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new GossumError('STORE_DAMAGED', `table ${table}, record ${key}`, error)
  }
  if (!isObject(value) || !isOne(value)) throw new GossumError('STORE_DAMAGED', `table ${table}, record ${key}`)
  return value
}
