/** Homes in a real file system: temporary directories, copies of them, and small file systems that can be full. */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  cpSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterAll, onTestFinished } from 'vitest'

/** Where files are on a disk, even if other temporary ones are in memory (memory-folder.ts). */
export const ON_DISK = '/var/tmp'

/** A new empty directory that is removed when the test ends. */
export function temporaryHome(where = tmpdir()): string {
  const home = mkdtempSync(join(where, 'gossum-home-'))
  onTestFinished(() => removeFolder(home))
  return home
}

/** A folder for the files of one test file; it is removed when all its tests have ended. */
export function scratchFolder(): { dir: string; file: (name: string, data: string | Uint8Array) => string } {
  const dir = mkdtempSync(join(tmpdir(), 'gossum-scratch-'))
  afterAll(() => removeFolder(dir))
  const file = (name: string, data: string | Uint8Array): string => {
    writeFileSync(join(dir, name), data)
    return join(dir, name)
  }
  return { dir, file }
}

/**
 * Removes a folder with its contents, repeatedly while another process writes into it: the go command's telemetry goes
 * on in a process of its own after the command has ended.
 */
export async function removeFolder(dir: string): Promise<void> {
  for (let tries = 100; ; tries--) {
    try {
      rmSync(dir, { recursive: true, force: true })
      return
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || tries === 0) throw error
      await setTimeout(100)
    }
  }
}

/** Makes `to` a copy of `from`. */
export function copyHome(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true })
  // A socket cannot be copied, and a copy of it would be useless.
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('operator.sock') })
}

/** The paths of a home's database files with this ending. */
export function databaseFiles(home: string, ending: string): string[] {
  const directory = join(home, 'db')
  return readdirSync(directory)
    .filter((name) => name.endsWith(ending))
    .map((name) => join(directory, name))
}

/** A file system of its own, of a few hundred KiB. */
export interface SmallDisk {
  readonly path: string
  /** Uses all the space that is left. */
  fill(): void
  /** Frees it again. */
  free(): void
}

/** Mounts a small disk until the test ends; undefined if that is not permitted. */
export function smallDisk(kibibytes: number): SmallDisk | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return undefined
  const path = mkdtempSync(join(tmpdir(), 'gossum-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${kibibytes}k`, 'tmpfs', path], { stdio: 'ignore' })
  } catch {
    rmSync(path, { recursive: true })
    return undefined
  }
  onTestFinished(() => {
    // Lazily: a test that failed may have left files open.
    execFileSync('umount', ['-l', path])
    rmSync(path, { recursive: true })
  })
  const filler = join(path, 'filler')
  const fill = (): void => {
    const file = openSync(filler, 'a')
    try {
      for (;;) writeSync(file, new Uint8Array(512))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }
  const free = (): void => {
    const file = openSync(filler, 'r+')
    ftruncateSync(file, 0)
    closeSync(file)
  }
  return { path, fill, free }
}
