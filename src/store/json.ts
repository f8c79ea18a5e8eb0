/** Records that are kept as JSON: what cannot be read any more is said to be damaged, with the table that it is in. Pure. */
import { GossumError } from '../errors.js'
import { isObject, type JsonObject } from '../lib/is-object.js'

/** Reads a record. Throws STORE_DAMAGED naming the table when it is no JSON object, or none of its kind. */
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
