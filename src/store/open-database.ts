/** Opens a level database in a directory. */
import { Level } from 'level'
import type { Database } from './disk.js'

/** LevelDB's memory: a node reads and writes little, and memory should not grow for hours until buffers are full. */
const MEMORY = { cacheSize: 2 * 1024 * 1024, writeBufferSize: 1024 * 1024 }

/** Opens a database. Rejects with the error of LevelDB or the system, which obstacle.ts explains. */
export async function openDatabase(location: string, createIfMissing: boolean): Promise<Database> {
  const db = new Level(location, { createIfMissing, ...MEMORY })
  try {
    await db.open()
    return db
  } catch (error) {
    // The actual error, not the one that wraps it.
    throw (error as Error).cause ?? error
  }
}
