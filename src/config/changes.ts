/** What differs between two configurations, and which of the differences a running node applies. */
import type { Config } from './config.js'
import { keyOf, type Setting } from './setting.js'
import { SETTINGS } from './settings.js'

/** Names of settings, as used in files. */
export interface SettingChanges {
  /** Those that a running node applies. */
  readonly changed: readonly string[]
  /** Those that need a restart. */
  readonly restart: readonly string[]
}

/** Fields of the configuration that have another name than their setting, or combine several, and the setting. */
const SAID_BY: Partial<Record<keyof Config, keyof typeof SETTINGS>> = {
  logs: 'log',
  logLists: 'logList',
  trustedProxies: 'trustedProxy',
  places: 'feed',
}

/** Kinds of places, each of which is a setting. */
const PLACES = ['feed', 'distributor', 'source-spotter'] as const

export function changesOf(before: Config, after: Config): SettingChanges {
  const different = namesOf(before).filter((name) => !isSame(before[name], after[name]))
  const spelled = (name: keyof Config): string[] => {
    if (name !== 'places') return [keyOf(SAID_BY[name] ?? name)]
    const of = ({ places }: Config, kind: string): unknown => places.filter((place) => place.kind === kind)
    return PLACES.filter((kind) => !isSame(of(before, kind), of(after, kind)))
  }
  return {
    changed: different.filter((name) => !needsRestart(name)).flatMap(spelled),
    restart: different.filter(needsRestart).flatMap(spelled),
  }
}

/** The second configuration, except that settings that need a restart keep their values of the first. */
export function takenUp(before: Config, after: Config): Config {
  const kept = namesOf(before).filter(needsRestart)
  return Object.freeze({ ...after, ...Object.fromEntries(kept.map((name) => [name, before[name]])) })
}

/** Compared as data: the methods of keys are created anew with each configuration. */
function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other)
}

function namesOf(config: Config): (keyof Config)[] {
  return Object.keys(config) as (keyof Config)[]
}

function needsRestart(name: keyof Config): boolean {
  const setting: Setting = SETTINGS[SAID_BY[name] ?? (name as keyof typeof SETTINGS)]
  return setting.restart === true
}
