/**
 * What a log is to this node, and how it is written in one line: "VKEY URL ORIGIN".
 */
import { GossumError } from '../errors.js'
import { withoutLogin } from '../outgoing/logins.js'
import { logId, SUMDB_ORIGIN } from '../tlog/checkpoint.js'
import { parseVerifierKey, type VerifierKey } from '../tlog/note.js'

/**
 * Logs that one node follows because its operator says so, and because log lists do: each costs it two topics of the mesh.
 * Lists have room of their own, so that none can be in the way of the operator.
 */
export const MAX_FOLLOWED = 64
export const MAX_LISTED = 32

/** A log to follow. */
export interface LogSetting {
  /** Log id. */
  readonly id: string
  readonly key: VerifierKey
  readonly origin: string
  /** Where it is polled; null for a log that only pushes its heads to us. */
  readonly url: string | null
  /** Where the go command's lookups and tiles come from: the log itself, or a module proxy's /sumdb/<name>. */
  readonly upstream: string | null
  /** Kept, and neither polled nor cosigned. */
  readonly disabled: boolean
  /** The log list that brought it; null for what the operator said. */
  readonly list: string | null
  /** Cosignatures in a day for heads that it pushes, as that list says; null for as many as it wants. */
  readonly perDay: number | null
}

/** Those of them that are not disabled. */
export function followedOf(logs: readonly LogSetting[]): LogSetting[] {
  return logs.filter(({ disabled }) => !disabled)
}

/** Throws CONFIG_INVALID when these are more than one node follows. Those that a list brought are counted where they are added. */
export function requireRoomForLogs(logs: readonly LogSetting[]): void {
  if (followedOf(logs).filter(({ list }) => list === null).length > MAX_FOLLOWED)
    throw invalid('log', `more than ${MAX_FOLLOWED}`)
}

function invalid(setting: string, why: string): GossumError {
  return new GossumError('CONFIG_INVALID', `${setting}: ${why}`)
}

/**
 * "VKEY URL" is a checksum database; "VKEY -" a log that is only pushed, whose origin is the name of its key, as
 * c2sp.org/tlog-checkpoint wants it. A third field, to the end of the text, is another origin; a log with a URL is then
 * one of c2sp.org/tlog-tiles (sumdb/log-layout.ts). Throws CONFIG_INVALID or KEY_*.
 */
export function parseLogSetting(text: string): LogSetting {
  const [, vkey, address, named] = /^(\S+)\s+(\S+)(?:\s+(\S.*))?$/s.exec(text.trim()) ?? []
  if (vkey === undefined || address === undefined)
    throw invalid('log', `"VKEY URL" or "VKEY URL ORIGIN" expected, got ${JSON.stringify(text)}`)
  const key = parseVerifierKey(vkey)
  if (key.type !== 0x01) throw invalid('log', `${key.name} is a witness key (type 0x0${key.type}), not a log key`)
  const isPushed = address === '-'
  const origin = named ?? (isPushed ? key.name : SUMDB_ORIGIN)
  if (/[\x00-\x1f]/.test(origin)) throw invalid('log', `${JSON.stringify(origin)} is no line of a checkpoint`)
  const url = isPushed ? null : parseUrl('log', address, ', nor "-"')
  return { id: logId(key.name, origin), key, origin, url, upstream: url, disabled: false, list: null, perDay: null }
}

/**
 * An http or https URL without a slash at the end, and without the login that it may have: requests to it have that,
 * and nothing else (outgoing/logins.ts). `otherwise` says what could stand in its place.
 */
export function parseUrl(setting: string, url: string, otherwise = ''): string {
  const parsed = URL.canParse(url) ? new URL(withoutLogin(url)) : undefined
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.search !== '') {
    throw invalid(setting, `${JSON.stringify(url)} is not an http or https URL${otherwise}`)
  }
  return parsed.href.replace(/\/+$/, '')
}

/** The logs with the upstreams that are set for them. */
export function withUpstreams(logs: readonly LogSetting[], upstreams: readonly string[]): LogSetting[] {
  const polled = logs.filter(({ url }) => url !== null)
  const byName = new Map<string, string>()
  for (const text of upstreams) {
    const words = text.trim().split(/\s+/)
    const name = words.length === 2 ? words[0]! : polled.length === 1 ? polled[0]!.key.name : ''
    if (words.length > 2 || !polled.some(({ key }) => key.name === name) || byName.has(name)) {
      throw invalid('upstream', `"NAME URL" of a log that is followed expected, each once, got ${JSON.stringify(text)}`)
    }
    byName.set(name, parseUrl('upstream', words.at(-1)!))
  }
  return logs.map((log) => ({ ...log, upstream: byName.get(log.key.name) ?? log.upstream }))
}

/** Each log once: two entries of one log would share one state, and the mesh one topic. */
export function distinct(logs: readonly LogSetting[]): readonly LogSetting[] {
  const seen = new Set<string>()
  for (const { id, key } of logs) {
    if (seen.has(id)) throw invalid('log', `two logs with the key name ${key.name} and one origin`)
    seen.add(id)
  }
  return logs
}
