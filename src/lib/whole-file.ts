/** A file that exists completely or not at all, whatever happens to the process or the machine. */
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

interface WholeFileOptions {
  /** Where the temporary file is, on the same file system; by default next to the file. */
  readonly aside?: string
  /** Its mode, whatever the umask of the process; by default what the umask gives. */
  readonly mode?: number
  /** Its modification time, in seconds since 1970; by default now. */
  readonly changedAt?: number
}

/** Writes the file, replacing an existing one; it is on disk when this resolves. Only one call at a time per path. */
export async function writeWholeFile(
  path: string,
  data: Uint8Array | string,
  { aside: made = `${path}.tmp`, mode, changedAt }: WholeFileOptions = {},
): Promise<void> {
  const file = await open(made, 'w')
  try {
    await file.writeFile(data)
    if (mode !== undefined) await file.chmod(mode)
    if (changedAt !== undefined) await file.utimes(changedAt, changedAt)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(made, path)
  await syncFolder(dirname(path))
}

/** Without this, a power cut may undo a new name in the folder. */
export async function syncFolder(dir: string): Promise<void> {
  // Windows does not support this.
  if (process.platform === 'win32') return
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
