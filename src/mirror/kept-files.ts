/**
 * The files that the mirror stores, each under a name that determines its content: written elsewhere, flushed, and
 * renamed into place, so that no incomplete file ever appears, whatever happens to the process or the machine. Their
 * total size is limited: the least recently used file is removed, but none that is pinned or being sent.
 *
 * Not trusted: the disk. A file is checked against its name before it is first served in a run, whenever it is no
 * longer the file that was checked, and an hour after the last check. Damaged files are set aside.
 */
import { randomBytes } from 'node:crypto'
import type { BigIntStats } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { errorText, GossumError } from '../errors.js'
import { lockFolder, type FolderLock } from '../lib/folder-lock.js'
import { Serial } from '../lib/serial.js'
import { mapBounded } from '../lib/single-flight.js'
import { syncFolder } from '../lib/whole-file.js'
import { HotFiles } from './hot-files.js'
import { fileNameFor, flawOf, nameInFileName } from './kept-checks.js'

/** How long a checked file is trusted, in milliseconds. Its last use is recorded on disk equally often. */
const BELIEVED_MS = 60 * 60_000
/** The least space that a file occupies, in bytes, on common file systems. */
const BLOCK_BYTES = 4096
/** The most files: their metadata then takes about 150 MB of memory. */
const MAX_FILES = 500_000
/** Damaged files that are left for inspection. */
const MAX_ASIDE = 100
const STATS_AT_ONCE = 32

/** A file that is not removed until it is released. */
export interface HeldFile {
  readonly file: string
  /** Bytes. */
  readonly size: number
  /** Its content, if it is small. */
  readonly bytes?: Uint8Array | undefined
  release(): void
}

/** The result for one file in a check of all. */
export interface KeptFinding {
  /** The name of the file. */
  readonly name: string
  readonly size: number
  /** Why it does not match its name, in which case it was set aside. Undefined if it does. */
  readonly flaw: string | undefined
}

interface Entry {
  fileName: string
  size: number
  holds: number
  /** The state of the file that was checked, and when, on a monotonic clock. */
  checked: { readonly state: string; readonly at: number } | undefined
  checking: Promise<string | undefined> | undefined
}

export class KeptFiles {
  readonly #dir: string
  readonly #maxBytes: number
  readonly #lock: FolderLock
  /** Least recently used first. */
  readonly #entries: Map<string, Entry>
  readonly #hot = new HotFiles()
  readonly #writes = new Serial()
  #pinned: ReadonlySet<string> = new Set()
  #bytes = 0
  #damaged: number

  private constructor(dir: string, maxBytes: number, lock: FolderLock, found: readonly FoundFile[], damaged: number) {
    this.#dir = dir
    this.#maxBytes = maxBytes
    this.#lock = lock
    this.#entries = new Map(
      found.map(({ name, fileName, size }) => [
        name,
        { fileName, size, holds: 0, checked: undefined, checking: undefined },
      ]),
    )
    this.#bytes = found.reduce((sum, { size }) => sum + roomOf(size), 0)
    this.#damaged = damaged
  }

  /** Opens or creates the folder. Throws MIRROR_LOCKED while another process uses it, and HOME_UNUSABLE. */
  static async open(dir: string, maxBytes: number): Promise<KeptFiles> {
    let lock: FolderLock | undefined
    try {
      await mkdir(join(dir, 'files'), { recursive: true, mode: 0o700 })
      lock = await lockFolder(dir)
      if (lock === undefined) throw new GossumError('MIRROR_LOCKED', dir)
      // The unfinished files of a killed process are useless.
      await rm(join(dir, 'scratch'), { recursive: true, force: true })
      for (const folder of ['scratch', 'damaged']) await mkdir(join(dir, folder), { recursive: true, mode: 0o700 })
      const damaged = (await readdir(join(dir, 'damaged'))).length
      return new KeptFiles(dir, maxBytes, lock, await filesIn(join(dir, 'files')), damaged)
    } catch (error) {
      await lock?.release()
      throw error instanceof GossumError ? error : new GossumError('HOME_UNUSABLE', errorText(error), error)
    }
  }

  /** Releases the folder, once pending writes are finished. */
  async close(): Promise<void> {
    await this.#writes.run('', () => Promise.resolve())
    await this.#lock.release()
  }

  get files(): number {
    return this.#entries.size
  }

  /** The space that they occupy on disk. */
  get bytes(): number {
    return this.#bytes
  }

  get maxBytes(): number {
    return this.#maxBytes
  }

  /** Files that were set aside. */
  get damaged(): number {
    return this.#damaged
  }

  /** Names of files that must be kept, including those that arrive later. */
  pin(names: ReadonlySet<string>): void {
    this.#pinned = names
  }

  /** Whether there is a file of this name, without using or checking it. */
  has(name: string): boolean {
    return this.#entries.has(name)
  }

  /** A new path for a file that is about to be put. The caller removes what is left there. */
  scratch(): string {
    return join(this.#dir, 'scratch', randomBytes(12).toString('hex'))
  }

  /** The file of a name; undefined if there is none, or it was found damaged. Throws FILE_UNREADABLE. */
  async take(name: string): Promise<HeldFile | undefined> {
    const entry = this.#entries.get(name)
    if (entry === undefined) return undefined
    const held = this.#hold(name, entry)
    try {
      if ((await this.#flaw(name, entry, new Date())) === undefined)
        return { ...held, bytes: await this.#bytesOf(name, entry) }
      await this.#setAside(name, entry)
    } catch (error) {
      held.release()
      throw error
    }
    held.release()
    return undefined
  }

  /**
   * Stores a file that was written to a path of scratch() and matches its name. `isNew`: it replaces an existing one.
   * Throws MIRROR_FULL.
   */
  put(name: string, scratch: string, isNew = false): Promise<HeldFile> {
    return this.#writes.run('', async () => {
      const before = this.#entries.get(name)
      if (before !== undefined && !isNew) return this.#hold(name, before)
      try {
        return await this.#place(name, scratch)
      } catch (error) {
        throw isFull(error) ? new GossumError('MIRROR_FULL', errorText(error), error) : error
      }
    })
  }

  /** Removes files until the limit is met, which may have been lowered. Files that must be kept stay. */
  async trim(): Promise<void> {
    await this.#writes.run('', () => this.#makeRoom(0, '').catch(() => undefined))
  }

  /** Checks all files, in the order of their names, and sets damaged ones aside. */
  async *verify(): AsyncGenerator<KeptFinding> {
    for (const name of [...this.#entries.keys()].sort()) {
      const entry = this.#entries.get(name)
      if (entry === undefined) continue
      entry.checked = undefined
      entry.holds++
      try {
        const flaw = await this.#flaw(name, entry)
        if (flaw !== undefined) await this.#setAside(name, entry)
        yield { name: entry.fileName, size: entry.size, flaw }
      } finally {
        entry.holds--
      }
    }
  }

  async #place(name: string, scratch: string): Promise<HeldFile> {
    const handle = await open(scratch, 'r+')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
    const { size } = await stat(scratch)
    const before = this.#entries.get(name)
    await this.#makeRoom(roomOf(size) - (before === undefined ? 0 : roomOf(before.size)), name)
    const fileName = await fileNameFor(name, scratch)
    const file = this.#path(fileName)
    if ((await mkdir(dirname(file), { recursive: true, mode: 0o700 })) !== undefined)
      await syncFolder(dirname(dirname(file)))
    await rename(scratch, file)
    await syncFolder(dirname(file))
    const checked = { state: stateOf(await stat(file, { bigint: true })), at: performance.now() }
    const entry = this.#entries.get(name) ?? { fileName, size: 0, holds: 0, checked, checking: undefined }
    this.#bytes += roomOf(size) - (this.#entries.has(name) ? roomOf(entry.size) : 0)
    Object.assign(entry, { size, checked })
    this.#hot.delete(name)
    this.#entries.set(name, entry)
    return this.#hold(name, entry)
  }

  /** Throws MIRROR_FULL if removing everything removable would not suffice; then nothing is removed. */
  async #makeRoom(bytes: number, but: string): Promise<void> {
    let missing = this.#bytes + bytes - this.#maxBytes
    let tooMany = this.#entries.size + 1 - MAX_FILES
    const leaving: string[] = []
    for (const [name, { size, holds }] of this.#entries) {
      if (missing <= 0 && tooMany <= 0) break
      if (holds > 0 || name === but || this.#pinned.has(name)) continue
      leaving.push(name)
      missing -= roomOf(size)
      tooMany--
    }
    if (missing > 0 || tooMany > 0)
      throw new GossumError('MIRROR_FULL', `${missing} bytes more than the ${this.#maxBytes} that it may have`)
    // Forgotten before it is removed, so that no file is served while it is being removed.
    const files = leaving.map((name) => this.#forget(name))
    for (const fileName of files) await rm(this.#path(fileName), { force: true })
  }

  /** Why the file does not match its name. Concurrent callers share one check, which also records their use. */
  async #flaw(name: string, entry: Entry, used?: Date): Promise<string | undefined> {
    const file = this.#path(entry.fileName)
    const found = await stat(file, { bigint: true }).catch(missing)
    if (found === undefined) return 'it is gone'
    const { checked } = entry
    const isBelieved =
      checked !== undefined && checked.state === stateOf(found) && performance.now() - checked.at < BELIEVED_MS
    if (isBelieved) return undefined
    // Bytes read from an earlier state of the file are not those being checked.
    this.#hot.delete(name)
    entry.checking ??= this.#check(file, entry, used).finally(() => (entry.checking = undefined))
    return entry.checking
  }

  async #check(file: string, entry: Entry, used: Date | undefined): Promise<string | undefined> {
    // Failure is harmless: this only decides which files are removed first after the next start.
    if (used !== undefined) await utimes(file, used, used).catch(() => undefined)
    // Taken before reading, so that a change during the check causes another check.
    const found = await stat(file, { bigint: true }).catch(missing)
    if (found === undefined) return 'it is gone'
    const flaw = await flawOf(file, entry.fileName)
    entry.checked = flaw === undefined ? { state: stateOf(found), at: performance.now() } : undefined
    return flaw
  }

  #bytesOf(name: string, entry: Entry): Promise<Uint8Array | undefined> {
    const file = this.#path(entry.fileName)
    const isSame = async (): Promise<boolean> =>
      stateOf(await stat(file, { bigint: true })) === entry.checked?.state && this.#entries.get(name) === entry
    return this.#hot.read(name, file, entry.size, isSame)
  }

  #setAside(name: string, entry: Entry): Promise<void> {
    return this.#writes.run('', async () => {
      // It may have been replaced by now.
      if (this.#entries.get(name) !== entry || entry.checked !== undefined) return
      this.#forget(name)
      const file = this.#path(entry.fileName)
      if (this.#damaged >= MAX_ASIDE) return rm(file, { force: true })
      await rename(file, join(this.#dir, 'damaged', entry.fileName)).then(() => this.#damaged++, missing)
    })
  }

  #hold(name: string, entry: Entry): HeldFile {
    entry.holds++
    this.#entries.delete(name)
    this.#entries.set(name, entry)
    let isHeld = true
    const release = (): void => {
      if (isHeld) entry.holds--
      isHeld = false
    }
    return { file: this.#path(entry.fileName), size: entry.size, release }
  }

  /** Returns its file name. */
  #forget(name: string): string {
    const { fileName, size } = this.#entries.get(name)!
    this.#bytes -= roomOf(size)
    this.#entries.delete(name)
    this.#hot.delete(name)
    return fileName
  }

  #path(fileName: string): string {
    return join(this.#dir, 'files', fileName.slice(0, 2), fileName)
  }
}

interface FoundFile {
  readonly name: string
  readonly fileName: string
  readonly size: number
}

/** Least recently used first. Files without a valid name are ignored. */
async function filesIn(dir: string): Promise<FoundFile[]> {
  const paths = (await readdir(dir, { recursive: true })).map((path) => path.split(/[\\/]/))
  const named = paths.flatMap(([folder, fileName = '', ...rest]) => {
    const name = nameInFileName(fileName)
    return name === undefined || fileName.slice(0, 2) !== folder || rest.length > 0 ? [] : { name, fileName, folder }
  })
  const found = await mapBounded(named, STATS_AT_ONCE, undefined, async ({ name, fileName, folder }) => {
    const { size, mtimeMs } = await stat(join(dir, folder, fileName))
    return { name, fileName, size, mtimeMs }
  })
  const byTime = found.sort((a, b) => a.mtimeMs - b.mtimeMs)
  // Two zips of one hash: one was put there by someone else.
  return [...new Map(byTime.map((file) => [file.name, file])).values()]
}

/** A value that changes when the file is written to or replaced. */
function stateOf({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${ino} ${size} ${mtimeNs} ${ctimeNs}`
}

function roomOf(size: number): number {
  return Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
}

/** Whether an error means that the disk is full. */
export function isFull(error: unknown): boolean {
  const { code, cause } = error as NodeJS.ErrnoException
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(code ?? '') || (cause !== undefined && isFull(cause))
}

function missing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
}
