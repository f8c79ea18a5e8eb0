/**
 * Log lists: which logs ask to be witnessed, and how often. A text that begins with the line
 *
 *     logs/v0
 *
 * followed, for each log and in this order, by
 *
 *     vkey <vkey>
 *     origin <origin>     if it is not the name of the key
 *     qpd <n>             add-checkpoint requests per day
 *     contact <text>
 *
 * Empty lines, and lines that begin with "#", are ignored. The witness network calls this format logs/v0. C2SP's draft
 * tlog-list has adopted it and is stricter: only spaces and tabs are ignored around a line, and no two logs may share
 * an origin. Both begin with the same line. This parser reads tlog-lists; a list with other white space around a line,
 * such as CRLF, is read as well, and reported as logs/v0. Checksum databases are exempt from the rule of one log per
 * origin, as they all have the same. A list is accepted as a whole or not at all.
 *
 * Pure.
 */
import { errorText, GossumError } from '../errors.js'
import { SUMDB_ORIGIN } from './checkpoint.js'
import { parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from './note.js'

/** The format of a list: C2SP's draft, or only the earlier one of the witness network. */
export type LogListFormat = 'c2sp.org/tlog-list' | 'logs/v0'

export interface LogList {
  readonly format: LogListFormat
  readonly logs: readonly ListedLog[]
}

export interface ListedLog {
  /** Of type 0x01. */
  readonly key: VerifierKey
  readonly origin: string
  /** Requests of add-checkpoint per day, 1 to 2^31 - 1. */
  readonly perDay: number
}

const HEADER = 'logs/v0'
const MAX_PER_DAY = 2 ** 31 - 1

interface Line {
  readonly line: string
  /** From 1. */
  readonly number: number
}

/** Reads a log list. Throws LOG_LIST_MALFORMED with the number of the line. */
export function parseLogList(text: string): LogList {
  const { lines, format } = linesOf(text)
  let next = 0
  const malformed = (why: string, at = lines[next - 1]): GossumError =>
    new GossumError('LOG_LIST_MALFORMED', at === undefined ? why : `line ${at.number}: ${why}`)
  /** The value of the next line, if it begins with this word. */
  const take = (word: string): string | undefined => {
    const [, first, value] = /^(\S+)(?:[ \t]+(.*))?$/.exec(lines[next]?.line ?? '') ?? []
    if (first !== word) return undefined
    next++
    if (value === undefined) throw malformed(`"${word}" says nothing`)
    return value
  }
  const need = (word: string): string => {
    const value = take(word)
    if (value !== undefined) return value
    const line = lines[next]
    if (line === undefined) throw malformed(`"${word}" expected after it, and the list ends`)
    throw malformed(`"${word}" expected; each log has vkey, origin (or none), qpd, contact, in this order`, line)
  }

  if (lines[next++]?.line !== HEADER) throw malformed(`a log list begins with "${HEADER}"`, lines[0])
  const logs: ListedLog[] = []
  /** For each log, what must be unique about it -> the line of its key. */
  const seen = new Map<string, number>()
  while (next < lines.length) {
    const at = lines[next]!
    const key = keyOf(need('vkey'), malformed)
    const origin = take('origin') ?? key.name
    if (/[\x00-\x1f]/.test(origin)) throw malformed(`${JSON.stringify(origin)} is not a line of a checkpoint`)
    // A log has one key. Only checksum databases are distinguished by its name.
    const log = origin === SUMDB_ORIGIN ? `${key.name}\n${origin}` : origin
    const before = seen.get(log)
    if (before !== undefined)
      throw malformed(`the log ${JSON.stringify(origin)} is already listed in line ${before}; a log has one vkey`, at)
    seen.set(log, at.number)
    const qpd = need('qpd')
    if (!/^[1-9]\d{0,9}$/.test(qpd) || Number(qpd) > MAX_PER_DAY)
      throw malformed(`not a number from 1 to ${MAX_PER_DAY}: ${JSON.stringify(qpd)}`)
    need('contact')
    logs.push({ key, origin, perDay: Number(qpd) })
  }
  return { format, logs }
}

/** The lines that are not ignored. */
function linesOf(text: string): { lines: Line[]; format: LogListFormat } {
  const lines: Line[] = []
  let format: LogListFormat = 'c2sp.org/tlog-list'
  for (const [i, whole] of text.split('\n').entries()) {
    // The end of a line is searched only where blanks begin: from every blank, it would take quadratic time.
    const strict = whole.replace(/^[ \t]+|(?<![ \t])[ \t]+$/g, '')
    const line = strict.trim()
    if (strict === '' || strict.startsWith('#')) continue
    if (line !== strict) format = 'logs/v0'
    if (line !== '' && !line.startsWith('#')) lines.push({ line, number: i + 1 })
  }
  return { lines, format }
}

function keyOf(vkey: string, malformed: (why: string) => GossumError): VerifierKey {
  let key: VerifierKey
  try {
    key = parseVerifierKey(vkey)
  } catch (error) {
    throw malformed(errorText(error))
  }
  if (key.type !== SIGNATURE_TYPES.ed25519) throw malformed('logs have keys of type 0x01')
  return key
}
