/** The settings of external places: `--feed`, `--distributor`, `--source-spotter`. src/exchange uses them. */
import { parseUrl } from '../logs/log-setting.js'
import { parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from '../tlog/note.js'
import { invalid } from './setting.js'

/** The protocol of a place. */
export type PlaceKind = 'feed' | 'distributor' | 'source-spotter'

export interface PlaceSetting {
  readonly kind: PlaceKind
  /** Its name in texts and metrics: the name of its key, or its URL without the scheme. */
  readonly name: string
  /** Without a trailing slash. */
  readonly url: string
  /** The witness key that must have made its cosignatures, if given. */
  readonly key?: VerifierKey
}

/** Returns a parser of "URL" or, for a feed, "VKEY URL". The parser throws CONFIG_INVALID or KEY_*. */
export function parsePlaceOf(kind: PlaceKind): (text: string) => PlaceSetting {
  return (text) => {
    const words = text.trim().split(/\s+/)
    const takesKey = kind === 'feed' && words.length === 2
    if (words.length > (takesKey ? 2 : 1)) {
      const expected = kind === 'feed' ? '"URL" or "VKEY URL"' : 'one URL'
      throw invalid(kind, `${expected} expected, got ${JSON.stringify(text)}`)
    }
    const url = parseUrl(kind, words.at(-1)!)
    if (!takesKey) return { kind, name: url.replace(/^https?:\/\//, ''), url }
    const key = parseVerifierKey(words[0]!)
    if (key.type === SIGNATURE_TYPES.ed25519) throw invalid(kind, `${key.name} is a log key, not a witness key`)
    return { kind, name: key.name, url, key }
  }
}

/** Throws CONFIG_INVALID when a place is listed twice, or two share a name. */
export function requireDistinct(places: readonly PlaceSetting[]): void {
  const seen = new Set<string>()
  for (const { kind, name, url } of places) {
    for (const twice of [`${kind} ${url}`, `name ${name}`]) {
      if (seen.has(twice)) throw invalid(kind, `${url} (${name}) is listed twice`)
      seen.add(twice)
    }
  }
}
