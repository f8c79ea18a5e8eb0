/**
 * What upstreams say of versions: `.info` and `@latest` (go.dev/ref/mod, GOPROXY protocol), and `@v/list`. Of it all nothing
 * is recorded in the log. What is handed on is written anew, with no fields but those that the go command needs: Origin,
 * which nobody can check here, is left out.
 *
 * Pure. Everything here reads bytes that an upstream sent, so everything is bounded.
 */
import { GossumError } from '../errors.js'
import { isObject } from '../lib/is-object.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { compareVersions, isCanonicalVersion } from './versions.js'

/** The largest `.info`, and the largest list of versions, in bytes. */
export const MAX_INFO_BYTES = 64 * 1024
export const MAX_LIST_BYTES = 4 * 1024 * 1024
/** The most versions of a list. The longest in the public proxy have some thousand. */
const MAX_LISTED = 50_000
/** RFC 3339, as Go writes it. */
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})$/

export interface VersionInfo {
  /** Canonical. */
  readonly version: string
  /** As it is handed on: JSON. */
  readonly body: Uint8Array
}

/** Reads an `.info`. Throws PROXY_FAILED, which names `from`. */
export function parseInfo(bytes: Uint8Array, from: string): VersionInfo {
  const value = jsonIn(bytes)
  const { Version: version, Time: time } = isObject(value) ? value : {}
  if (typeof version !== 'string' || !isCanonicalVersion(version)) throw failed(from, 'it names no canonical version')
  const isTime = typeof time === 'string' && TIME.test(time) && !Number.isNaN(Date.parse(time))
  if (time !== undefined && !isTime) throw failed(from, 'its time is none')
  return { version, body: utf8(JSON.stringify({ Version: version, ...(isTime && { Time: time }) })) }
}

/**
 * The versions of a list: canonical ones, each once, the newest first. What else stands in it no go command would take.
 * Throws PROXY_FAILED, which names `from`.
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

/** A list as it is handed on, the oldest first. */
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
