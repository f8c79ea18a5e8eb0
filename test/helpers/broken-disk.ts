/** A database whose writes can be made to fail, like those of a disk. */
import { MemoryLevel } from 'memory-level'
import { Disk, type Database } from '../../src/store/disk.js'

/** From now on each write calls `failure` first: if that returns an error, nothing is written and it is thrown. */
export function breakWrites(db: Database, failure: () => Error | undefined): void {
  const batch = db.batch.bind(db) as (...args: unknown[]) => Promise<void>
  const broken = (...args: unknown[]): Promise<void> => {
    const error = failure()
    return error === undefined ? batch(...args) : Promise.reject(error)
  }
  db.batch = broken as typeof db.batch
}

/** A disk in memory that counts its batches, fails them while `broken`, and calls `during` while one is in progress. */
export function diskWith() {
  const db: Database = new MemoryLevel()
  const state = { broken: false, batches: 0, synced: 0, changes: 0, during: (): void => undefined }
  breakWrites(db, () => (state.broken ? new Error('broken') : undefined))
  const batch = db.batch.bind(db) as (...args: unknown[]) => Promise<void>
  const counting = (operations: unknown, options?: { readonly sync?: boolean }): Promise<void> => {
    state.batches++
    if (options?.sync === true) state.synced++
    state.changes = (operations as readonly unknown[]).length
    const written = batch(operations, options)
    state.during()
    return written
  }
  db.batch = counting as typeof db.batch
  const disk = new Disk(db)
  const stored = (): Promise<[string, string][]> => new Disk(db).table('t').entries()
  return { db, disk, table: disk.table('t'), state, stored }
}
