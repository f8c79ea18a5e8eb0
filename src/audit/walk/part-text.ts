/**
 * The file format of an audited range: a JSON header preceded by its length, then the keys. Parsing checks the form;
 * our own files are trusted, and the merger checks those of others.
 *
 * Pure.
 */
import { GossumError } from '../../errors.js'
import { concatBytes, fromUtf8, utf8 } from '../../tlog/bytes.js'
import { formatHash, parseHash, type Hash } from '../../tlog/hash.js'
import type { Finding } from '../finding.js'
import { ENTRY_BYTES, isKeys, TABLE_BYTES } from './module-keys.js'
import { MAX_FINDINGS, UNIT_RECORDS, type Part, type PartRange } from './unit.js'

const VERSION = 'gossum/audit-part/v1'
/** Bytes of the length before the header: a little-endian uint32. */
export const LENGTH_BYTES = 4
/** The largest header: a thousand findings of some hundred bytes each. */
export const MAX_HEADER_BYTES = 4 * 1024 * 1024

/** A part without its keys. */
export type PartHeader = Omit<Part, 'keys' | 'missing'>

/** The file of a complete part. */
export function encodePart({ from, to, audited, counts, findings, hashes, keys }: Part): Uint8Array {
  const fields = { version: VERSION, from, to, audited, counts, findings, hashes: hashes.map(formatHash) }
  const header = utf8(JSON.stringify(fields))
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, header.length, true)
  return concatBytes(length, header, keys)
}

/** Length of the header that follows, in bytes; undefined if this is not the beginning of a part. */
export function headerLength(bytes: Uint8Array): number | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
  return length <= MAX_HEADER_BYTES ? length : undefined
}

/** Parses the header of a part. Throws AUDIT_DAMAGED. */
export function parsePartHeader(bytes: Uint8Array): PartHeader {
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(bytes) ?? '')
  } catch {
    throw damaged('its header is not JSON')
  }
  const { version, audited, counts, findings, hashes, ...bounds } = (value ?? {}) as Record<string, unknown>
  const range = { from: bounds['from'], to: bounds['to'] }
  if (version !== VERSION || !isRange(range) || audited !== range.to - range.from)
    throw damaged('its header has no valid range')
  if (!isCounts(counts) || !Array.isArray(findings) || !findings.every((one) => isFinding(one, range)))
    throw damaged('its findings are malformed')
  if (!isCountOf(counts, findings)) throw damaged('its counts do not match its findings')
  const read = Array.isArray(hashes)
    ? hashes.map((hash) => (typeof hash === 'string' ? parseHash(hash) : undefined))
    : []
  if (!Array.isArray(hashes) || read.includes(undefined)) throw damaged('its hashes are malformed')
  return { ...range, audited, counts, findings, hashes: read as Hash[] }
}

/** Parses a whole part, including its keys. Throws AUDIT_DAMAGED. */
export function parsePart(bytes: Uint8Array): Part {
  const length = headerLength(bytes)
  if (length === undefined) throw damaged('it is truncated')
  const header = parsePartHeader(bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length))
  const keys = bytes.slice(LENGTH_BYTES + length)
  if (!isKeys(keys, header.to - header.from)) throw damaged('its keys are malformed')
  return { ...header, keys, missing: [] }
}

/** The largest file of a part, in bytes. */
export const MAX_PART_BYTES = LENGTH_BYTES + MAX_HEADER_BYTES + TABLE_BYTES + UNIT_RECORDS * ENTRY_BYTES

export function damaged(why: string): GossumError {
  return new GossumError('AUDIT_DAMAGED', why)
}

/** Whether it is a non-empty range within one unit. */
function isRange(range: { from: unknown; to: unknown }): range is PartRange {
  const { from, to } = range
  if (!isCount(from) || !isCount(to) || from >= to) return false
  return Math.floor(from / UNIT_RECORDS) === Math.floor((to - 1) / UNIT_RECORDS)
}

function isCounts(value: unknown): value is Part['counts'] {
  if (typeof value !== 'object' || value === null) return false
  const { error, note } = value as Record<string, unknown>
  return isCount(error) && isCount(note)
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Whether there are as many findings of each level as counted; more may be counted only if the list is full. */
function isCountOf(counts: Part['counts'], findings: readonly Finding[]): boolean {
  const error = findings.filter(({ level }) => level === 'error').length
  const note = findings.length - error
  if (findings.length < MAX_FINDINGS) return counts.error === error && counts.note === note
  return findings.length === MAX_FINDINGS && counts.error >= error && counts.note >= note
}

/**
 * Whether it is a finding about a record of the range. Findings about tiles are not stored: the tile may be right the
 * next time.
 */
function isFinding(value: unknown, { from, to }: PartRange): value is Finding {
  if (typeof value !== 'object' || value === null) return false
  const { rule, level, id, tile, module, detail } = value as Record<string, unknown>
  const isPlace = isCount(id) && id >= from && id < to && tile === undefined
  const isAbout = isPlace && (module === undefined || typeof module === 'string')
  return typeof rule === 'string' && (level === 'error' || level === 'note') && typeof detail === 'string' && isAbout
}
