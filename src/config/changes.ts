/** What differs between two configurations, and what of it a running node takes up. */
import type { Config } from './config.js'
import { keyOf, type Setting } from './setting.js'
import { SETTINGS } from './settings.js'

/** Settings by what they are called in files. */
export interface SettingChanges {
  /** Those that a running node takes up. */
  readonly changed: readonly string[]
  /** Those that take a restart. */
  readonly restart: readonly string[]
}

/** What the configuration has under another name, or made of several settings, and the setting that says it. */
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

/** The second configuration, but for what takes a restart: that is as it was. */
export function takenUp(before: Config, after: Config): Config {
  const kept = namesOf(before).filter(needsRestart)
  return Object.freeze({ ...after, ...Object.fromEntries(kept.map((name) => [name, before[name]])) })
}

/** As data: what a key can do besides is made anew with each. */
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
