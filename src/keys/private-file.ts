/**
 * Files of a home: readable by their owner alone, written completely or not at all. Files with secrets are never
 * replaced, and their content is never printed.
 */
import { randomBytes } from 'node:crypto'
import type { Stats } from 'node:fs'
import { link, mkdir, open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { GossumError, HintedError } from '../errors.js'
import { othersInGroup } from './file-readers.js'
import { toHex } from '../tlog/bytes.js'

/** The largest secret of our own that is read, in bytes. */
const MAX_FILE_BYTES = 1024
/** How long another process may take to replace a file, and the delay between attempts, in milliseconds. */
const PATIENCE_MS = 3_000
const WAIT_MS = 20
/** Permission bits of the group, and of everyone. */
const MODE = { group: 0o070, everybody: 0o007 }
/** The files in which Linux lists users and groups. */
const ACCOUNT_FILES = ['/etc/passwd', '/etc/group', '/etc/nsswitch.conf']
/** The most members of a group that are named. */
const MAX_NAMED = 3
/** The error codes of file systems without hard links. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

/** Why a key file cannot be used. */
export function keyFileInvalid(path: string, why: string, cause?: unknown): GossumError {
  return new GossumError('KEY_FILE_INVALID', `${path}: ${why}`, cause)
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

/**
 * The bytes of a secret, at most `most`; undefined if there is no file. Throws KEY_FILE_INVALID, also when others may
 * read it, judged by its mode and the members of its group.
 */
export async function readPrivateFile(path: string, most = MAX_FILE_BYTES): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const stat = await file.stat()
      if (!stat.isFile() || stat.size > most) throw keyFileInvalid(path, 'not a key file')
      const readers = await otherReaders(stat)
      if (readers !== undefined) {
        const mode = (stat.mode & 0o777).toString(8)
        throw keyFileInvalid(path, `its mode is ${mode}, so others may read it: ${readers}`)
      }
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error instanceof GossumError ? error : keyFileInvalid(path, errnoOf(error), error)
  }
}

/** Who besides us and root may read a file according to its mode; undefined if nobody may. */
async function otherReaders({ mode, gid }: Stats): Promise<string | undefined> {
  // Windows has no such bits.
  if (process.platform === 'win32') return undefined
  if ((mode & MODE.everybody) !== 0) return 'everybody'
  if ((mode & MODE.group) === 0) return undefined
  // On other systems these files do not list all users.
  if (process.platform !== 'linux') return `the group ${gid}`
  const self = { uid: process.geteuid!(), groups: [process.getegid!(), ...process.getgroups!()] }
  const read = (path: string): Promise<string> => readFile(path, 'utf8').catch(ifMissing)
  const [passwd, group, nsswitch] = await Promise.all(ACCOUNT_FILES.map(read))
  const others = othersInGroup(gid, self, { passwd: passwd!, group: group!, nsswitch: nsswitch! })
  const named = others.slice(0, MAX_NAMED).join(', ')
  return others.length === 0 ? undefined : `the group ${gid} (${named}${others.length > MAX_NAMED ? ', ...' : ''})`
}

function ifMissing(error: unknown): string {
  if (errnoOf(error) === 'ENOENT') return ''
  throw error
}

/**
 * Writes a new secret durably; a crash leaves either no file or a complete one. Returns false, and changes nothing, if
 * the file exists. Throws KEY_FILE_INVALID.
 */
export async function writeNewPrivateFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = `${path}.${toHex(randomBytes(4))}.tmp`
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    await writeFlushed(temporary, bytes)
    await linkNew(temporary, path)
    await flushDirectory(dirname(path))
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw keyFileInvalid(path, `cannot be written (${errnoOf(error)})`, error)
  } finally {
    await rm(temporary, { force: true }).catch(() => undefined)
  }
}

/**
 * Replaces a file durably; a crash leaves either the old or the new one. While `make` derives the new bytes from the
 * old file, no other process can replace it: it waits, and gives up after PATIENCE_MS. Throws FILE_UNWRITABLE, and what
 * `make` throws; the file is then unchanged.
 */
export async function replacePrivateFile(path: string, make: () => Uint8Array): Promise<void> {
  const temporary = `${path}.new`
  const file = await openAlone(temporary)
  try {
    try {
      await file.writeFile(make())
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
    await flushDirectory(dirname(path))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error instanceof GossumError ? error : unwritable(path, errnoOf(error), error)
  }
}

/** Creates a new file, as soon as there is none of this name. */
async function openAlone(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw unwritable(path, errnoOf(error), error)
  })
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      return await open(path, 'wx', 0o600)
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw unwritable(path, errnoOf(error), error)
      if (performance.now() > deadline)
        throw unwritable(
          path,
          'another gossum is writing it, or was killed while it did: in that case remove this file',
          error,
        )
    }
    await delay(WAIT_MS)
  }
}

function unwritable(path: string, why: string, cause: unknown): GossumError {
  const error = new GossumError('FILE_UNWRITABLE', `${path}: ${why}`, cause)
  return new HintedError(error, 'check the free space and the permissions of the home')
}

/** A hard link, unlike a rename, never replaces a file. Where there are no hard links, a rename must do. */
async function linkNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to)
  } catch (error) {
    if (!NO_LINKS.includes(errnoOf(error))) throw error
    await rename(from, to)
  }
}

async function writeFlushed(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function flushDirectory(path: string): Promise<void> {
  // Windows cannot open a directory; its file systems journal the change.
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
