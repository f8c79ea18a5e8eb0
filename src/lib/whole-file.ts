/** A file that is there whole or not at all, whatever happens to the process or the machine. */
import { open, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

interface WholeFileOptions {
  /** Where it is made, on the same file system; beside the file without it. */
  readonly aside?: string
  /** Who may read it, whatever the umask of the process is; as that says without it. */
  readonly mode?: number
  /** When it says that it was changed, in seconds since 1970; now without it. */
  readonly changedAt?: number
}

/** Writes the file in the place of what was there; it is on disk when this returns. One call at a time for one path. */
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

/** Without this a power cut may take a new name in the folder back. */
export async function syncFolder(dir: string): Promise<void> {
  // Windows has no such thing.
  if (process.platform === 'win32') return
  const folder = await open(dir, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
