/**
 * What upstreams say about versions: `.info` and `@latest` (go.dev/ref/mod, GOPROXY protocol), and `@v/list`. None of
 * it is recorded in the log. What is passed on is rewritten with only the fields that the go command needs: Origin,
 * which cannot be checked here, is left out.
 *
 * Pure. Everything here parses bytes from an upstream, so everything is limited.
 */
import { GossumError } from '../errors.js'
import { isObject } from '../lib/is-object.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { compareVersions, isCanonicalVersion } from './versions.js'

/** The largest `.info`, and the largest list of versions, in bytes. */
export const MAX_INFO_BYTES = 64 * 1024
export const MAX_LIST_BYTES = 4 * 1024 * 1024
/** The most versions in a list. The longest lists of the public proxy have several thousand. */
const MAX_LISTED = 50_000
/** RFC 3339, in the form of Go. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/

export interface VersionInfo {
  /** Canonical. */
  readonly version: string
  /** JSON, as it is passed on. */
  readonly body: Uint8Array
}

/** Parses an `.info`. Throws PROXY_FAILED, which names `from`. */
export function parseInfo(bytes: Uint8Array, from: string): VersionInfo {
  const value = jsonIn(bytes)
  const { Version: version, Time: time } = isObject(value) ? value : {}
  if (typeof version !== 'string' || !isCanonicalVersion(version)) throw failed(from, 'it names no canonical version')
  const isTime = typeof time === 'string' && TIME.test(time) && !Number.isNaN(Date.parse(time))
  if (time !== undefined && !isTime) throw failed(from, 'its time is malformed')
  return { version, body: utf8(JSON.stringify({ Version: version, ...(isTime && { Time: time }) })) }
}

/**
 * The versions in a list: canonical ones, each once, newest first. The go command would accept no others. Throws
 * PROXY_FAILED, which names `from`.
 */
export function parseList(bytes: Uint8Array, from: string): string[] {
  const text = fromUtf8(bytes)
  if (text === undefined) throw failed(from, 'it is not UTF-8')
  // SPEC: go.dev/ref/mod, GOPROXY protocol: one version a line. The go command reads the first field of each.
  const versions = text.split('\n').map((line) => line.trim().split(/\s/, 1)[0]!)
  const listed = [...new Set(versions.filter(isCanonicalVersion))]
  if (listed.length > MAX_LISTED) throw failed(from, `more than ${MAX_LISTED} versions`)
  return listed.sort((a, b) => compareVersions(b, a))
}

/** A list in the form in which it is passed on, oldest first. */
export function formatList(versions: readonly string[]): Uint8Array {
  return utf8(
    [...versions]
      .sort(compareVersions)
      .map((version) => `${version}\n`)
      .join(''),
  )
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(bytes) ?? '')
  } catch {
    return undefined
  }
}

function failed(from: string, why: string): GossumError {
  return new GossumError('PROXY_FAILED', `${from}: ${why}`)
}
