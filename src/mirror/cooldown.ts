/**
 * The rule of the cooldown: a version is passed on once a quorum head has covered its record for long enough. Its age
 * is measured by the time in the witnesses' cosignatures, which no proxy, log or publisher can backdate.
 *
 * Pure.
 */
import { isPrivate } from '../sumdb/goprivate.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import type { CooldownSetting, CoveredSince } from './mirror-parts.js'

/** What the operator has let through. */
export interface LetThrough {
  /** Whether this version was let through by name. */
  isAllowed(module: ModuleVersion): boolean
  /**
   * Records that the first quorum head already covered count as old if that head's time is not after this one, in
   * milliseconds since 1970.
   */
  readonly existingUntil: number | undefined
}

/** Ripe: the version may be passed on. Otherwise when it will be, in milliseconds since 1970; undefined if unknown. */
export type Ripeness = { readonly isRipe: true } | { readonly isRipe: false; readonly at: number | undefined }

const RIPE: Ripeness = { isRipe: true }

/** Whether the age of the version need not be known. */
export function isExempt(module: ModuleVersion, setting: CooldownSetting | undefined, through: LetThrough): boolean {
  return setting === undefined || isExcepted(setting.except, module.path) || through.isAllowed(module)
}

/**
 * Unlike with private patterns, the toolchain can be exempted by a pattern here, since the cooldown applies to it by
 * default.
 */
function isExcepted(patterns: string, path: string): boolean {
  return isPrivate(patterns, path) || (path === TOOLCHAIN && patterns.split(',').includes(path))
}

const TOOLCHAIN = 'golang.org/toolchain'

/** Judges a version that is not exempt. If its record is not known to be covered, it is not old enough. */
export function ripeness(
  covered: CoveredSince | undefined,
  ms: number,
  existingUntil: number | undefined,
  now: number,
): Ripeness {
  if (covered === undefined) return { isRipe: false, at: undefined }
  const { time, isExact } = covered
  if (!isExact && existingUntil !== undefined && time <= existingUntil) return RIPE
  return now - time >= ms ? RIPE : { isRipe: false, at: time + ms }
}
