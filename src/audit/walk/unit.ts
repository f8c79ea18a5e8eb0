/** Units of work, and what the audit of a range gives, as plain data. Pure. */
import type { Hash } from '../../tlog/hash.js'
import { TILE_HEIGHT } from '../../tlog/tile.js'
import type { Finding } from '../finding.js'

/** Records of one tile. */
export const TILE_RECORDS = 2 ** TILE_HEIGHT
/** Records of one unit of work: those below one entry of a tile of level 2. */
export const UNIT_RECORDS = TILE_RECORDS ** 2
/** How many findings of a range are kept in words; all are counted. */
export const MAX_FINDINGS = 1000

/** Records [from, to) of one unit. */
export interface PartRange {
  readonly from: number
  readonly to: number
}

/** What could not be had, mostly a tile by its path, and why. */
export interface Missing {
  readonly what: string
  readonly why: string
}

export interface FindingCounts {
  readonly error: number
  readonly note: number
}

/** What the audit of a range gave. */
export interface Part extends PartRange {
  /** How many of its records were read. */
  readonly audited: number
  readonly counts: FindingCounts
  /** In the order of the records, at most MAX_FINDINGS. */
  readonly findings: readonly Finding[]
  /** Where the range begins with its unit: the hashes of its perfect subtrees, left to right (subtreeIndexes); else none. */
  readonly hashes: readonly Hash[]
  /** KeyCollector.take(). */
  readonly keys: Uint8Array
  readonly missing: readonly Missing[]
}

/** How many units of work a tree has. */
export function unitsOf(size: number): number {
  return Math.ceil(size / UNIT_RECORDS)
}

/** Whether a range is done. What a tile is may be another server's fault, and mended; what a record says stays so for ever. */
export function isDone({ audited, from, to, findings }: Part): boolean {
  return audited === to - from && findings.every(({ tile }) => tile === undefined)
}
