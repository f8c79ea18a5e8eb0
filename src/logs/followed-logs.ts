/**
 * HOME/logs.json: the logs that were added to a home or disabled there. No log is ever removed from it, and none can
 * change its key: what was signed of a log stays bound to both.
 */
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorText, GossumError } from '../errors.js'
import { isObject } from '../lib/is-object.js'
import { withLogin, withoutLogin } from '../outgoing/logins.js'
import { replacePrivateFile } from '../keys/private-file.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { distinct, parseLogSetting, type LogSetting } from './log-setting.js'

/** The largest file, in bytes. */
const MAX_BYTES = 1024 * 1024

function bookPath(home: string): string {
  return join(home, 'logs.json')
}

/**
 * The logs in the file of a home; none if there is no file. Throws CONFIG_INVALID, FILE_UNREADABLE or HOME_UNUSABLE.
 */
export function readBook(home: string): readonly LogSetting[] {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(bookPath(home))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw new GossumError(mayEnter(home) ? 'FILE_UNREADABLE' : 'HOME_UNUSABLE', errorText(error), error)
  }
  return parseBook(bytes, bookPath(home))
}

/** Whether the home is an accessible directory, so that only the file is the problem. */
function mayEnter(home: string): boolean {
  try {
    accessSync(`${home}/`, constants.R_OK | constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Changes the file of a home atomically: no other process changes it meanwhile, and a crash leaves the old or the new
 * one. Throws what readBook, `change` and replacePrivateFile throw; the file is then unchanged.
 */
export function changeBook(home: string, change: (logs: readonly LogSetting[]) => LogSetting[]): Promise<void> {
  return replacePrivateFile(bookPath(home), () => utf8(formatBook(change(readBook(home)))))
}

/**
 * The logs with this one added, or in place of the log with its id, whose data from a log list is kept. Throws
 * LOG_KEY_CHANGED if that one has another key.
 */
export function withLog(logs: readonly LogSetting[], log: LogSetting): LogSetting[] {
  const at = logs.findIndex(({ id }) => id === log.id)
  if (at < 0) return [...logs, log]
  const { list, perDay } = logs[at]!
  requireKey(log, logs[at]!)
  return logs.with(at, { ...log, list, perDay })
}

/**
 * The logs of the settings, followed by those that only the file has. `isDefault` says that the settings name no logs:
 * then the file takes precedence. A log disabled in the file is disabled. Throws LOG_KEY_CHANGED.
 */
export function withBook(set: readonly LogSetting[], isDefault: boolean, book: readonly LogSetting[]): LogSetting[] {
  const byId = new Map(book.map((log) => [log.id, log]))
  const merged = set.map((log) => {
    const kept = byId.get(log.id)
    if (kept === undefined) return log
    requireKey(log, kept)
    const { disabled, list, perDay } = kept
    return isDefault ? kept : { ...log, disabled, list, perDay }
  })
  return [...merged, ...book.filter(({ id }) => !set.some((log) => log.id === id))]
}

function requireKey({ key }: LogSetting, known: LogSetting): void {
  if (key.vkey !== known.key.vkey)
    throw new GossumError('LOG_KEY_CHANGED', `${known.key.vkey} is known here, not ${key.vkey}`)
}

// ---- the file --------------------------------------------------------------------------------------------------

function formatBook(logs: readonly LogSetting[]): string {
  const lines = logs.map(({ key, origin, url, disabled, list, perDay }) =>
    JSON.stringify({
      vkey: key.vkey,
      origin,
      url: url && withLogin(url),
      disabled,
      ...(list !== null && { list, perDay }),
    }),
  )
  return `{"logs":[\n${lines.join(',\n')}\n]}\n`
}

function parseBook(bytes: Uint8Array, path: string): readonly LogSetting[] {
  const invalid = (why: string): GossumError => new GossumError('CONFIG_INVALID', `${path}: ${why}`)
  if (bytes.length > MAX_BYTES) throw invalid(`larger than ${MAX_BYTES} bytes`)
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(bytes) ?? '')
  } catch (error) {
    throw invalid(errorText(error))
  }
  const { logs, ...more } = isObject(value) ? value : {}
  if (!Array.isArray(logs) || Object.keys(more).length > 0) throw invalid('not {"logs":[...]}')
  try {
    return distinct(logs.map(parseLog))
  } catch (error) {
    throw invalid(errorText(error))
  }
}

function parseLog(value: unknown): LogSetting {
  const { vkey, origin, url, disabled, list = null, perDay = null, ...more } = isObject(value) ? value : {}
  const isListed = typeof list === 'string' && Number.isSafeInteger(perDay) && (perDay as number) > 0
  const isLog = typeof vkey === 'string' && typeof origin === 'string' && (url === null || typeof url === 'string')
  const isWhole = isLog && typeof disabled === 'boolean' && (isListed || (list === null && perDay === null))
  if (!isWhole || Object.keys(more).length > 0)
    throw new GossumError('CONFIG_INVALID', `not a log: ${JSON.stringify(value)}`)
  const log = parseLogSetting(`${vkey} ${url ?? '-'} ${origin}`)
  if (log.key.vkey !== vkey || log.origin !== origin || log.url !== (url && withoutLogin(url)))
    throw new GossumError('CONFIG_INVALID', `not in canonical form: ${JSON.stringify(value)}`)
  return { ...log, disabled, ...(isListed && { list, perDay: Number(perDay) }) }
}
