/** Whether a database can be opened anew: what cannot be reopened must stay open, for reads go on from it. */
import { readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Bytes for its new manifest and log, with room to spare. */
const MARGIN = 64 * 1024

/**
 * Tries to write as much as LevelDB writes when it opens: what its log has becomes a table. Leaves nothing behind. Rejects
 * with the obstacle.
 */
export async function requireRoom(location: string): Promise<void> {
  const scratch = `${location}.room`
  const logs = (await readdir(location)).filter((name) => name.endsWith('.log'))
  const sizes = await Promise.all(logs.map(async (name) => (await stat(join(location, name))).size))
  try {
    await writeFile(scratch, new Uint8Array(sizes.reduce((sum, size) => sum + size, MARGIN)), { flush: true })
  } finally {
    await rm(scratch, { force: true })
  }
}
