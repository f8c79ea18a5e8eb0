/**
 * Where settings are given (flags, the environment, a YAML file) and which source takes precedence. Their meaning is in
 * settings.ts.
 */
import { flagOf, fromVariable, variableOf, type Place, type Writing } from './setting.js'
import { ALL_SETTINGS, type Settings } from './settings.js'
import { readSettingsFile, type FileSetting } from './settings-file.js'

/** The value of a setting, and its source. */
export interface Heard {
  /** As written; undefined: it was not given, and has no default. */
  readonly written: Writing | undefined
  readonly source: Place | 'default'
  /** The flag, the variable, or the path of the file; null for the default. */
  readonly at: string | null
  /**
   * The setting in the file and its place there; absent if the file does not have it, or another source takes
   * precedence.
   */
  readonly inFile?: FileSetting | undefined
}

/** The settings of one source, by name. */
type Sayings = Readonly<Record<string, Writing | undefined>>

interface Places {
  /** The file of settings; undefined: that of GOSSUM_CONFIG, if set. */
  readonly file?: string | undefined
  /** The node to ask, if given with a flag. */
  readonly node?: string | undefined
  readonly env: NodeJS.ProcessEnv
}

const named = Object.entries(ALL_SETTINGS)

/** All environment variables of ours. */
export const VARIABLES: readonly string[] = named
  .filter(([, { places }]) => places.includes('environment'))
  .map(([name, setting]) => variableOf(name, setting))
  .filter((variable) => variable.startsWith('GOSSUM_'))

/** The value of each setting. Throws CONFIG_INVALID, FILE_UNREADABLE or HOME_UNUSABLE. */
export function hear(flags: Settings, { file, node, env }: Places): Record<string, Heard> {
  const path = file ?? (env['GOSSUM_CONFIG'] || undefined)
  const inFile = path ? readSettings(path) : {}
  const said: Record<Place, Sayings> = {
    flag: { ...flags, config: file, node },
    file: Object.fromEntries(Object.values(inFile).map(({ name, written }) => [name, written])),
    environment: readEnvironment(env),
  }
  return Object.fromEntries(
    named.map(([name, setting]): [string, Heard] => {
      const source = setting.places.find((place) => said[place][name] !== undefined)
      if (source === undefined) return [name, { written: setting.initial(env), source: 'default', at: null }]
      const at = { flag: flagOf(name, setting), environment: variableOf(name, setting), file: path ?? null }[source]
      return [name, { written: said[source][name], source, at, inFile: source === 'file' ? inFile[name] : undefined }]
    }),
  )
}

/** An empty variable counts as unset. */
function readEnvironment(env: NodeJS.ProcessEnv): Sayings {
  return Object.fromEntries(
    named.flatMap(([name, setting]) => {
      const variable = variableOf(name, setting)
      const value = setting.places.includes('environment') ? env[variable] : undefined
      return value ? [[name, fromVariable(setting, variable, value)]] : []
    }),
  )
}

/** The settings of a file, and their places. Throws its first problem. */
function readSettings(path: string): Readonly<Record<string, FileSetting>> {
  const { settings, problems } = readSettingsFile(path, IN_FILES)
  if (problems[0] !== undefined) throw problems[0]
  return Object.fromEntries(settings.map((said) => [said.name, said]))
}

/** The settings that a file may have. */
export const IN_FILES = named.filter(([, { places }]) => places.includes('file'))
