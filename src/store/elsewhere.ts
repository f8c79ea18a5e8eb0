/**
 * The file in a home that says that what its key has signed is kept in a database, for several machines: without that, the
 * home must not go on by itself.
 */
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncFolder, writeWholeFile } from '../lib/whole-file.js'

const NAME = 'state-elsewhere'
const TEXT =
  'What the key of this home has signed is kept in a database. See docs/two-machines.md before you remove this file.\n'

export function isElsewhere(home: string): boolean {
  return existsSync(join(home, NAME))
}

/** On the disk when it returns. */
export function markElsewhere(home: string): Promise<void> {
  return writeWholeFile(join(home, NAME), TEXT)
}

export async function unmarkElsewhere(home: string): Promise<void> {
  await rm(join(home, NAME), { force: true })
  await syncFolder(home)
}
