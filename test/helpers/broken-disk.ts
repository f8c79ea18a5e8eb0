/** A database whose writes can be made to fail, like those of a disk. */
import type { Database } from '../../src/store/disk.js'

/** From now on each write calls `failure` first: if that returns an error, nothing is written and it is thrown. */
export function breakWrites(db: Database, failure: () => Error | undefined): void {
  const batch = db.batch.bind(db) as (...args: unknown[]) => Promise<void>
  const broken = (...args: unknown[]): Promise<void> => {
    const error = failure()
    return error === undefined ? batch(...args) : Promise.reject(error)
  }
  db.batch = broken as typeof db.batch
}
