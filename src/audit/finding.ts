/** What an audit of a log reports, as plain data. Pure. */

/** Whether the log is at fault, or something is only worth knowing. */
export type FindingLevel = 'error' | 'note'

/** One fact about one place of a log. */
export interface Finding {
  /** The stable name of the rule (docs/audit.md). */
  readonly rule: string
  readonly level: FindingLevel
  /** Number of the record; absent for what is about a tile. */
  readonly id?: number
  /** Path of the tile, as tilePath spells it; absent for what is about a record. */
  readonly tile?: string
  /** `path@version`, as far as the record says one; absent when it says none. */
  readonly module?: string
  /** One sentence for a person: bounded, and printable whatever the log wrote. */
  readonly detail: string
}
