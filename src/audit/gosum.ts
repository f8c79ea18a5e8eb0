/**
 * go.sum files: their lines, and what a record of the log says about a line.
 *
 * Pure, and cheap to load: a file whose lines are all cached needs no other module.
 */
import { GossumError } from '../errors.js'
import { isAccepted } from '../errors/attempt.js'
import { escapeModule } from '../sumdb/module-version.js'
import { fromUtf8 } from '../tlog/bytes.js'

/** The largest go.sum file that is read, in bytes, and the most lines in one. The largest known have some 10,000 lines. */
export const MAX_GO_SUM_BYTES = 16 * 1024 * 1024
export const MAX_GO_SUM_LINES = 200_000
/** The longest possible line about a module, in bytes. */
export const MAX_LINE_BYTES = 4096
/** How much of a malformed line is shown, in characters. */
const SHOWN_LENGTH = 120

/** What a line is about: all files of a module version, or only its go.mod. */
export type LineKind = 'zip' | 'mod'

export interface GoSumLine {
  /** 1-based. */
  readonly line: number
  readonly module: string
  /** Without the suffix of go.mod lines. */
  readonly version: string
  readonly kind: LineKind
  /** Algorithm, colon and base64: `h1:g61tztE5qeGQ89tm6NTjjM9VPIm088od1l6aSorWRWg=`. */
  readonly hash: string
}

export interface MalformedLine {
  readonly line: number
  /** Its beginning. */
  readonly text: string
  readonly reason: string
}

export interface GoSum {
  readonly lines: readonly GoSumLine[]
  readonly malformed: readonly MalformedLine[]
  /** Non-empty lines. */
  readonly count: number
}

/**
 * The classes of a line:
 *
 * - `log-conflict` the log signed two histories, and showed one of them when it was asked about this module
 * - `other-hash` the log has this module version with another hash
 * - `not-in-log` the log does not have it
 * - `malformed` it is not a line of a go.sum file
 * - `unproven` the answer is not in the tree of the quorum head
 * - `pending` no answer, or a record that no quorum head covers yet
 * - `private` it matches the patterns of modules about which the log is not asked: a fact, not a failure
 */
export const CLASSES = [
  'log-conflict',
  'other-hash',
  'not-in-log',
  'malformed',
  'unproven',
  'pending',
  'private',
] as const
export type FindingClass = (typeof CLASSES)[number]

export interface LineFinding {
  readonly line: number
  /** Null for a malformed line, like the next two fields. */
  readonly module: string | null
  /** Without the suffix of go.mod lines. */
  readonly version: string | null
  readonly kind: LineKind | null
  readonly class: FindingClass
  /** The hash in the file; the beginning of a malformed line. */
  readonly have: string
  /** The hashes that the log has instead. */
  readonly log: readonly string[]
  /** Number of the proven record. */
  readonly record: number | null
  /** A text, where the class does not say everything. */
  readonly reason: string | null
}

/** Why something cannot be believed: the answer does not prove it, or there was none. */
export interface Doubt {
  readonly kind: 'unproven' | 'pending'
  readonly reason: string
}

/** A proven record: its number, and its lines about the module version. */
export interface RecordAnswer {
  readonly kind: 'record'
  readonly id: number
  readonly lines: readonly string[]
  /** A doubt about the head that came with it: the log may have more than one history. */
  readonly doubt?: Doubt
}

/** What the log was proven to say about a module version, or why nothing was proven. */
export type LogAnswer =
  | RecordAnswer
  | ((Doubt | { readonly kind: 'not-in-log' | 'log-conflict'; readonly reason: string }) & { readonly id?: number })

/** The hash of an empty go.mod, which go once wrote by mistake and has ignored since. */
const EMPTY_GO_MOD = 'h1:G7mAYYxgmS0lVkHyy2hEOLQCFB0DlQFTMLWggykrydY='

/** `path@version`: what the lines of one record have in common. */
export function moduleKey({ module, version }: Pick<GoSumLine, 'module' | 'version'>): string {
  return `${module}@${version}`
}

/** The line as in a go.sum file and in the record, without its newline. */
export function lineText({ module, version, kind, hash }: Omit<GoSumLine, 'line'>): string {
  return `${module} ${version}${kind === 'mod' ? '/go.mod' : ''} ${hash}`
}

/**
 * Parses a go.sum file; `file` is its name in errors. Malformed lines are reported, and the others parsed. White space
 * is treated as by the go command: any amount between the fields and at the end, as in files from other systems. Throws
 * FILE_UNREADABLE beyond the limits.
 */
export function parseGoSum(file: string, bytes: Uint8Array): GoSum {
  if (bytes.length > MAX_GO_SUM_BYTES) throw beyond(file, MAX_GO_SUM_BYTES, 'bytes')
  const lines: GoSumLine[] = []
  const malformed: MalformedLine[] = []
  let count = 0
  let number = 0
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(0x0a, start)
    const end = newline === -1 ? bytes.length : newline
    number++
    if (number > MAX_GO_SUM_LINES) throw beyond(file, MAX_GO_SUM_LINES, 'lines')
    const read = parseLine(bytes.subarray(start, end), number)
    start = end + 1
    if (read === undefined) continue
    count++
    if ('reason' in read) malformed.push(read)
    else if (read.kind !== 'mod' || read.hash !== EMPTY_GO_MOD) lines.push(read)
  }
  return { lines, malformed, count }
}

function beyond(file: string, most: number, what: string): GossumError {
  return new GossumError('FILE_UNREADABLE', `${file}: more than ${most} ${what}`)
}

/** Undefined for an empty line. */
function parseLine(bytes: Uint8Array, line: number): GoSumLine | MalformedLine | undefined {
  const text = fromUtf8(bytes)
  const shown = (text ?? new TextDecoder().decode(bytes.subarray(0, 4 * SHOWN_LENGTH))).slice(0, SHOWN_LENGTH)
  const bad = (reason: string): MalformedLine => ({ line, text: shown, reason })
  if (bytes.length > MAX_LINE_BYTES) return bad(`${bytes.length} bytes`)
  if (text === undefined) return bad('not UTF-8')
  const words = text.split(/[ \t\r]+/).filter((word) => word !== '')
  if (words.length === 0) return undefined
  if (/^(<{7}|={7}|>{7}|\|{7})( |\r?$)/.test(text)) return bad('a conflict marker of git')
  const [module, written, hash] = words
  if (hash === undefined || words.length > 3) return bad(`${words.length} fields instead of path, version and hash`)
  const kind = written!.endsWith('/go.mod') ? 'mod' : 'zip'
  const version = kind === 'mod' ? written!.slice(0, -'/go.mod'.length) : written!
  if (!isModule(module!, version)) return bad('not a module path and version')
  if (!isHash(hash)) return bad('not a hash')
  return { line, module: module!, version, kind, hash }
}

function isModule(path: string, version: string): boolean {
  return isAccepted(() => escapeModule(path, version))
}

/** 32 bytes in base64, whose last two bits are zero. */
const H1 = /^h1:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/

/** Whether h1 is SHA-256 in canonical form; hashes of future algorithms are accepted as they are. */
function isHash(hash: string): boolean {
  return algorithmOf(hash) === 'h1:' ? H1.test(hash) : /^[a-z][a-z0-9]*:[A-Za-z0-9+/=]+$/.test(hash)
}

/** The algorithm with its colon: `h1:`; empty if there is none. */
function algorithmOf(hash: string): string {
  return hash.slice(0, hash.indexOf(':') + 1)
}

/** What is wrong with a line, given what the log says about its module version; undefined if nothing is. */
export function judgeLine(line: GoSumLine, answer: LogAnswer): LineFinding | undefined {
  if (answer.kind !== 'record') {
    const { kind, id, reason } = answer
    return { ...about(line), class: kind, log: [], record: id ?? null, reason }
  }
  // The case of nearly all lines.
  if (answer.doubt === undefined && answer.lines.includes(lineText(line))) return undefined
  const prefix = lineText({ ...line, hash: '' })
  const log = answer.lines.filter((text) => text.startsWith(prefix)).map((text) => text.slice(prefix.length))
  const found = { ...about(line), log, record: answer.id }
  if (log.includes(line.hash)) {
    return answer.doubt && { ...found, class: answer.doubt.kind, reason: answer.doubt.reason }
  }
  const algorithm = algorithmOf(line.hash)
  if (log.some((hash) => algorithmOf(hash) === algorithm)) return { ...found, class: 'other-hash', reason: null }
  // It affects no build: the log has no hash of this algorithm, and the go command ignores it.
  if (log.length > 0)
    return { ...found, class: 'not-in-log', reason: `the log has no ${algorithm.slice(0, -1)} hash of it` }
  return {
    ...found,
    class: 'not-in-log',
    reason: `the record has no line for ${line.kind === 'mod' ? 'go.mod' : 'the files'}`,
  }
}

export function malformedFinding({ line, text, reason }: MalformedLine): LineFinding {
  return {
    line,
    module: null,
    version: null,
    kind: null,
    class: 'malformed',
    have: text,
    log: [],
    record: null,
    reason,
  }
}

export function privateFinding(line: GoSumLine): LineFinding {
  return { ...about(line), class: 'private', log: [], record: null, reason: null }
}

function about({
  line,
  module,
  version,
  kind,
  hash,
}: GoSumLine): Pick<LineFinding, 'line' | 'module' | 'version' | 'kind' | 'have'> {
  return { line, module, version, kind, have: hash }
}
