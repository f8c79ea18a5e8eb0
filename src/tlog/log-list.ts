/**
 * Log lists of the witness network (logs/v0): which logs ask to be witnessed, and how often. A text of the line
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
 * Blanks around a line, empty lines, and lines that begin with "#" mean nothing. A list is taken whole or not at all.
 *
 * Pure.
 */
import { errorText, GossumError } from '../errors.js'
import { parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from './note.js'

export interface ListedLog {
  /** Of type 0x01. */
  readonly key: VerifierKey
  readonly origin: string
  /** Requests of add-checkpoint in a day, 1 to 2^31 - 1. */
  readonly perDay: number
}

const HEADER = 'logs/v0'
const MAX_PER_DAY = 2 ** 31 - 1

/** Reads a log list. Throws LOG_LIST_MALFORMED with the number of the line. */
export function parseLogList(text: string): ListedLog[] {
  const lines = text
    .split('\n')
    .map((line, i) => ({ line: line.trim(), number: i + 1 }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'))
  const malformed = (why: string, at = lines[next - 1]): GossumError =>
    new GossumError('LOG_LIST_MALFORMED', at === undefined ? why : `line ${at.number}: ${why}`)
  let next = 0
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
    if (value === undefined) throw malformed(`"${word}" expected`, lines[next])
    return value
  }

  if (lines[next++]?.line !== HEADER) throw malformed(`a log list begins with "${HEADER}"`, lines[0])
  const logs: ListedLog[] = []
  const seen = new Set<string>()
  while (next < lines.length) {
    let key: VerifierKey
    const vkey = need('vkey')
    try {
      key = parseVerifierKey(vkey)
    } catch (error) {
      throw malformed(errorText(error))
    }
    if (key.type !== SIGNATURE_TYPES.ed25519) throw malformed('logs have keys of type 0x01')
    const origin = take('origin') ?? key.name
    if (/[\x00-\x1f]/.test(origin)) throw malformed(`${JSON.stringify(origin)} is no line of a checkpoint`)
    const named = `${key.name}\n${origin}`
    if (seen.has(named)) throw malformed(`${key.name} is listed twice`)
    seen.add(named)
    const qpd = need('qpd')
    if (!/^[1-9]\d{0,9}$/.test(qpd) || Number(qpd) > MAX_PER_DAY)
      throw malformed(`not a number: ${JSON.stringify(qpd)}`)
    need('contact')
    logs.push({ key, origin, perDay: Number(qpd) })
  }
  return logs
}
