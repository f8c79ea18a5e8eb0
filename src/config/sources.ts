/** Where settings come from besides the flags: the environment and a YAML file. What they mean is config.ts. */
import { readFileSync } from 'node:fs'
import { parse as parseYaml } from 'yaml'
import { GossumError, HintedError, errorText } from '../errors.js'
import { nearest } from './nearest.js'

/** Settings as they are written: by flags, in the environment, in the file. Absent means "ask the next one". */
export interface Settings {
  home?: string | undefined
  /** "VKEY URL" or "VKEY URL ORIGIN" each; "-" in place of the URL for a log that is only pushed. */
  log?: string[] | undefined
  /** URL or path each. */
  logList?: string[] | undefined
  listen?: string[] | undefined
  bootstrap?: string[] | undefined
  announce?: string[] | undefined
  mdns?: boolean | undefined
  http?: string | undefined
  /** Networks or addresses. */
  trustedProxy?: string[] | undefined
  /** Seconds, as all waits are. */
  poll?: number | undefined
  guardWait?: number | undefined
  depositWait?: number | undefined
  quorumWait?: number | undefined
  /** "K", "required" or "K,required". */
  deposit?: string | undefined
  /** "NAME URL" each, or one URL when there is one log. */
  upstream?: string[] | undefined
  /** "URL" or "VKEY URL" each: witnesses that heads are pushed to. */
  feed?: string[] | undefined
  /** URLs of distributors of cosigned heads. */
  distributor?: string[] | undefined
  /** URLs of gossip endpoints of Source Spotter. */
  sourceSpotter?: string[] | undefined
  bastion?: string | undefined
  /** Path of a policy file, or `public`. */
  policy?: string | undefined
  name?: string | undefined
  contact?: string | undefined
  recover?: boolean | undefined
}

/** The largest configuration or policy file, in bytes. */
const MAX_FILE_BYTES = 256 * 1024

const LISTS = [
  'log',
  'listen',
  'bootstrap',
  'announce',
  'upstream',
  'feed',
  'distributor',
  'sourceSpotter',
  'logList',
  'trustedProxy',
] as const
const NUMBERS = ['poll', 'guardWait', 'depositWait', 'quorumWait'] as const
const TEXTS = ['home', 'http', 'bastion', 'policy', 'name', 'contact', 'deposit'] as const

/** All variables of the environment that are read, here or to find a node. */
export const VARIABLES: readonly string[] = [
  ...[...LISTS, ...NUMBERS, ...TEXTS, 'mdns'].map((name) => variableOf(name)),
  ...['GOSSUM_CONFIG', 'GOSSUM_NODE'],
]

function variableOf(name: string): string {
  return `GOSSUM_${spelled(name, '_').toUpperCase()}`
}

/** GOSSUM_LOG and the other lists hold one item a line (or separated by ";"), the rest one value. */
export function readEnvironment(env: NodeJS.ProcessEnv): Settings {
  const settings: Settings = {}
  const items = (value: string): string[] =>
    value
      .split(/[\n;]/)
      .map((item) => item.trim())
      .filter((item) => item !== '')
  const set = (name: string): string | undefined => env[variableOf(name)]
  for (const name of LISTS) {
    const value = set(name)
    if (value) settings[name] = items(value)
  }
  for (const name of TEXTS) {
    const value = set(name)
    if (value && name !== 'home') settings[name] = value
  }
  for (const name of NUMBERS) if (set(name)) settings[name] = Number(set(name))
  if (env['GOSSUM_MDNS']) settings.mdns = asSwitch('GOSSUM_MDNS', env['GOSSUM_MDNS'])
  return settings
}

export function readSettings(path: string): Settings {
  let value: unknown
  try {
    value = parseYaml(readText(path)) ?? {}
  } catch (error) {
    // The lines behind the first show the place in the file, which the first names.
    throw error instanceof GossumError ? error : invalid(path, errorText(error).split('\n')[0]!)
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(path, 'not a mapping of settings')
  const settings: Settings = {}
  for (const [name, setting] of Object.entries(value as Record<string, unknown>)) {
    const list = LISTS.find((known) => spelled(known, '-') === name)
    const number = NUMBERS.find((known) => spelled(known, '-') === name)
    if (list !== undefined) settings[list] = asList(name, setting)
    else if (isOneOf(name, TEXTS)) settings[name] = asText(name, setting)
    else if (number !== undefined) settings[number] = Number(setting)
    else if (name === 'mdns') settings.mdns = asSwitch(name, String(setting))
    else throw unknownSetting(path, name)
  }
  return settings
}

function unknownSetting(path: string, name: string): GossumError {
  const known = [...LISTS, ...NUMBERS, ...TEXTS, 'mdns'].map((setting) => spelled(setting, '-'))
  const error = invalid(path, `there is no setting ${JSON.stringify(name)}`)
  const meant = nearest(name, known)
  return meant === undefined ? error : new HintedError(error, `did you mean ${meant}?`)
}

/** A name of two words as files and the environment spell it. */
export function spelled(name: string, between: string): string {
  return name.replace(/[A-Z]/g, (letter) => between + letter.toLowerCase())
}

function isOneOf<T extends string>(name: string, names: readonly T[]): name is T {
  return (names as readonly string[]).includes(name)
}

function asText(name: string, value: unknown): string {
  if (typeof value === 'number') return String(value) // as YAML reads what has digits alone
  if (typeof value !== 'string') throw invalid(name, 'must be a string')
  return value
}

function asSwitch(name: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw invalid(name, 'must be true or false')
  return value === 'true'
}

function asList(name: string, value: unknown): string[] {
  return (Array.isArray(value) ? value : [value]).map((item) => asText(name, item))
}

export function invalid(setting: string, why: string): GossumError {
  return new GossumError('CONFIG_INVALID', `${setting}: ${why}`)
}

export function readText(path: string): string {
  try {
    const text = readFileSync(path, 'utf8')
    if (text.length > MAX_FILE_BYTES) throw invalid(path, `larger than ${MAX_FILE_BYTES} bytes`)
    return text
  } catch (error) {
    throw error instanceof GossumError ? error : new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
}
