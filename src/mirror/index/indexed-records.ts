/**
 * How the index stores what records are about: blocks of lines, one line per record with its module version; and a key
 * for each record under which it is found by module. Pure.
 */
import { unlessRefused } from '../../errors/attempt.js'
import { escapeModule, type ModuleVersion } from '../../sumdb/module-version.js'
import { parseRecord } from '../../tlog/record.js'

/** Records stored together: about as many bytes as LevelDB compresses, and reads, at a time. */
export const BLOCK_RECORDS = 64
/** A record that is about no module version, or about one that no go command can request. */
const NONE = '-'
/** Digits of a number in a key, in base 36: enough for 2^53, and sorted as text. */
const DIGITS = 11

/** A record of the index. */
export interface IndexedRecord extends ModuleVersion {
  /** Its number. */
  readonly id: number
}

/**
 * What a record is about, as it is stored: `path version`. Taken from its first line, with which the rest of a valid
 * record agrees.
 */
export function lineOf(record: Uint8Array): string {
  const text = unlessRefused(() => parseRecord(record)) ?? ''
  const [path = '', named = ''] = text.slice(0, text.indexOf('\n')).split(' ')
  const version = named.endsWith('/go.mod') ? named.slice(0, -'/go.mod'.length) : named
  // Module versions that can be requested are ASCII without spaces, and limited in length.
  return unlessRefused(() => escapeModule(path, version)) === undefined ? NONE : `${path} ${version}`
}

/** The module version of a line; undefined if it has none. */
export function moduleIn(line: string | undefined): ModuleVersion | undefined {
  if (line === undefined) return undefined
  const cut = line.indexOf(' ')
  return cut === -1 ? undefined : { path: line.slice(0, cut), version: line.slice(cut + 1) }
}

/** The block with these lines replaced from position `at` on; unknown lines are empty. */
export function blockWith(block: string | undefined, at: number, lines: readonly string[]): string {
  const all = blockLines(block)
  while (all.length < at) all.push('')
  all.splice(at, lines.length, ...lines)
  return all.join('\n')
}

/** The lines of a block; none if it is not stored. */
export function blockLines(block: string | undefined): string[] {
  return block === undefined || block === '' ? [] : block.split('\n')
}

/** The key of a block. */
export function blockKey(block: number): string {
  return `b${numeral(block)}`
}

/** The key of a record under its module, without a value. Keys of one path are adjacent, in the log's order. */
export function versionKey(path: string, id: number): string {
  return `m${path} ${numeral(id)}`
}

/** The range of keys of one path, the end exclusive. */
export function keysOfPath(path: string): { gte: string; lt: string } {
  return { gte: `m${path} `, lt: `m${path}!` }
}

/** The number of the record in a key. */
export function idIn(key: string): number {
  return Number.parseInt(key.slice(-DIGITS), 36)
}

function numeral(number: number): string {
  return number.toString(36).padStart(DIGITS, '0')
}
