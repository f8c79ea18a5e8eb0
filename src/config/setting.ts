/** What a setting is: where it may be given, how it is written there, and how its text is parsed. Pure. */
import { GossumError } from '../errors.js'

/** Where a setting may be given. */
export type Place = 'flag' | 'environment' | 'file'

/** Groups of settings in help and docs, in this order. */
export const GROUPS = [
  'Common',
  'Logs',
  'Mesh',
  'API',
  'Witness',
  'Audit',
  'Alarm',
  'Exchange',
  'Go command',
  'Mirror',
  'Log output',
] as const
export type Group = (typeof GROUPS)[number]

/** A value as written in a flag, a variable or a file. */
export type Writing = string | number | boolean | readonly string[]

/** One setting. `W` is the type of what is written, `V` that of its value. */
export interface Setting<W extends Writing = Writing, V = unknown> extends Spelling {
  readonly kind: Kind
  /** The default, as it would be written; undefined: none. May throw HOME_UNUSABLE. */
  readonly initial: (env: NodeJS.ProcessEnv) => W | undefined
  /** Throws CONFIG_INVALID, and the errors of a key or file that it names. `name` is the setting's name in errors. */
  parse(written: W | undefined, name: string): V
}

type Kind = 'text' | 'list' | 'number' | 'switch'

/** What users see of a setting. */
interface Spelling {
  readonly group: Group
  /** One sentence, without a full stop. */
  readonly help: string
  /** The placeholder of its value in help and docs; a switch has none. */
  readonly value?: string
  /** The default in words, where the initial value does not express it. */
  readonly otherwise?: string
  /** Whether its value may contain URLs with passwords. */
  readonly secret?: true
  /** All possible values. */
  readonly choices?: readonly string[]
  /** Whether a change needs a restart; other settings are also applied by a reload. */
  readonly restart?: true
  /** Where it may be given, in descending precedence. */
  readonly places: readonly Place[]
  /**
   * The keys that an item of a list may have as a mapping in the file. Elsewhere, such an item is written as the value
   * of the first key, followed by `key=value` for each other key.
   */
  readonly fields?: readonly string[]
  /** Its environment variable, if that cannot be derived from its name. */
  readonly variable?: string
}

/** The fields that most settings need not give. */
type Said<T> = Omit<Spelling, 'places'> & Partial<Pick<Spelling, 'places'>> & T

const EVERYWHERE: readonly Place[] = ['flag', 'environment', 'file']

// ---- the kinds -------------------------------------------------------------------------------------------------

/** One text, which may be absent. */
export function textSetting<V>(
  said: Said<{ read: (text: string, name: string) => V }>,
): Setting<string, V | undefined> {
  const { read, ...spelling } = said
  const parse = (written: string | undefined, name: string): V | undefined =>
    written === undefined ? undefined : read(written, name)
  return { places: EVERYWHERE, ...spelling, kind: 'text', initial: () => undefined, parse }
}

/** One text with a default. */
export function textOr<V>(
  initial: (env: NodeJS.ProcessEnv) => string,
  said: Said<{ read: (text: string, name: string) => V }>,
): Setting<string, V> {
  const { read, ...spelling } = said
  return { places: EVERYWHERE, ...spelling, kind: 'text', initial, parse: (written, name) => read(written!, name) }
}

/** One of a few words. */
export function choice<const C extends string>(
  said: Said<{ choices: readonly C[]; initial: NoInfer<C> }>,
): Setting<string, C> {
  const { initial, ...spelling } = said
  const choices: readonly C[] = said.choices
  const parse = (written: string | undefined, name: string): C => {
    const found = choices.find((one) => one === written)
    if (found === undefined)
      throw invalid(name, `one of ${choices.join(', ')} expected, got ${JSON.stringify(written)}`)
    return found
  }
  const value = choices.join('|')
  return { places: EVERYWHERE, value, ...spelling, kind: 'text', initial: () => initial, parse }
}

/** The most items of a list: logs, addresses, peers. */
export const MAX_ITEMS = 64

/** Texts, each given separately; at most MAX_ITEMS. */
export function list<V>(
  said: Said<{ initial?: readonly string[]; each: (item: string, name: string) => V }>,
): Setting<readonly string[], readonly V[]> {
  const { initial = [], each, ...spelling } = said
  const parse = (items: readonly string[] = [], name: string): readonly V[] => {
    if (items.length > MAX_ITEMS) throw invalid(name, `more than ${MAX_ITEMS}`)
    return Object.freeze(items.map((item) => each(item, name)))
  }
  return { places: EVERYWHERE, ...spelling, kind: 'list', initial: () => initial, parse }
}

/** Seconds between two limits. */
export function seconds(said: Said<{ least: number; most: number; initial: number }>): Setting<number, number> {
  const { least, most, initial, ...spelling } = said
  const parse = (written: number | undefined, name: string): number => {
    if (!(written! >= least && written! <= most)) throw invalid(name, `seconds from ${least} to ${most} expected`)
    return written!
  }
  return { places: EVERYWHERE, value: 'SECONDS', ...spelling, kind: 'number', initial: () => initial, parse }
}

/** A rate per second between two limits. */
export function perSecond(said: Said<{ least: number; most: number; initial: number }>): Setting<number, number> {
  const { least, most, initial, ...spelling } = said
  const parse = (written: number | undefined, name: string): number => {
    if (!(written! >= least && written! <= most)) throw invalid(name, `a number from ${least} to ${most} expected`)
    return written!
  }
  return { places: EVERYWHERE, value: 'PER-SECOND', ...spelling, kind: 'number', initial: () => initial, parse }
}

/** Yes or no. Its flag sets the opposite of the default. */
export function toggle(said: Said<{ initial: boolean }>): Setting<boolean, boolean> {
  const { initial, ...spelling } = said
  return { places: EVERYWHERE, ...spelling, kind: 'switch', initial: () => initial, parse: (written) => written! }
}

// ---- names -----------------------------------------------------------------------------------------------------

/** The name of a setting in files, on the command line and in errors: `guardWait` is `guard-wait`. */
export function keyOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

/** Its environment variable. */
export function variableOf(name: string, { variable }: Setting): string {
  return variable ?? `GOSSUM_${keyOf(name).replaceAll('-', '_').toUpperCase()}`
}

/** Its flag, without a value. */
export function flagOf(name: string, { kind, initial }: Setting): string {
  return kind === 'switch' && initial({}) === true ? `--no-${keyOf(name)}` : `--${keyOf(name)}`
}

/** The default in words; undefined for a switch, whose flag implies it, and for a setting without a default. */
export function otherwiseOf({ kind, otherwise, initial }: Setting): string | undefined {
  if (otherwise !== undefined || kind === 'switch') return otherwise
  return [initial({}) ?? []].flat().join(' ') || undefined
}

// ---- what is written -------------------------------------------------------------------------------------------

/** Reads a variable. The items of a list are separated by newlines or ";". Throws CONFIG_INVALID. */
export function fromVariable({ kind }: Setting, name: string, value: string): Writing {
  if (kind === 'number') return Number(value)
  if (kind === 'switch') return asSwitch(name, value)
  if (kind === 'text') return value
  return value
    .split(/[\n;]/)
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** Reads a value of a YAML file. Throws CONFIG_INVALID. */
export function fromYaml({ kind, fields = [] }: Setting, name: string, value: unknown): Writing {
  if (kind === 'number') return Number(value)
  if (kind === 'switch') return asSwitch(name, String(value))
  if (kind === 'text') return asText(name, value)
  return (Array.isArray(value) ? value : [value]).map((item: unknown) =>
    typeof item === 'object' && item !== null && fields.length > 0
      ? fromMapping(name, item, fields)
      : asText(name, item),
  )
}

function fromMapping(name: string, item: object, [first, ...more]: readonly string[]): string {
  const entries = Object.entries(item).map(([field, value]): [string, string] => {
    if (field !== first && !more.includes(field))
      throw invalid(name, `unknown key ${JSON.stringify(field)}: ${[first, ...more].join(', ')}`)
    const text = asText(`${name}: ${field}`, value)
    if (/\s/.test(text)) throw invalid(name, `${field} contains white space`)
    return [field, text]
  })
  const said = new Map(entries)
  if (first === undefined || !said.has(first)) throw invalid(name, `${first} is missing`)
  return [said.get(first)!, ...more.flatMap((field) => (said.has(field) ? `${field}=${said.get(field)!}` : []))].join(
    ' ',
  )
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

export function invalid(setting: string, why: string): GossumError {
  return new GossumError('CONFIG_INVALID', `${setting}: ${why}`)
}
