/**
 * Key files of signers: the witness key of a node and the log key of a small log. One line, the Go note library's
 * PRIVATE+KEY+name+id+base64, readable by its owner alone. What is in such a file is never printed.
 */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { GossumError } from './errors.js'
import { fromUtf8, toHex, utf8 } from './tlog/bytes.js'
import { formatSignerKey, parseSignerKey, SIGNATURE_TYPES, type SignatureType, type SignerKey } from './tlog/note.js'

/** The largest key file that is read, in bytes. */
const MAX_KEY_FILE_BYTES = 1024
/** Permission bits of group and others: a private key has none. */
const SHARED_MODE = 0o077
/** What file systems without hard links say. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

export interface LoadedKey {
  readonly signer: SignerKey
  /** Whether the key was made by this call. */
  readonly created: boolean
}

/**
 * Reads the witness key (type 0x04), or makes one when there is no file. `name` is the key name of a new key; without
 * it one that nobody else has is made up. Throws KEY_FILE_INVALID, or KEY_MALFORMED for an impossible name.
 */
export function loadOrCreateWitnessKey(path: string, name?: string): Promise<LoadedKey> {
  return loadOrCreate(path, SIGNATURE_TYPES.cosignature, name)
}

/** Reads the key of a log (type 0x01), or makes one with this name. Throws as loadOrCreateWitnessKey does. */
export function loadOrCreateLogKey(path: string, name: string): Promise<LoadedKey> {
  return loadOrCreate(path, SIGNATURE_TYPES.ed25519, name)
}

/** Reads the witness key; undefined when there is no file. Throws KEY_FILE_INVALID. */
export function loadWitnessKey(path: string): Promise<SignerKey | undefined> {
  return load(path, SIGNATURE_TYPES.cosignature)
}

/** Makes a new witness key. Throws KEY_EXISTS, and never overwrites. */
export async function createWitnessKey(path: string, name?: string): Promise<SignerKey> {
  const signer = await create(path, SIGNATURE_TYPES.cosignature, name)
  if (signer === undefined) throw new GossumError('KEY_EXISTS', path)
  return signer
}

async function loadOrCreate(path: string, type: SignatureType, name?: string): Promise<LoadedKey> {
  const existing = await load(path, type)
  if (existing !== undefined) return { signer: existing, created: false }
  const made = await create(path, type, name)
  if (made !== undefined) return { signer: made, created: true }
  // Another process made it a moment ago.
  const theirs = await load(path, type)
  if (theirs === undefined) throw invalid(path, 'it comes and goes')
  return { signer: theirs, created: false }
}

function invalid(path: string, why: string, cause?: unknown): GossumError {
  return new GossumError('KEY_FILE_INVALID', `${path}: ${why}`, cause)
}

function errnoOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}

async function load(path: string, type: SignatureType): Promise<SignerKey | undefined> {
  const bytes = await readPrivate(path)
  if (bytes === undefined) return undefined
  let signer: SignerKey
  try {
    signer = parseSignerKey((fromUtf8(bytes) ?? '').replace(/\n$/, ''))
  } catch (error) {
    throw invalid(path, 'not a signer key', error)
  }
  if (signer.verifier.type !== type) {
    throw invalid(path, `its key has type 0x0${signer.verifier.type}, not 0x0${type}`)
  }
  return signer
}

async function readPrivate(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path, 'r')
    try {
      const stat = await file.stat()
      if (!stat.isFile() || stat.size > MAX_KEY_FILE_BYTES) throw invalid(path, 'not a signer key')
      // Windows has no such bits.
      if (process.platform !== 'win32' && (stat.mode & SHARED_MODE) !== 0) {
        throw invalid(path, `its mode is ${(stat.mode & 0o777).toString(8)}, so that others may read it`)
      }
      return await file.readFile()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error instanceof GossumError ? error : invalid(path, errnoOf(error), error)
  }
}

/** Undefined when there is a file already. */
async function create(path: string, type: SignatureType, name?: string): Promise<SignerKey | undefined> {
  const line = formatSignerKey(name ?? `gossum-${toHex(randomBytes(4))}`, type, randomBytes(32))
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    return (await writeNew(path, utf8(`${line}\n`))) ? parseSignerKey(line) : undefined
  } catch (error) {
    throw invalid(path, `cannot be written (${errnoOf(error)})`, error)
  }
}

/** A crash leaves no file or a whole one. False when there is a file already, which stays as it is. */
async function writeNew(path: string, bytes: Uint8Array): Promise<boolean> {
  const temporary = `${path}.${toHex(randomBytes(4))}.tmp`
  try {
    await writeFlushed(temporary, bytes)
    await linkNew(temporary, path)
    await flushDirectory(dirname(path))
    return true
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(temporary, { force: true })
  }
}

/** A hard link, unlike a rename, never replaces a file. Where there are none, a rename has to do. */
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
  // Windows cannot open a directory; its file systems journal what is needed.
  if (process.platform === 'win32') return
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
