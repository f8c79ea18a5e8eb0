/**
 * How a checksum database serves records: lookup answers and data tiles (golang.org/x/mod/sumdb/tlog).
 *
 * Pure. Everything here parses bytes from a server, so everything is limited.
 */
import { GossumError } from '../errors.js'
import { concatBytes, fromUtf8, utf8 } from '../tlog/bytes.js'
import { MAX_READ_NOTE_BYTES } from '../tlog/note.js'
import { MAX_RECORD_BYTES, parseRecord } from '../tlog/record.js'
import { TILE_HEIGHT } from '../tlog/tile.js'

export { escapeModule, MAX_MODULE_LENGTH, unescapeModule, type ModuleVersion } from './module-version.js'

/** The most records in a data tile. */
export const MAX_TILE_RECORDS = 2 ** TILE_HEIGHT
/** The largest lookup answer: an id line, a record, an empty line and a head. */
export const MAX_LOOKUP_BYTES = 32 + MAX_RECORD_BYTES + MAX_READ_NOTE_BYTES

// ---- records ---------------------------------------------------------------------------------------------------

/**
 * Writes a record in the form with which a lookup answer begins: its number, its text, an empty line. Throws
 * RECORD_INVALID.
 */
export function formatRecord(id: number, record: Uint8Array): Uint8Array {
  parseRecord(record)
  return concatBytes(utf8(`${id}\n`), record, utf8('\n'))
}

export interface LookupAnswer {
  /** Number of the record, a safe integer; nothing in the answer proves it. */
  readonly id: number
  /** The record's bytes, which the leaf hash covers. */
  readonly record: Uint8Array
  /** The bytes of the signed head. */
  readonly note: Uint8Array
}

const NEWLINE = 0x0a

/** The position of the first empty line from `from` on: the index of the first of two newlines; -1 if there is none. */
function findEmptyLine(bytes: Uint8Array, from = 0): number {
  for (let i = bytes.indexOf(NEWLINE, from); i !== -1; i = bytes.indexOf(NEWLINE, i + 1)) {
    if (bytes[i + 1] === NEWLINE) return i
  }
  return -1
}

/**
 * Splits a lookup answer into the record's number, its text and the head, which is everything after the first empty
 * line. Verifies no signature and no proof. Throws RECORD_INVALID.
 */
export function parseLookup(answer: Uint8Array): LookupAnswer {
  const cut = findEmptyLine(answer)
  const idEnd = answer.indexOf(NEWLINE)
  const idLine = fromUtf8(answer.subarray(0, Math.max(idEnd, 0))) ?? ''
  const id = /^(?:0|[1-9][0-9]{0,15})$/.test(idLine) ? Number(idLine) : NaN
  if (answer.length > MAX_LOOKUP_BYTES || cut === -1 || !Number.isSafeInteger(id)) {
    throw new GossumError('RECORD_INVALID', 'the answer is not a number, a record and a head')
  }
  const record = answer.subarray(idEnd + 1, cut + 1)
  parseRecord(record)
  return { id, record, note: answer.subarray(cut + 2) }
}

/**
 * Splits a data tile at its empty lines. An empty line after the last record is optional: servers differ. Some write
 * the record's number before each record; recordReadings returns both interpretations. Throws RECORD_INVALID.
 */
export function splitDataTile(data: Uint8Array): Uint8Array[] {
  const records: Uint8Array[] = []
  let start = 0
  while (start < data.length) {
    if (records.length === MAX_TILE_RECORDS) throw new GossumError('RECORD_INVALID', 'too many records in a data tile')
    const cut = findEmptyLine(data, start)
    const end = cut === -1 ? data.length : cut + 1
    const record = data.subarray(start, end)
    parseRecord(record)
    records.push(record)
    start = end + 1
  }
  return records
}

/**
 * The possible meanings of a part of a data tile: itself or, if its first line is a number, the rest. The leaf hash
 * decides.
 */
export function recordReadings(part: Uint8Array): Uint8Array[] {
  const end = part.indexOf(NEWLINE)
  const numbered = end + 1 < part.length && /^[0-9]{1,16}$/.test(fromUtf8(part.subarray(0, end)) ?? '')
  return numbered ? [part, part.subarray(end + 1)] : [part]
}
