/**
 * `--watch`, or `watch:` in the file: modules whose owner wants to be told of each new version, and the owner's list of
 * authorised releases (watch/releases.ts).
 */
import { resolve } from 'node:path'
import { parseUrl } from '../logs/log-setting.js'
import { fromBase64 } from '../tlog/bytes.js'
import { makeVerifierKey, SIGNATURE_TYPES, type VerifierKey } from '../tlog/note.js'
import { invalid } from './setting.js'

export interface WatchSetting {
  /** Patterns of module paths, in the form of GOPRIVATE. */
  readonly modules: string
  /** URL or path of the go.sum of authorised releases; undefined: versions are not checked. */
  readonly authorised: string | undefined
  /** The key that must have signed that list; undefined: it needs no signature. */
  readonly key: VerifierKey | undefined
}

/** The fields of a watch, which are keys of a mapping in the file. */
export const WATCH_FIELDS = ['modules', 'authorised', 'key'] as const

const EXPECTED = '"PATTERNS [authorised=FILE|URL [key=BASE64]]" expected'
/** The most characters of all patterns together. */
const MAX_PATTERNS = 4096

/** Reads one watch. Throws CONFIG_INVALID. */
export function parseWatch(text: string, setting: string): WatchSetting {
  const [modules = '', ...said] = text.trim().split(/\s+/)
  const fields = new Map<string, string>()
  for (const word of said) {
    const [, name, value] = /^(authorised|key)=(.+)$/.exec(word) ?? []
    if (name === undefined || fields.has(name)) throw invalid(setting, `${EXPECTED}, got ${JSON.stringify(text)}`)
    fields.set(name, value!)
  }
  const patterns = modules.split(',').filter((pattern) => pattern.replaceAll('/', '') !== '')
  if (patterns.length === 0 || modules.length > MAX_PATTERNS || modules.includes('='))
    throw invalid(setting, `${EXPECTED}, with patterns as in GOPRIVATE, got ${JSON.stringify(text)}`)
  const [source, key] = [fields.get('authorised'), fields.get('key')]
  if (key !== undefined && source === undefined)
    throw invalid(setting, `${modules}: the key is for a list, but authorised names none`)
  return {
    modules,
    authorised: source === undefined ? undefined : sourceOf(source, setting),
    key: key === undefined ? undefined : releaseKey(key, setting),
  }
}

function sourceOf(text: string, setting: string): string {
  return /^https?:/.test(text) ? parseUrl(setting, text) : resolve(text)
}

/** An Ed25519 key in the form of Source Spotter: base64 of its 32 bytes. */
function releaseKey(text: string, setting: string): VerifierKey {
  const bytes = fromBase64(text)
  if (bytes?.length !== 32) throw invalid(setting, `key: base64 of an Ed25519 public key expected, got ${text}`)
  return makeVerifierKey('releases', SIGNATURE_TYPES.ed25519, bytes)
}
