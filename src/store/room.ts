/**
 * What LevelDB does not check before it opens a database: whether its files are readable, and whether there is disk
 * space.
 */
import { open, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes for its new manifest and log, with a margin. */
const MARGIN = 64 * 1024

/**
 * Reads from each file with records. LevelDB silently ignores a log that it cannot open, for whatever reason, and
 * deletes it: everything written last would be lost. Rejects with the obstacle.
 */
export async function requireReadable(location: string): Promise<void> {
  for (const path of await filesOf(location, /\.(log|ldb|sst)$/)) {
    const file = await open(path)
    try {
      await file.read(new Uint8Array(1), 0, 1, 0)
    } finally {
      await file.close()
    }
  }
}

/**
 * Checks whether a database can be reopened: one that cannot must stay open, for reads. Tries to write as much as
 * LevelDB writes when it opens, since the content of its log becomes a table. Leaves nothing behind. Rejects with the
 * obstacle.
 */
export async function requireDiskSpace(location: string): Promise<void> {
  const scratch = `${location}.room`
  const logs = await filesOf(location, /\.log$/)
  const sizes = await Promise.all(logs.map(async (path) => (await stat(path)).size))
  try {
    await writeFile(scratch, new Uint8Array(sizes.reduce((sum, size) => sum + size, MARGIN)), { flush: true })
  } finally {
    await rm(scratch, { force: true })
  }
}

/** The files of a database whose names match; none if there is no database. */
async function filesOf(location: string, pattern: RegExp): Promise<string[]> {
  try {
    return (await readdir(location)).filter((name) => pattern.test(name)).map((name) => join(location, name))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
