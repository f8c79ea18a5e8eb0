/** What a log is to this node, and its form on one line: "VKEY URL ORIGIN". */
import { GossumError } from '../errors.js'
import { withoutLogin } from '../outgoing/logins.js'
import { logId, SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import { parseVerifierKey, type VerifierKey } from '../tlog/note.js'

/**
 * The most logs that a node follows at its operator's request, and because of log lists: each costs two topics of the
 * mesh. The limits are separate, so that lists cannot crowd out the operator's logs.
 */
export const MAX_FOLLOWED = 64
export const MAX_LISTED = 32

/** A log to follow. */
export interface LogSetting {
  /** Log id. */
  readonly id: string
  readonly key: VerifierKey
  readonly origin: string
  /** The URL at which it is polled; null for a log that only pushes its heads to us. */
  readonly url: string | null
  /** Where the go command's lookups and tiles come from: the log itself, or a module proxy's /sumdb/<name>. */
  readonly upstream: string | null
  /** Known, but neither polled nor cosigned. */
  readonly disabled: boolean
  /** The log list that added it; null if the operator did. */
  readonly list: string | null
  /** The most cosignatures per day for heads that it pushes, according to that list; null for no limit. */
  readonly perDay: number | null
}

/** The logs that are not disabled. */
export function followedOf(logs: readonly LogSetting[]): LogSetting[] {
  return logs.filter(({ disabled }) => !disabled)
}

/** Throws CONFIG_INVALID if these are more than a node follows. Logs from lists are counted where they are added. */
export function requireRoomForLogs(logs: readonly LogSetting[]): void {
  if (followedOf(logs).filter(({ list }) => list === null).length > MAX_FOLLOWED)
    throw invalid('log', `more than ${MAX_FOLLOWED}`)
}

function invalid(setting: string, why: string): GossumError {
  return new GossumError('CONFIG_INVALID', `${setting}: ${why}`)
}

/**
 * "VKEY URL" is a checksum database; "VKEY -" is a log that only pushes its heads, whose origin is the name of its key,
 * as c2sp.org/tlog-checkpoint recommends. A third field, up to the end of the text, is another origin; a log with a URL
 * then follows c2sp.org/tlog-tiles (sumdb/log-layout.ts). Throws CONFIG_INVALID or KEY_*.
 */
export function parseLogSetting(text: string): LogSetting {
  const [, vkey, address, named] = /^(\S+)\s+(\S+)(?:\s+(\S.*))?$/s.exec(text.trim()) ?? []
  if (vkey === undefined || address === undefined)
    throw invalid('log', `"VKEY URL" or "VKEY URL ORIGIN" expected, got ${JSON.stringify(text)}`)
  const key = parseVerifierKey(vkey)
  if (key.type !== 0x01) throw invalid('log', `${key.name} is a witness key (type 0x0${key.type}), not a log key`)
  const isPushed = address === '-'
  const origin = named ?? (isPushed ? key.name : SUMDB_ORIGIN)
  if (/[\x00-\x1f]/.test(origin)) throw invalid('log', `${JSON.stringify(origin)} is not a line of a checkpoint`)
  const url = isPushed ? null : parseUrl('log', address, ', nor "-"')
  return { id: logId(key.name, origin), key, origin, url, upstream: url, disabled: false, list: null, perDay: null }
}

/**
 * An http or https URL without a trailing slash, and without its login, which is used only for requests to it
 * (outgoing/logins.ts). `otherwise` names the alternative to a URL, for the error.
 */
export function parseUrl(setting: string, url: string, otherwise = ''): string {
  const parsed = URL.canParse(url) ? new URL(withoutLogin(url)) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.search !== '') {
    throw invalid(setting, `${JSON.stringify(url)} is not an http or https URL${otherwise}`)
  }
  return parsed.href.replace(/\/+$/, '')
}

/** The logs with their configured upstreams. */
export function withUpstreams(logs: readonly LogSetting[], upstreams: readonly string[]): LogSetting[] {
  const polled = logs.filter(({ url }) => url !== null)
  const byName = new Map<string, string>()
  for (const text of upstreams) {
    const words = text.trim().split(/\s+/)
    const name = words.length === 2 ? words[0]! : polled.length === 1 ? polled[0]!.key.name : ''
    if (words.length > 2 || !polled.some(({ key }) => key.name === name) || byName.has(name)) {
      throw invalid('upstream', `"NAME URL" expected, with each followed log at most once, got ${JSON.stringify(text)}`)
    }
    byName.set(name, parseUrl('upstream', words.at(-1)!))
  }
  return logs.map((log) => ({ ...log, upstream: byName.get(log.key.name) ?? log.upstream }))
}

/** Each log once: two entries of one log would share one state, and one topic of the mesh. */
export function distinct(logs: readonly LogSetting[]): readonly LogSetting[] {
  const seen = new Set<string>()
  for (const { id, key } of logs) {
    if (seen.has(id)) throw invalid('log', `two logs with the key name ${key.name} and one origin`)
    seen.add(id)
  }
  return logs
}
