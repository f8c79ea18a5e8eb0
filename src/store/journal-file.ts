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

/**
 * Zeros behind the content of a new file, for what will be appended: to sync bytes that are written over others takes half
 * as long, and does not wait for what the file system has to note down of other files.
 */
const ROOM = new Uint8Array(1024 * 1024)

/**
 * A file of this path, for its owner only. It can be appended to from the first `replace` on. Until it is closed, zeros
 * stand behind what was appended; a crash leaves them.
 */
export class DiskJournalFile implements JournalFile {
  readonly #path: string
  #file: FileHandle | undefined
  /** Bytes in front of the zeros. */
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

  /** To the cache of the system, at once: it is the sync that takes its time. */
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

  /** A temporary file, synced, renamed, and the directory synced: a crash leaves the one content or the other. */
  async replace(bytes: Uint8Array): Promise<void> {
    const temporary = `${this.#path}.new`
    await rm(temporary, { force: true })
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      // A disk that is nearly full has none to give.
      await file.writeFile(ROOM).catch(() => file.truncate(bytes.length))
      await file.sync()
      await rename(temporary, this.#path)
    } catch (error) {
      await file.close()
      throw error
    }
    // From the rename on there is no other file to write to, also when the directory cannot be synced.
    const before = this.#file
    this.#file = file
    this.#length = bytes.length
    await before?.close()
    await syncDirectory(dirname(this.#path))
  }

  async close(): Promise<void> {
    // Nobody needs the zeros to be gone.
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
