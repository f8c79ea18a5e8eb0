/**
 * Module paths and versions in the form used in URLs (golang.org/x/mod/module).
 *
 * Pure, and separate from records: code that only names modules need not load what proves them.
 */
import { GossumError } from '../errors.js'

/** The longest escaped `path@version`, in characters. The longest in the public log are below 300. */
export const MAX_MODULE_LENGTH = 1024

export interface ModuleVersion {
  readonly path: string
  readonly version: string
}

/** ASCII path elements that are valid in a URL; none begins or ends with a dot, so none is `..`. */
const MODULE_PATH = /^(?!\.)[A-Za-z0-9\-._~+]+(?<!\.)(?:\/(?!\.)[A-Za-z0-9\-._~+]+(?<!\.))*$/
/** The canonical versions that a checksum database accepts. */
const MODULE_VERSION = /^v[0-9]+\.[0-9]+\.[0-9]+(?:-[A-Za-z0-9\-._~]*)?(?:\+incompatible)?$/
/** A single such element. */
const QUERY = /^(?!\.)[A-Za-z0-9\-._~+]+(?<!\.)$/

function invalid(text: string): GossumError {
  return new GossumError('MODULE_INVALID', JSON.stringify(text.slice(0, 200)))
}

/** Escapes a module path or version: an upper-case letter becomes `!` followed by the lower-case one. */
function escapeCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => `!${letter.toLowerCase()}`)
}

/** The inverse of escapeCase; undefined for text that it never writes. */
function unescapeCase(escaped: string): string | undefined {
  if (!/^(?:[^!A-Z]|![a-z])*$/.test(escaped)) return undefined
  return escaped.replace(/!([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** The escaped `path@version`, as used in lookups. Throws MODULE_INVALID. */
export function escapeModule(path: string, version: string): string {
  const escaped = `${escapeCase(path)}@${escapeCase(version)}`
  if (!MODULE_PATH.test(path) || !MODULE_VERSION.test(version) || escaped.length > MAX_MODULE_LENGTH) {
    throw invalid(`${path}@${version}`)
  }
  return escaped
}

/** An escaped module path alone, as used for lists of versions. Throws MODULE_INVALID. */
export function escapePath(path: string): string {
  const escaped = escapeCase(path)
  if (!MODULE_PATH.test(path) || escaped.length > MAX_MODULE_LENGTH) throw invalid(path)
  return escaped
}

/** An escaped query, which is a version, a branch, a tag or a revision. Throws MODULE_INVALID. */
export function escapeQuery(query: string): string {
  const escaped = escapeCase(query)
  // SPEC: golang.org/x/mod/module, EscapeVersion: one element of a path, without exclamation marks.
  if (!QUERY.test(query) || escaped.length > MAX_MODULE_LENGTH) throw invalid(query)
  return escaped
}

/** The module and version of an escaped `path@version`. Throws MODULE_INVALID. */
export function unescapeModule(escaped: string): ModuleVersion {
  if (escaped.length > MAX_MODULE_LENGTH) throw invalid(escaped)
  const at = escaped.indexOf('@')
  const path = unescapeCase(escaped.slice(0, Math.max(at, 0)))
  const version = unescapeCase(escaped.slice(at + 1))
  if (path === undefined || version === undefined || !MODULE_PATH.test(path) || !MODULE_VERSION.test(version)) {
    throw invalid(escaped)
  }
  return { path, version }
}

/** The module path that escapePath has escaped. Throws MODULE_INVALID. */
export function unescapePath(escaped: string): string {
  const path = escaped.length > MAX_MODULE_LENGTH ? undefined : unescapeCase(escaped)
  if (path === undefined || !MODULE_PATH.test(path)) throw invalid(escaped)
  return path
}

/** The query that escapeQuery has escaped. Throws MODULE_INVALID. */
export function unescapeQuery(escaped: string): string {
  const query = escaped.length > MAX_MODULE_LENGTH ? undefined : unescapeCase(escaped)
  if (query === undefined || !QUERY.test(query)) throw invalid(escaped)
  return query
}

/** Whether a query is a version, and so always means the same. */
export function isVersion(query: string): boolean {
  return MODULE_VERSION.test(query)
}
