/** The settings of the module mirror: `--mirror` and those that depend on it. */
import { parseUrl } from '../logs/log-setting.js'
import { invalid } from './setting.js'

/** The most characters of all patterns of one setting together. */
const MAX_PATTERNS = 4096

const SECOND_MS = 1000
const UNITS_MS = { s: SECOND_MS, m: 60 * SECOND_MS, h: 3600 * SECOND_MS, d: 86_400 * SECOND_MS } as const
/** The longest cooldown: ten years. */
const MAX_DURATION_MS = 3650 * UNITS_MS.d

const UNITS_BYTES = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
} as const
/** The smallest limit for the size of a mirror, in bytes. */
const LEAST_BYTES = 2 ** 20

/** The URL of a GOPROXY: http, https, or file for a folder on this machine. Any login is removed, as in parseUrl. */
export function parseMirror(text: string, setting: string): string {
  const url = text.trim()
  if (!url.startsWith('file://')) return parseUrl(setting, url, ' nor a file URL')
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed === undefined || parsed.host !== '' || parsed.search !== '' || parsed.pathname === '/')
    throw invalid(setting, `"file:///FOLDER" expected, got ${JSON.stringify(text)}`)
  return parsed.href.replace(/\/+$/, '')
}

/** Patterns of module paths, in the form of GOPRIVATE. */
export function parsePatterns(text: string, setting: string): string {
  const patterns = text.trim()
  if (patterns.length > MAX_PATTERNS || /[\s=]/.test(patterns))
    throw invalid(setting, `patterns as in GOPRIVATE expected, with commas between them, got ${JSON.stringify(text)}`)
  return patterns
}

/** A duration in milliseconds, written as a whole number followed by `s`, `m`, `h` or `d`. */
export function parseDuration(text: string, setting: string): number {
  const [, count, unit] = /^([1-9][0-9]{0,8})([smhd])$/.exec(text.trim()) ?? []
  const ms = Number(count) * UNITS_MS[(unit ?? 's') as keyof typeof UNITS_MS]
  if (count === undefined || ms > MAX_DURATION_MS)
    throw invalid(
      setting,
      `a duration such as 7d, 12h, 30m or 90s expected, 3650d at most, got ${JSON.stringify(text)}`,
    )
  return ms
}

/** A number of bytes, with or without a unit. */
export function parseByteCount(text: string, setting: string): number {
  const [, count, unit] = /^([0-9]{1,15}(?:\.[0-9]{1,3})?) ?([kMGT]?B|[KMGT]iB)?$/.exec(text.trim()) ?? []
  const bytes = Math.floor(Number(count) * UNITS_BYTES[(unit ?? 'B') as keyof typeof UNITS_BYTES])
  if (count === undefined || bytes < LEAST_BYTES || !Number.isSafeInteger(bytes))
    throw invalid(setting, `bytes such as 10GiB or 500MB expected, 1MiB at least, got ${JSON.stringify(text)}`)
  return bytes
}

/** The settings of a mirror that are checked together. */
interface MirrorValues {
  readonly mirror: readonly string[]
  readonly private: string
  readonly cooldown: number | undefined
  readonly cooldownExcept: string
}

/** Throws CONFIG_INVALID for settings that would be silently ignored, and for an upstream that is listed twice. */
export function requireMirror({ mirror, cooldown, cooldownExcept, private: patterns }: MirrorValues): void {
  const twice = mirror.find((url, i) => mirror.indexOf(url) !== i)
  if (twice !== undefined) throw invalid('mirror', `${twice} is listed twice`)
  const said = [
    ...(patterns === '' ? [] : ['private']),
    ...(cooldown === undefined ? [] : ['cooldown']),
    ...(cooldownExcept === '' ? [] : ['cooldown-except']),
  ]
  if (mirror.length === 0 && said.length > 0)
    throw invalid(said[0]!, 'it is for the module mirror, but there is none: --mirror URL')
  if (cooldown === undefined && cooldownExcept !== '')
    throw invalid('cooldown-except', 'there is no cooldown to make an exception from')
}
