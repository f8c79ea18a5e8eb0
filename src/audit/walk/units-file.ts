/**
 * The results of one machine for some units of a log, for another that merges them (merge.ts): a line of JSON that
 * names the log, head and units, followed by the parts. The file is not signed; the merger checks its content. Pure.
 */
import { concatBytes, fromUtf8, utf8 } from '../../tlog/bytes.js'
import { isSeed, type KeySeed } from './module-keys.js'
import { damaged, MAX_PART_BYTES, parsePart } from './part-text.js'
import type { Part } from './unit.js'

const VERSION = 'gossum/audit-units/v1'
/** The largest header line, in bytes: a head may have many lines. */
const MAX_HEADER_BYTES = 128 * 1024
/** Bytes of the length before each part: a little-endian uint32. */
const LENGTH_BYTES = 4
const NEWLINE = 0x0a

/** One tree, which all machines that audit it together must have pinned. */
export interface PinnedTree {
  /** The log's verifier key. */
  readonly log: string
  readonly origin: string
  /** The head, as a note with only the log's signature. */
  readonly head: string
  readonly seed: KeySeed
}

/** The header of a file of units. */
export function encodeUnitsHeader({ log, origin, head, seed }: PinnedTree): Uint8Array {
  return utf8(`${JSON.stringify({ version: VERSION, log, origin, head, seed })}\n`)
}

/** One part after the header, from its file. */
export function encodeUnitsPart(part: Uint8Array): Uint8Array {
  const length = new Uint8Array(LENGTH_BYTES)
  new DataView(length.buffer).setUint32(0, part.length, true)
  return concatBytes(length, part)
}

/** Reads bytes in sequence: returns as many as requested, or fewer at the end. */
export type ReadBytes = (length: number) => Promise<Uint8Array>

/** Reads the header. Throws AUDIT_DAMAGED. */
export async function readUnitsHeader(read: ReadBytes): Promise<PinnedTree> {
  const bytes: number[] = []
  for (;;) {
    const [byte] = await read(1)
    if (byte === undefined || bytes.length > MAX_HEADER_BYTES) throw damaged('it has no header')
    if (byte === NEWLINE) break
    bytes.push(byte)
  }
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(Uint8Array.from(bytes)) ?? '')
  } catch {
    throw damaged('its header is not JSON')
  }
  const { version, log, origin, head, seed } = (value ?? {}) as Record<string, unknown>
  const isText = typeof log === 'string' && typeof origin === 'string' && typeof head === 'string'
  if (version !== VERSION || !isText || !isSeed(seed)) throw damaged('its header is of another kind')
  return { log, origin, head, seed }
}

/** Reads the next part; undefined after the last one. Throws AUDIT_DAMAGED. */
export async function readUnitsPart(read: ReadBytes): Promise<Part | undefined> {
  const length = await read(LENGTH_BYTES)
  if (length.length === 0) return undefined
  const size = length.length < LENGTH_BYTES ? Infinity : new DataView(length.slice().buffer).getUint32(0, true)
  if (size > MAX_PART_BYTES) throw damaged('it is truncated')
  const bytes = await read(size)
  if (bytes.length < size) throw damaged('it is truncated')
  return parsePart(bytes)
}
