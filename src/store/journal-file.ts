/**
 * The file of the journal: a few operations, so that tests can replace it with a disk that fails, or that forgets what
 * was not synced.
 */
import { writeSync } from 'node:fs'
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * A file that is appended to, or replaced as a whole. Each operation may throw; then it is unknown how much of it was
 * done.
 */
export interface JournalFile {
  /** The whole content; undefined when there is no file. */
  read(): Promise<Uint8Array | undefined>
  /** Passes bytes to the system, at the end of the file. Returns how many it accepted. */
  append(bytes: Uint8Array): number
  /** Resolves when everything appended is on disk. */
  datasync(): Promise<void>
  /** Cuts the file to a length in bytes. */
  truncate(length: number): Promise<void>
  /** Replaces the content atomically. Resolves when it is on disk. */
  replace(bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

/**
 * Zeros after the content of a new file, to be overwritten by appends: syncing bytes that overwrite others takes half
 * as long, and does not wait for the file system to write metadata of other files.
 */
const ROOM = new Uint8Array(1024 * 1024)

/**
 * A file at this path, for its owner only. It can be appended to after the first `replace`. Until it is closed, zeros
 * follow what was appended; a crash leaves them.
 */
export class DiskJournalFile implements JournalFile {
  readonly #path: string
  #file: FileHandle | undefined
  /** Bytes before the zeros. */
  #length = 0

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

  /** Synchronous, into the system's cache: only the sync takes time. */
  append(bytes: Uint8Array): number {
    const taken = writeSync(this.#open().fd, bytes, 0, bytes.length, this.#length)
    this.#length += taken
    return taken
  }

  datasync(): Promise<void> {
    return this.#open().datasync()
  }

  async truncate(length: number): Promise<void> {
    await this.#open().truncate(length)
    this.#length = length
  }

  /**
   * Writes and syncs a temporary file, renames it, and syncs the directory: a crash leaves either the old content or
   * the new.
   */
  async replace(bytes: Uint8Array): Promise<void> {
    const temporary = `${this.#path}.new`
    await rm(temporary, { force: true })
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      // A nearly full disk has no room for it.
      await file.writeFile(ROOM).catch(() => file.truncate(bytes.length))
      await file.sync()
      await rename(temporary, this.#path)
    } catch (error) {
      await file.close()
      throw error
    }
    // After the rename there is no other file to write to, even if the directory cannot be synced.
    const before = this.#file
    this.#file = file
    this.#length = bytes.length
    await before?.close()
    await syncDirectory(dirname(this.#path))
  }

  async close(): Promise<void> {
    // Nothing depends on the zeros being gone.
    await this.#file?.truncate(this.#length).catch(() => undefined)
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
