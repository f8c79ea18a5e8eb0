/**
 * The rule of the cooldown: a version is handed on once a quorum head has covered its record for long enough. The age is
 * the time in the witnesses' cosignatures, which no proxy, log or publisher can make older.
 *
 * Pure.
 */
import { isPrivate } from '../sumdb/goprivate.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import type { CooldownSetting, CoveredSince } from './mirror-parts.js'

/** What the operator has let through. */
export interface LetThrough {
  /** Whether this version was named. */
  isAllowed(module: ModuleVersion): boolean
  /** What was there before the first quorum head counts as old, when that head's time is not after this one; ms since 1970. */
  readonly existingUntil: number | undefined
}

/** Ripe: it may be handed on. Otherwise when it will be, in ms since 1970; undefined when nobody can say. */
export type Ripeness = { readonly isRipe: true } | { readonly isRipe: false; readonly at: number | undefined }

const RIPE: Ripeness = { isRipe: true }

/** Whether nobody needs to ask for the age of the version. */
export function isExempt(module: ModuleVersion, setting: CooldownSetting | undefined, through: LetThrough): boolean {
  return setting === undefined || isExcepted(setting.except, module.path) || through.isAllowed(module)
}

/** Unlike what is private, the toolchain is excepted by a pattern of its own, for it is under the cooldown as others are. */
function isExcepted(patterns: string, path: string): boolean {
  return isPrivate(patterns, path) || (path === TOOLCHAIN && patterns.split(',').includes(path))
}

const TOOLCHAIN = 'golang.org/toolchain'

/** Judges a version that is not exempt. What is not known to be covered is not old enough: authority is proven. */
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
