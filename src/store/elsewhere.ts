/**
 * A file in the home that marks that a database records what its key has signed, for several machines: without that
 * database, the home must not sign.
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

/** On disk when it resolves. */
export function markElsewhere(home: string): Promise<void> {
  return writeWholeFile(join(home, NAME), TEXT)
}

export async function unmarkElsewhere(home: string): Promise<void> {
  await rm(join(home, NAME), { force: true })
  await syncFolder(home)
}
