/**
 * The file in a home that says that what its key has signed is kept in a database, for several machines: without that, the
 * home must not go on by itself.
 */
import { existsSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'

const NAME = 'state-elsewhere'
const TEXT =
  'What the key of this home has signed is kept in a database. See docs/two-machines.md before you remove this file.\n'

export function isElsewhere(home: string): boolean {
  return existsSync(join(home, NAME))
}

/** On the disk when it returns. */
export async function markElsewhere(home: string): Promise<void> {
  const file = await open(join(home, NAME), 'w', 0o600)
  try {
    await file.writeFile(TEXT)
    await file.sync()
  } finally {
    await file.close()
  }
  await syncFolder(home)
}

export async function unmarkElsewhere(home: string): Promise<void> {
  await rm(join(home, NAME), { force: true })
  await syncFolder(home)
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a directory; its file systems journal what is needed.
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
