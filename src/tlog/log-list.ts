/**
 * Log lists: which logs ask to be witnessed, and how often. A text of the line
 *
 *     logs/v0
 *
 * and then, for each log and in this order,
 *
 *     vkey <vkey>
 *     origin <origin>     where it is not the name of the key
 *     qpd <n>             requests of add-checkpoint in a day
 *     contact <text>
 *
 * Empty lines, and lines that begin with "#", mean nothing. The witness network calls this logs/v0; C2SP's draft tlog-list
 * has taken it over, and is stricter: around a line only spaces and tabs mean nothing, and no two logs have one origin. Both
 * begin with the same line. What is read here is a tlog-list; and where a list has other blanks around a line, such as
 * CRLF, it is still read, and said to be logs/v0. Checksum databases are the exception to one origin, one log: all of
 * them have the same. A list is taken whole or not at all.
 *
 * Pure.
 */
import { errorText, GossumError } from '../errors.js'
import { SUMDB_ORIGIN } from './checkpoint.js'
import { parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from './note.js'

/** Which text a list keeps to: the draft of C2SP, or only what the witness network wrote before. */
export type LogListFormat = 'c2sp.org/tlog-list' | 'logs/v0'

export interface LogList {
  readonly format: LogListFormat
  readonly logs: readonly ListedLog[]
}

export interface ListedLog {
  /** Of type 0x01. */
  readonly key: VerifierKey
  readonly origin: string
  /** Requests of add-checkpoint in a day, 1 to 2^31 - 1. */
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
  /** The value of the next line, if that has this word in front. */
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
  /** The line of the key, by what there may be one of. */
  const seen = new Map<string, number>()
  while (next < lines.length) {
    const at = lines[next]!
    const key = keyOf(need('vkey'), malformed)
    const origin = take('origin') ?? key.name
    if (/[\x00-\x1f]/.test(origin)) throw malformed(`${JSON.stringify(origin)} is not a line of a checkpoint`)
    // One log has one key. Only checksum databases are told apart by the name of that.
    const log = origin === SUMDB_ORIGIN ? `${key.name}\n${origin}` : origin
    const before = seen.get(log)
    if (before !== undefined)
      throw malformed(`the log ${JSON.stringify(origin)} is listed in line ${before} already, and has one vkey`, at)
    seen.set(log, at.number)
    const qpd = need('qpd')
    if (!/^[1-9]\d{0,9}$/.test(qpd) || Number(qpd) > MAX_PER_DAY)
      throw malformed(`not a number from 1 to ${MAX_PER_DAY}: ${JSON.stringify(qpd)}`)
    need('contact')
    logs.push({ key, origin, perDay: Number(qpd) })
  }
  return { format, logs }
}

/** The lines that mean something. */
function linesOf(text: string): { lines: Line[]; format: LogListFormat } {
  const lines: Line[] = []
  let format: LogListFormat = 'c2sp.org/tlog-list'
  for (const [i, whole] of text.split('\n').entries()) {
    // What ends a line is looked for where blanks begin: from each of them, it would take the square of their number.
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
