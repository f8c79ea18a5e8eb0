/** The settings of `gossum audit`. */
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { KeepingSource } from '../../../audit/walk/keeping-source.js'
import { PoliteSource } from '../../../audit/walk/polite-source.js'
import { RequestBudget } from '../../../sumdb/request-budget.js'
import { UNIT_RECORDS, unitsOf, type PartRange } from '../../../audit/walk/unit.js'
import { SUM_GOLANG_ORG, SUM_GOLANG_ORG_URL } from '../../../config/known-logs.js'
import { defaultHome } from '../../../config/user-home.js'
import { GossumError } from '../../../errors.js'
import { parseLogSetting, type LogSetting } from '../../../logs/log-setting.js'
import { folderOf, isFolderUrl, openSource, type LogSource } from '../../../sumdb/log-source.js'
import { SUMDB_ORIGIN } from '../../../tlog/checkpoint.js'
import type { CommonFlags } from '../../common-flags.js'

export interface AuditFlags extends CommonFlags {
  readonly log?: string
  readonly head?: string
  readonly from?: string
  readonly to?: string
  readonly keep?: string
  readonly follow?: boolean
  readonly poll?: string
  readonly threads?: string
  readonly rate?: string
  readonly units?: string
  readonly out?: string
  readonly redo?: string
  readonly writeEvidence?: string
}

/** Default rate of requests, per second, to a log that is served over a network. */
export const USUAL_RATE = 50
/** Default number of seconds between two polls with --follow. */
export const USUAL_POLL = 60
const MAX_POLL = 86_400
/** More threads would be idle: one reads several hundred thousand records a second. */
const MAX_THREADS = 64
const USUAL_THREADS = 4
const MAX_RATE = 100_000

/** A log to audit; its address may be a folder. */
export interface AuditedLog extends Pick<LogSetting, 'id' | 'key' | 'origin'> {
  readonly url: string
}

/**
 * Parses "VKEY URL" or "VKEY URL ORIGIN" as `run` does, where `file:DIR` may replace the URL. Throws USAGE and KEY_*.
 */
export function parseAuditedLog(text = `${SUM_GOLANG_ORG} ${SUM_GOLANG_ORG_URL}`): AuditedLog {
  const [, vkey, address, origin] = /^(\S+)\s+(file:\S+)(?:\s+(\S.*))?$/s.exec(text.trim()) ?? []
  if (vkey !== undefined && address !== undefined) {
    const { id, key, origin: named } = parseLogSetting(`${vkey} - ${origin ?? SUMDB_ORIGIN}`)
    return { id, key, origin: named, url: `file:${resolve(folderOf(address))}` }
  }
  const { id, key, origin: named, url } = parseLogSetting(text)
  if (url === null)
    throw new GossumError('USAGE', '--log: a log that only pushes its heads cannot be read; give its URL')
  return { id, key, origin: named, url }
}

export interface AuditSettings {
  readonly log: AuditedLog
  readonly source: LogSource
  readonly keeping: KeepingSource | undefined
  readonly threads: number
  readonly pollMs: number
  /** The folder in which the audit of this log is kept. */
  readonly dir: string
}

export function auditSettings(flags: AuditFlags): AuditSettings {
  const log = parseAuditedLog(flags.log)
  const rate = whole('--rate', flags.rate, 0, MAX_RATE) ?? USUAL_RATE
  const opened = openSource({ url: log.url })
  const isPolite = !isFolderUrl(log.url) && rate > 0
  const polite = isPolite
    ? new PoliteSource(opened, new RequestBudget(rate, (ms, signal) => setTimeout(ms, undefined, { signal })))
    : opened
  const keeping = flags.keep === undefined ? undefined : new KeepingSource(polite, resolve(flags.keep))
  return {
    log,
    source: keeping ?? polite,
    keeping,
    pollMs: pollOf(flags.poll),
    threads: whole('--threads', flags.threads, 1, MAX_THREADS) ?? Math.min(availableParallelism(), USUAL_THREADS),
    dir: join(flags.home ?? defaultHome(), 'audit', log.id),
  }
}

/** The requested records of a tree of this size; undefined for all of them. Throws USAGE. */
export function rangeOf(flags: AuditFlags, size: number): PartRange | undefined {
  const [from, to] = [bound('--from', flags.from), bound('--to', flags.to)]
  if (flags.units !== undefined) {
    if (from !== undefined || to !== undefined) throw new GossumError('USAGE', '--units already gives the range')
    const [first, last] = unitsNamed(flags.units, size)
    return { from: first * UNIT_RECORDS, to: Math.min((last + 1) * UNIT_RECORDS, size) }
  }
  if (from === undefined && to === undefined) return undefined
  const range = { from: from ?? 0, to: to ?? size }
  if (range.from >= range.to) throw new GossumError('USAGE', `no records from ${range.from} to ${range.to}`)
  return range
}

function unitsNamed(text: string, size: number): [first: number, last: number] {
  const [, first, last = first] = /^(\d{1,12})(?:-(\d{1,12}))?$/.exec(text) ?? []
  const [a, b] = [Number(first), Number(last)]
  if (a <= b && b < unitsOf(size)) return [a, b]
  throw new GossumError(
    'USAGE',
    `--units takes A-B, units of ${UNIT_RECORDS} records; this tree has 0-${unitsOf(size) - 1}`,
  )
}

/** The same range as for `run`; fractions of a second are allowed. */
function pollOf(text = String(USUAL_POLL)): number {
  const seconds = /^[0-9]{1,5}(\.[0-9]{1,3})?$/.test(text) ? Number(text) : NaN
  if (seconds > 0 && seconds <= MAX_POLL) return seconds * 1000
  throw new GossumError('USAGE', `--poll takes seconds, above 0 and at most ${MAX_POLL}`)
}

function bound(flag: string, text: string | undefined): number | undefined {
  return whole(flag, text, 0, Number.MAX_SAFE_INTEGER)
}

/** The whole number given with a flag; undefined when the flag is not given. Throws USAGE. */
export function whole(flag: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN
  if (value >= least && value <= most) return value
  throw new GossumError('USAGE', `${flag} takes a whole number from ${least} to ${most}`)
}
