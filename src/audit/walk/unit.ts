/** Units of work, and the result of auditing a range, as plain data. Pure. */
import type { Hash } from '../../tlog/hash.js'
import { TILE_HEIGHT } from '../../tlog/tile.js'
import type { Finding } from '../finding.js'

/** Records of one tile. */
export const TILE_RECORDS = 2 ** TILE_HEIGHT
/** Records of one unit of work: those below one entry of a level 2 tile. */
export const UNIT_RECORDS = TILE_RECORDS ** 2
/** The most findings of a range that are stored; all are counted. */
export const MAX_FINDINGS = 1000

/** Records [from, to) of one unit. */
export interface PartRange {
  readonly from: number
  readonly to: number
}

/** What was unavailable, usually a tile by its path, and why. */
export interface Missing {
  readonly what: string
  readonly why: string
}

export interface FindingCounts {
  readonly error: number
  readonly note: number
}

/** The result of auditing a range. */
export interface Part extends PartRange {
  /** How many of its records were read. */
  readonly audited: number
  readonly counts: FindingCounts
  /** In the order of the records, at most MAX_FINDINGS. */
  readonly findings: readonly Finding[]
  /**
   * If the range begins with its unit: the hashes of its perfect subtrees, left to right (subtreeIndexes); otherwise
   * none.
   */
  readonly hashes: readonly Hash[]
  /** The result of KeyCollector.take(). */
  readonly keys: Uint8Array
  readonly missing: readonly Missing[]
}

/** The number of units of a tree. */
export function unitsOf(size: number): number {
  return Math.ceil(size / UNIT_RECORDS)
}

/**
 * Whether a range is done. A bad tile may be the fault of another server, and be fixed; what a record says is final.
 */
export function isDone({ audited, from, to, findings }: Part): boolean {
  return audited === to - from && findings.every(({ tile }) => tile === undefined)
}
