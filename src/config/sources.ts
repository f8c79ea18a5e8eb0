/** Where settings are given: by flags, in the environment, in a YAML file; and which of them wins. What they mean is settings.ts. */
import { flagOf, fromVariable, variableOf, type Place, type Writing } from './setting.js'
import { ALL_SETTINGS, type Settings } from './settings.js'
import { readSettingsFile, type FileSetting } from './settings-file.js'

/** What holds for a setting, and who said it. */
export interface Heard {
  /** As it is written; undefined: nobody said anything, and there is no initial value. */
  readonly written: Writing | undefined
  readonly source: Place | 'default'
  /** The flag, the variable, or the path of the file; null for the default. */
  readonly at: string | null
  /** What the file says, and where in it; absent for what the file does not say, or somebody stronger. */
  readonly inFile?: FileSetting | undefined
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

/** What a file says, and where. Throws what is wrong with how it is written, the first of all that is. */
function readSettings(path: string): Readonly<Record<string, FileSetting>> {
  const { settings, problems } = readSettingsFile(path, IN_FILES)
  if (problems[0] !== undefined) throw problems[0]
  return Object.fromEntries(settings.map((said) => [said.name, said]))
}

/** The settings that a file may say. */
export const IN_FILES = named.filter(([, { places }]) => places.includes('file'))
