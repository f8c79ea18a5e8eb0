/**
 * Records: the leaves of a checksum database. A record is the go.sum lines of one module version
 * (golang.org/x/mod/sumdb/tlog, golang.org/design/25530-sumdb).
 *
 * Pure. Everything here reads bytes that a server sent, so everything is bounded.
 */
import { GossumError } from '../errors.js'
import { fromUtf8 } from './bytes.js'

/** The largest record, in bytes. The records of the public log are about 200. */
export const MAX_RECORD_BYTES = 64 * 1024

/**
 * The text of a record: UTF-8, not empty, without control characters other than the newline, without empty lines,
 * ending in a newline, at most MAX_RECORD_BYTES. Throws RECORD_INVALID.
 */
export function parseRecord(record: Uint8Array): string {
  const text = record.length <= MAX_RECORD_BYTES ? fromUtf8(record) : undefined
  if (text === undefined) throw new GossumError('RECORD_INVALID', 'it is too large or not UTF-8')
  // SPEC: golang.org/x/mod/sumdb/tlog, FormatRecord: valid UTF-8, no control characters, no empty lines, a final newline.
  if (!text.endsWith('\n') || text.startsWith('\n') || text.includes('\n\n') || /[\0-\x09\x0b-\x1f]/.test(text)) {
    throw new GossumError(
      'RECORD_INVALID',
      'its text is empty, has an empty line or control character, or does not end in a newline',
    )
  }
  return text
}

/**
 * The go.sum lines of a record about this module version, for its files and its go.mod, without newlines. Call it only
 * with a proven record. Throws RECORD_INVALID when there are none, because a record that says nothing about a module
 * vouches for nothing (CVE-2026-42501).
 */
export function goSumLines(record: Uint8Array, path: string, version: string): string[] {
  const prefixes = [`${path} ${version} `, `${path} ${version}/go.mod `]
  const lines = parseRecord(record)
    .split('\n')
    .filter((line) => prefixes.some((prefix) => line.startsWith(prefix)))
  if (lines.length === 0) throw new GossumError('RECORD_INVALID', `it has no line for ${path} ${version}`)
  return lines
}

/** One line of a record, as the go command reads it: what is hashed, and the hash. */
export interface RecordLine {
  readonly path: string
  /** Without `/go.mod`. */
  readonly version: string
  /** The module's files as a zip, or only its go.mod. */
  readonly of: 'files' | 'go.mod'
  /** From the second space to the end of the line; `h1:` and base64 in a valid record. */
  readonly hash: string
}

/** The lines of a record's text that have the three fields of go.sum, in order; others are skipped. */
export function recordLines(text: string): RecordLine[] {
  return text.split('\n').flatMap((line) => {
    const [, path, version, goMod, hash] = /^([^ ]+) ([^ ]+?)(\/go\.mod)? ([^]*)$/.exec(line) ?? []
    if (path === undefined || version === undefined || hash === undefined) return []
    return [{ path, version, of: goMod === undefined ? ('files' as const) : ('go.mod' as const), hash }]
  })
}
