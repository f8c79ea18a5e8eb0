/**
 * The file under the journal: five acts, so that tests can put a disk in its place that fails, or forgets what was not
 * synced.
 */
import { writeSync } from 'node:fs'
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

/** A file that is appended to, or replaced as a whole. Each act may throw; then nobody knows how much of it was done. */
export interface JournalFile {
  /** All that is in it; undefined when there is no file. */
  read(): Promise<Uint8Array | undefined>
  /** Hands bytes to the system, at the end of the file. Returns how many it took. */
  append(bytes: Uint8Array): number
  /** Resolves when what was appended is on the disk. */
  datasync(): Promise<void>
  /** Cuts the file to a length in bytes. */
  truncate(length: number): Promise<void>
  /** Puts another content in its place, as one act. Resolves when it is on the disk. */
  replace(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** A file of this path, for its owner only. It can be appended to from the first `replace` on. */
export class DiskJournalFile implements JournalFile {
  readonly #path: string
  #file: FileHandle | undefined

  constructor(path: string) {
    this.#path = path
  }

  async read(): Promise<Uint8Array | undefined> {
    try {
      return await readFile(this.#path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** To the cache of the system, at once: it is the sync that takes its time. */
  append(bytes: Uint8Array): number {
    return writeSync(this.#open().fd, bytes)
  }

  datasync(): Promise<void> {
    return this.#open().datasync()
  }

  truncate(length: number): Promise<void> {
    return this.#open().truncate(length)
  }

  /** A temporary file, synced, renamed, and the directory synced: a crash leaves the one content or the other. */
  async replace(bytes: Uint8Array): Promise<void> {
    const temporary = `${this.#path}.new`
    await rm(temporary, { force: true })
    const file = await open(temporary, 'a', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
      await rename(temporary, this.#path)
    } catch (error) {
      await file.close()
      throw error
    }
    // From the rename on there is no other file to write to, also when the directory cannot be synced.
    const before = this.#file
    this.#file = file
    await before?.close()
    await syncDirectory(dirname(this.#path))
  }

  async close(): Promise<void> {
    await this.#file?.close()
    this.#file = undefined
  }

  #open(): FileHandle {
    if (this.#file === undefined) throw new Error(`${this.#path} is not open`)
    return this.#file
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its file systems journal what is needed.
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
