/** What an audit of a log reports, as plain data. Pure. */

/** Whether the log is at fault, or the finding is for information only. */
export type FindingLevel = 'error' | 'note'

/** One fact about one place of a log. */
export interface Finding {
  /** The stable name of the rule (docs/audit.md). */
  readonly rule: string
  readonly level: FindingLevel
  /** Number of the record; absent if it is about a tile. */
  readonly id?: number
  /** Path of the tile, in the form of tilePath; absent if it is about a record. */
  readonly tile?: string
  /** `path@version`, as far as the record has one. */
  readonly module?: string
  /** One sentence for people: limited in length, and printable whatever the log has written. */
  readonly detail: string
}
