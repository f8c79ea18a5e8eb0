/** A level database in a directory. */
import { Level } from 'level'
import type { Database } from './disk.js'

/** What LevelDB may take: a node reads and writes little, and its memory should not grow for hours until buffers are full. */
const MEMORY = { cacheSize: 2 * 1024 * 1024, writeBufferSize: 1024 * 1024 }

/** Opens a database. Rejects with what LevelDB or the system says: obstacle.ts has words for it. */
export async function openDatabase(location: string, createIfMissing: boolean): Promise<Database> {
  const db = new Level(location, { createIfMissing, ...MEMORY })
  try {
    await db.open()
    return db
  } catch (error) {
    // The obstacle, not that there was one.
    throw (error as Error).cause ?? error
  }
}
