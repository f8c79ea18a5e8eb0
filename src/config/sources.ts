/** Where settings are given: by flags, in the environment, in a YAML file; and which of them wins. What they mean is settings.ts. */
import { parse as parseYaml } from 'yaml'
import { errorText, GossumError, HintedError } from '../errors.js'
import { readText } from './read-text.js'
import { nearest } from './nearest.js'
import { flagOf, fromVariable, fromYaml, invalid, keyOf, variableOf, type Place, type Writing } from './setting.js'
import { ALL_SETTINGS, type Settings } from './settings.js'

/** What holds for a setting, and who said it. */
export interface Heard {
  /** As it is written; undefined: nobody said anything, and there is no initial value. */
  readonly written: Writing | undefined
  readonly source: Place | 'default'
  /** The flag, the variable, or the path of the file; null for the default. */
  readonly at: string | null
}

/** What is said in one place, by the names of settings. */
type Sayings = Readonly<Record<string, Writing | undefined>>

interface Places {
  /** The file of settings; undefined: that of GOSSUM_CONFIG, if it names one. */
  readonly file?: string | undefined
  /** The node to ask, when a flag says it. */
  readonly node?: string | undefined
  readonly env: NodeJS.ProcessEnv
}

const named = Object.entries(ALL_SETTINGS)

/** All variables of the environment that are ours. */
export const VARIABLES: readonly string[] = named
  .filter(([, { places }]) => places.includes('environment'))
  .map(([name, setting]) => variableOf(name, setting))
  .filter((variable) => variable.startsWith('GOSSUM_'))

/** What holds for each setting. Throws CONFIG_INVALID, FILE_UNREADABLE or HOME_UNUSABLE. */
export function hear(flags: Settings, { file, node, env }: Places): Record<string, Heard> {
  const path = file ?? (env['GOSSUM_CONFIG'] || undefined)
  const said: Record<Place, Sayings> = {
    flag: { ...flags, config: file, node },
    file: path ? readSettings(path) : {},
    environment: readEnvironment(env),
  }
  return Object.fromEntries(
    named.map(([name, setting]): [string, Heard] => {
      const source = setting.places.find((place) => said[place][name] !== undefined)
      if (source === undefined) return [name, { written: setting.initial(env), source: 'default', at: null }]
      const at = { flag: flagOf(name, setting), environment: variableOf(name, setting), file: path ?? null }[source]
      return [name, { written: said[source][name], source, at }]
    }),
  )
}

/** A variable that is empty says nothing. */
function readEnvironment(env: NodeJS.ProcessEnv): Sayings {
  return Object.fromEntries(
    named.flatMap(([name, setting]) => {
      const variable = variableOf(name, setting)
      const value = setting.places.includes('environment') ? env[variable] : undefined
      return value ? [[name, fromVariable(setting, variable, value)]] : []
    }),
  )
}

function readSettings(path: string): Sayings {
  let value: unknown
  try {
    value = parseYaml(readText(path)) ?? {}
  } catch (error) {
    // The lines behind the first show the place in the file, which the first names.
    throw error instanceof GossumError ? error : invalid(path, errorText(error).split('\n')[0]!)
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(path, 'not a mapping of settings')
  return Object.fromEntries(
    Object.entries(value as Record<string, unknown>).map(([key, said]) => {
      const [name, setting] = inFiles.find(([known]) => keyOf(known) === key) ?? []
      if (name === undefined || setting === undefined) throw unknownSetting(path, key)
      return [name, fromYaml(setting, key, said)]
    }),
  )
}

const inFiles = named.filter(([, { places }]) => places.includes('file'))

function unknownSetting(path: string, key: string): GossumError {
  const error = invalid(path, `there is no setting ${JSON.stringify(key)}`)
  const meant = nearest(
    key,
    inFiles.map(([name]) => keyOf(name)),
  )
  return meant === undefined ? error : new HintedError(error, `did you mean ${meant}?`)
}
