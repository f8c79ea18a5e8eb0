/** Records that are kept as JSON: what cannot be read any more is said to be damaged, with the table that it is in. */
import { GossumError } from '../errors.js'

/** Reads a record. Throws STORE_DAMAGED naming the table when it is not a JSON object. */
export function readRecord(table: string, key: string, json: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new GossumError('STORE_DAMAGED', `table ${table}, record ${key}`, error)
  }
  if (typeof value !== 'object' || value === null)
    throw new GossumError('STORE_DAMAGED', `table ${table}, record ${key}`)
  return value
}
