/** What a server says of itself: which database it is, and what its "committed" means. Pure. */

/** A row of ABOUT (tables.ts). */
export interface ServerRow {
  readonly standby: boolean
  readonly system: string
  readonly timeline: string
  readonly started: string
  readonly version: string
  readonly fsync: string
  readonly commit: string
  readonly standbys: string
  /** Synchronous standbys that are connected; 0 also for a user who may not see them. */
  readonly attached: number
}

/**
 * One life of one database. After a failover the timeline is another one, after a restore the system may be, and after
 * either the server was started anew: then what it had committed may be gone, and who remembers must be asked.
 */
export function lifeOf({ system, timeline, started }: ServerRow): string {
  return `${system}/${timeline}/${started}`
}

/** What a commit there survives, in words. */
export function promiseOf({ version, fsync, commit, standbys, attached }: ServerRow): string {
  const server = `PostgreSQL ${version.split(' ', 1)[0]!}`
  if (fsync === 'off') return `${server}: fsync is off, so a crash may lose what was signed`
  if (standbys === '') return `${server}, no synchronous standby: after a failover what was signed may be forgotten`
  const waits = `${server}, each commit waits for a synchronous standby (${attached} connected)`
  return commit === 'remote_write' ? `${waits} to take it, not to flush it` : waits
}
