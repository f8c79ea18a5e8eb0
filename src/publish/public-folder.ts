/**
 * The published folder: one node writes it, and web servers may read it at any moment. Each file exists completely or
 * not at all. The node leaves alone what it did not create: the folder was empty when the node took it, and what others
 * put there later is not touched.
 */
import { constants, type Stats } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, realpath, rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { GossumError } from '../errors.js'
import { lockFolder, type FolderLock } from '../lib/folder-lock.js'
import { writeWholeFile } from '../lib/whole-file.js'

/** Belongs to the node, and marks the folder as its own: web servers need not read it, and cannot. */
const OWN = '.gossum'
/** What an empty file system contains. */
const NOTHING: ReadonlySet<string> = new Set(['lost+found'])
/** Whatever the umask is: others must be able to read it. */
const FOLDER_MODE = 0o755
const FILE_MODE = 0o644

export class PublicFolder {
  readonly #dir: string
  readonly #lock: FolderLock
  readonly #now: () => number

  private constructor(dir: string, lock: FolderLock, now: () => number) {
    this.#dir = dir
    this.#lock = lock
    this.#now = now
  }

  /**
   * Creates the folder, or takes an empty one, or one that was taken before. `now` is in milliseconds since 1970.
   * Throws PUBLISH_FAILED, or the system's error.
   */
  static async open(path: string, now: () => number): Promise<PublicFolder> {
    if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, FOLDER_MODE)
    const dir = await realpath(path)
    const names = (await readdir(dir)).filter((name) => !NOTHING.has(name))
    if (names.length > 0 && !names.includes(OWN))
      throw new GossumError('PUBLISH_FAILED', 'the folder is not empty: choose a new or an empty one')
    await requireFolder(join(dir, OWN))
    await mkdir(join(dir, OWN), { recursive: true, mode: 0o700 })
    const lock = await lockFolder(join(dir, OWN))
    if (lock === undefined) throw new GossumError('PUBLISH_FAILED', 'another node writes to the folder')
    return new PublicFolder(dir, lock, now)
  }

  /** The bytes of a file; undefined if there is none, or its length is not `length`. */
  async read(file: string, length: number): Promise<Uint8Array | undefined> {
    if ((await this.#find(file))?.size !== length) return undefined
    const handle = await open(join(this.#dir, file), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      return await handle.readFile()
    } finally {
      await handle.close()
    }
  }

  /** Writes a file, replacing an existing one. One call at a time. */
  async write(file: string, data: Uint8Array): Promise<void> {
    const aside = join(this.#dir, OWN, 'next')
    await this.#makeFolders(dirname(file))
    const before = await this.#find(file)
    // Web servers tell versions of a file apart by its length and the second of its modification: no two are equal.
    const changedAt = Math.max(Math.floor(this.#now() / 1000), 1 + Math.floor((before?.mtimeMs ?? 0) / 1000))
    try {
      await writeWholeFile(join(this.#dir, file), data, { aside, mode: FILE_MODE, changedAt })
    } catch (error) {
      // A half-written file takes space that may be needed to repair this.
      await rm(aside, { force: true }).catch(() => undefined)
      throw error
    }
  }

  /** Deletes a file, and its folder if that is then empty. */
  async remove(file: string): Promise<void> {
    if ((await this.#find(file)) === undefined) return
    await rm(join(this.#dir, file))
    // There may be other files in it.
    await rmdir(join(this.#dir, dirname(file))).catch(() => undefined)
  }

  /** The names in a subfolder; none if it does not exist. */
  async names(folder: string): Promise<string[]> {
    return (await requireFolder(join(this.#dir, folder))) ? readdir(join(this.#dir, folder)) : []
  }

  close(): Promise<void> {
    return this.#lock.release()
  }

  /** The file, if there is one. Throws PUBLISH_FAILED if something else is in its place. */
  async #find(file: string): Promise<Stats | undefined> {
    for (const folder of foldersOf(dirname(file))) if (!(await requireFolder(join(this.#dir, folder)))) return undefined
    const found = await lookAt(join(this.#dir, file))
    if (found?.isFile() === false)
      throw new GossumError('PUBLISH_FAILED', `${file} is not a file, and was not made by this node`)
    return found
  }

  async #makeFolders(folder: string): Promise<void> {
    for (const each of foldersOf(folder)) {
      const path = join(this.#dir, each)
      if (await requireFolder(path)) continue
      await mkdir(path)
      await chmod(path, FOLDER_MODE)
    }
  }
}

/** A folder and its parents, the outermost first. */
function foldersOf(folder: string): string[] {
  if (folder === '.' || folder === '') return []
  return [...foldersOf(dirname(folder)), folder]
}

/** Whether the folder exists. Throws PUBLISH_FAILED for a link: its target is not ours. */
async function requireFolder(path: string): Promise<boolean> {
  const found = await lookAt(path)
  if (found === undefined) return false
  if (!found.isDirectory())
    throw new GossumError('PUBLISH_FAILED', `${path} is not a folder, and was not made by this node`)
  return true
}

async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
