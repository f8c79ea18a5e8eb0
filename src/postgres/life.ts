/** What a server reports about itself: which database it is, and what its "committed" means. Pure. */

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
  /** Connected synchronous standbys; 0 also if the user may not see them. */
  readonly attached: number
}

/**
 * Identifies one life of one database. A failover changes the timeline, a restore may change the system, and both
 * restart the server: what it had committed may then be lost, and the peers that remember must be asked.
 */
export function lifeOf({ system, timeline, started }: ServerRow): string {
  return `${system}/${timeline}/${started}`
}

/** Whether what is committed there survives a crash and the loss of the server. */
export function isSafe({ fsync, standbys }: ServerRow): boolean {
  return fsync === 'on' && standbys !== ''
}

/** What a commit there survives, as a sentence. */
export function promiseOf({ version, fsync, commit, standbys, attached }: ServerRow): string {
  const server = `PostgreSQL ${version.split(' ', 1)[0]!}`
  if (fsync === 'off') return `${server}: fsync is off, so a crash may lose what was signed`
  if (standbys === '') return `${server}, no synchronous standby: after a failover what was signed may be forgotten`
  const waits = `${server}, each commit waits for a synchronous standby (${attached} connected)`
  return commit === 'remote_write' ? `${waits} to take it, not to flush it` : waits
}
