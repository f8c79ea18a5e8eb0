/**
 * The files of a module as extracted by the go command, which are what it compiles: their hash, and how they differ
 * from the zip.
 */
import { createHash, hash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { opendir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorText, GossumError } from '../../errors.js'
import { hash1, type HashedFile } from '../../module/dirhash.js'
import type { FileDifference } from './module-views.js'
import { MAX_ZIP_ENTRIES } from '../../module/zip-rules.js'

/** Files up to this many bytes are read at once. */
const AT_ONCE_BYTES = 4 * 1024 * 1024
/** Stands for the hash of a link or a device. */
const NO_FILE = 'no file'

export interface HashedFolder {
  /** `h1:` of all files. */
  readonly hash: string
  readonly files: readonly HashedFile[]
}

/**
 * Hashes the files in a folder; `prefix` is `path@version/`. Throws FILE_UNREADABLE, and MODULE_ZIP_INVALID for too
 * many files.
 */
export async function hashFolder(folder: string, prefix: string, signal?: AbortSignal): Promise<HashedFolder> {
  const files: HashedFile[] = []
  try {
    for await (const { name, isFile } of filesBelow(folder, '')) {
      signal?.throwIfAborted()
      if (files.length === MAX_ZIP_ENTRIES) throw new GossumError('MODULE_ZIP_INVALID', `${folder}: too many files`)
      // Modules have no links. The target of one is not read: it is not part of the module, and may be an endless
      // device.
      files.push({ name: prefix + name, sha256: isFile ? await digestOf(join(folder, name)) : NO_FILE })
    }
  } catch (error) {
    if (error instanceof GossumError || signal?.aborted === true) throw error
    throw new GossumError('FILE_UNREADABLE', errorText(error), error)
  }
  const own = withoutToolchainCopies(files, prefix)
  return { hash: hash1(own), files: own }
}

/** The names of everything that is not a folder, and whether it is a file. */
async function* filesBelow(folder: string, path: string): AsyncGenerator<{ name: string; isFile: boolean }> {
  for await (const entry of await opendir(join(folder, path))) {
    const name = path === '' ? entry.name : `${path}/${entry.name}`
    if (entry.isDirectory()) yield* filesBelow(folder, name)
    else yield { name, isFile: entry.isFile() }
  }
}

async function digestOf(file: string): Promise<string> {
  if ((await stat(file)).size <= AT_ONCE_BYTES) return hash('sha256', await readFile(file))
  const sum = createHash('sha256')
  for await (const piece of createReadStream(file)) sum.update(piece as Buffer)
  return sum.digest('hex')
}

/**
 * A toolchain stores its go.mod files under another name, and the go command adds copies of them (cmd/go, toolchain).
 */
function withoutToolchainCopies(files: HashedFile[], prefix: string): HashedFile[] {
  if (!prefix.startsWith('golang.org/toolchain@')) return files
  const byName = new Map(files.map(({ name, sha256 }) => [name, sha256]))
  return files.filter(({ name, sha256 }) => {
    const original = name.replace(/(^|\/)go\.mod$/, '$1_go.mod')
    return original === name || byName.get(original) !== sha256
  })
}

/** How a folder differs from the zip, by name; both have the same prefix. */
export function differencesOf(
  zip: readonly HashedFile[],
  folder: readonly HashedFile[],
  prefix: string,
): FileDifference[] {
  const rest = new Map(folder.map(({ name, sha256 }) => [name, sha256]))
  const found: FileDifference[] = []
  const add = (name: string, what: FileDifference['what']): void =>
    void found.push({ name: name.slice(prefix.length), what })
  for (const { name, sha256 } of zip) {
    if (name.endsWith('/')) continue
    const own = rest.get(name)
    rest.delete(name)
    if (own !== sha256) add(name, own === undefined ? 'missing' : 'changed')
  }
  for (const name of rest.keys()) add(name, 'extra')
  return found.sort((a, b) => (a.name < b.name ? -1 : 1))
}
