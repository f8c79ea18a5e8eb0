/** The flags that mean the same in every command. */
import { Option, type Command } from 'commander'
import { flagOf, otherwiseOf, type Setting } from '../config/setting.js'
import { CONFIG_FILE, HOME, NODE } from '../config/shared-settings.js'
import type { OutputFlags } from './ui/output.js'

/** The flags that several commands share. */
export interface CommonFlags extends OutputFlags {
  readonly home?: string
  readonly config?: string
  readonly node?: string
}

const SHARED = {
  home: () => optionOf('home', HOME),
  config: () => optionOf('config', CONFIG_FILE),
  node: () => optionOf('node', NODE),
  json: () => new Option('--json', 'JSON lines on stdout'),
  quiet: () => new Option('-q, --quiet', 'less output on stderr'),
  color: () => new Option('--no-color', 'no colour (same as NO_COLOR)'),
}

export type SharedFlag = keyof typeof SHARED

const COMMON_GROUP = 'Common flags:'

/** The flags that every command takes. */
const EVERYWHERE: readonly SharedFlag[] = ['json', 'quiet', 'color']
export const ALL_FLAGS = Object.keys(SHARED) as SharedFlag[]

/** Declares shared flags on a command that does not declare them itself, so that its help shows them. */
export function declareFlags(command: Command, flags: readonly SharedFlag[]): void {
  for (const flag of new Set([...flags, ...EVERYWHERE])) {
    const option = SHARED[flag]().helpGroup(COMMON_GROUP)
    if (!command.options.some(({ long }) => long === option.long)) command.addOption(option)
  }
  declareHelp(command)
  for (const option of command.options) {
    // Otherwise commander quotes it.
    if (typeof option.defaultValue === 'string') option.defaultValueDescription ??= option.defaultValue
  }
}

/** Declares the help flag, which is listed last. */
export function declareHelp(command: Command): void {
  command.addHelpOption(new Option('-h, --help', 'print help').helpGroup(COMMON_GROUP))
}

/** The flag of a setting. */
export function optionOf(name: string, setting: Setting): Option {
  const { kind, group, value, help } = setting
  const otherwise = otherwiseOf(setting)
  const more = [kind === 'list' ? 'repeatable' : [], otherwise === undefined ? [] : `default: ${otherwise}`].flat()
  const flag = flagOf(name, setting) + (value === undefined ? '' : ` <${value}>`)
  const option = new Option(flag, more.length === 0 ? help : `${help} (${more.join('; ')})`)
  if (kind === 'list') option.argParser(collect)
  if (kind === 'number') option.argParser(Number)
  return option.helpGroup(`${group}:`)
}

/** Collects the values of an option that may be repeated. */
export function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}
