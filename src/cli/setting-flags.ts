/** The flags that are settings, as the table of settings has them (config/settings.ts). */
import type { Command } from 'commander'
import { GROUPS } from '../config/setting.js'
import { SETTINGS, type Settings } from '../config/settings.js'
import { optionOf, type CommonFlags } from './common-flags.js'

export type SettingFlags = Settings & CommonFlags

/** Declares the flags of a node, but for those that several commands share. */
export function declareSettings(command: Command): Command {
  for (const group of GROUPS.filter((name) => name !== 'Common')) {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (setting.group === group && setting.places.includes('flag')) command.addOption(optionOf(name, setting))
    }
  }
  return command
}

/** What the flags of a command line say, and nothing that they do not. */
export function settingsOf(flags: SettingFlags): Settings {
  const said = Object.entries(SETTINGS).map(([name, { kind, initial }]) => {
    const value = flags[name as keyof Settings]
    // A flag that only says "no" is set to "yes" when it is not given: then the environment and the file are asked.
    return [name, kind === 'switch' && value === initial({}) ? undefined : value]
  })
  return Object.fromEntries(said) as Settings
}
