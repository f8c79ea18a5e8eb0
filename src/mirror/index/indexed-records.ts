/**
 * How the index keeps what records are about: blocks of lines, a line for each record with its module version; and a key for each
 * record under which it is found by its module. Pure.
 */
import { unlessRefused } from '../../errors/attempt.js'
import { escapeModule, type ModuleVersion } from '../../sumdb/module-version.js'
import { parseRecord } from '../../tlog/record.js'

/** Records that are kept together: about as many bytes as LevelDB compresses, and reads, at a time. */
export const BLOCK_RECORDS = 64
/** A record that is about no module version, or about one that no go command can ask for. */
const NONE = '-'
/** Digits of a number in a key, in base 36: enough for 2^53, and in order as text. */
const DIGITS = 11

/** A record of the index. */
export interface IndexedRecord extends ModuleVersion {
  /** Its number. */
  readonly id: number
}

/** What a record is about, as it is kept: `path version`. Its first line says it, as the rest of a good record does. */
export function lineOf(record: Uint8Array): string {
  const text = unlessRefused(() => parseRecord(record)) ?? ''
  const [path = '', named = ''] = text.slice(0, text.indexOf('\n')).split(' ')
  const version = named.endsWith('/go.mod') ? named.slice(0, -'/go.mod'.length) : named
  // What can be asked for is ASCII without spaces, and bounded in length.
  return unlessRefused(() => escapeModule(path, version)) === undefined ? NONE : `${path} ${version}`
}

/** The module version of a line; undefined where there is none. */
export function moduleIn(line: string | undefined): ModuleVersion | undefined {
  if (line === undefined) return undefined
  const cut = line.indexOf(' ')
  return cut === -1 ? undefined : { path: line.slice(0, cut), version: line.slice(cut + 1) }
}

/** The lines of a block with others in their place from `at` on; what is not known yet is an empty line. */
export function blockWith(block: string | undefined, at: number, lines: readonly string[]): string {
  const all = blockLines(block)
  while (all.length < at) all.push('')
  all.splice(at, lines.length, ...lines)
  return all.join('\n')
}

/** The lines of a block; none of one that is not kept. */
export function blockLines(block: string | undefined): string[] {
  return block === undefined || block === '' ? [] : block.split('\n')
}

/** The key of a block. */
export function blockKey(block: number): string {
  return `b${numeral(block)}`
}

/** The key of a record under its module, without a value. Keys of one path stand together, in the log's order. */
export function versionKey(path: string, id: number): string {
  return `m${path} ${numeral(id)}`
}

/** The keys of one path: from the first of these to before the second. */
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
