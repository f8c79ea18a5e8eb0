/** The flags of settings, derived from the table of settings (config/settings.ts). */
import type { Command } from 'commander'
import { GROUPS } from '../config/setting.js'
import { SETTINGS, type Settings } from '../config/settings.js'
import { optionOf, type CommonFlags } from './common-flags.js'

export type SettingFlags = Settings & CommonFlags

/** Declares the flags of a node, except those that several commands share. */
export function declareSettings(command: Command): Command {
  for (const group of GROUPS.filter((name) => name !== 'Common')) {
    for (const [name, setting] of Object.entries(SETTINGS)) {
      if (setting.group === group && setting.places.includes('flag')) command.addOption(optionOf(name, setting))
    }
  }
  return command
}

/** The settings given on the command line, and only those. */
export function settingsOf(flags: SettingFlags): Settings {
  const said = Object.entries(SETTINGS).map(([name, { kind, initial }]) => {
    const value = flags[name as keyof Settings]
    // A flag such as --no-mesh has the value true when absent: then the environment and the file decide.
    return [name, kind === 'switch' && value === initial({}) ? undefined : value]
  })
  return Object.fromEntries(said) as Settings
}
