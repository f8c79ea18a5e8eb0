/**
 * A cache on disk of lines that were found in the log, so that they are not looked up again: an append-only log never
 * loses them. One file for all go.sum files, of unordered 32-byte keys; a go.sum file whose lines were all found has a
 * key as well, so that it need not even be read line by line.
 *
 * A key is a hash of everything that the verdict relied on: the log's key, whom we trusted for its quorum head, and the
 * whole line. So a changed line, or another policy, never matches. Whoever can write the file can make lines pass: it
 * is readable and writable only by its owner, and is ignored if others may write to it.
 */
import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

const KEY_SIZE = 32
/** The largest cache, in bytes: two million lines. It is started anew instead of growing larger. */
export const MAX_CACHE_BYTES = 64 * 1024 * 1024
/** Permission bits that let others write. */
const OTHERS_WRITE = 0o022
/** Modes of the file and, if it is created, of its directory. */
const PRIVATE = { file: 0o600, directory: 0o700 }

/** Up to this many keys are searched for in the bytes; for more, each key of the file is looked up. */
const FEW = 4

/**
 * The entry for a whole go.sum file: its bytes, and the patterns of modules that were not asked about. It cannot be
 * confused with a line, since no line contains a newline.
 */
export function wholeFile(bytes: Uint8Array, patterns: string): string {
  return `file\n${hash('sha256', bytes)}\n${patterns}`
}

export class LineCache {
  readonly #path: string
  readonly #domain: string

  /** `log` is the log's vkey; `trust` identifies whom the verdicts rely on. The file need not exist. */
  constructor(path: string, log: string, trust: string) {
    this.#path = path
    this.#domain = digest(`gossum/go-sum-lines/v1\n${JSON.stringify([log, trust])}`)
  }

  /** Those of these lines that are cached, in the form of lineText. An unreadable cache is empty. */
  async known(lines: Iterable<string>): Promise<Set<string>> {
    const wanted = new Map<string, string>()
    for (const line of lines) wanted.set(this.#key(line), line)
    const found = new Set<string>()
    if (wanted.size === 0) return found
    const keys = await this.#read()
    if (wanted.size <= FEW) {
      for (const [key, line] of wanted) if (isAmong(keys, key)) found.add(line)
      return found
    }
    // A torn tail is not a key; keys that are misaligned after one are not found, which is harmless.
    for (let at = 0; at + KEY_SIZE <= keys.length; at += KEY_SIZE) {
      const line = wanted.get(keys.toString('latin1', at, at + KEY_SIZE))
      if (line !== undefined) found.add(line)
    }
    return found
  }

  /**
   * Adds lines that were found in the log. If the cache cannot be written, this resolves to false, and the next run
   * asks again.
   */
  async add(lines: Iterable<string>): Promise<boolean> {
    const keys = Buffer.from([...lines].map((line) => this.#key(line)).join(''), 'latin1')
    if (keys.length === 0) return true
    try {
      await mkdir(dirname(this.#path), { recursive: true, mode: PRIVATE.directory })
      if (!(await this.#append(keys))) await this.#replace(keys)
      return true
    } catch {
      return false
    }
  }

  /** 32 characters, one per byte: it is looked up as often as the file has keys. */
  #key(line: string): string {
    return digest(`${this.#domain}${line}`)
  }

  async #read(): Promise<Buffer> {
    try {
      const file = await open(this.#path, constants.O_RDONLY | constants.O_NOFOLLOW)
      try {
        return (await sizeOf(file)) === undefined ? Buffer.alloc(0) : await file.readFile()
      } finally {
        await file.close()
      }
    } catch {
      return Buffer.alloc(0)
    }
  }

  /** False if the file has no room, or is not trusted. */
  async #append(keys: Buffer): Promise<boolean> {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
    const file = await open(this.#path, flags, PRIVATE.file)
    try {
      const size = await sizeOf(file)
      if (size === undefined || size + keys.length > MAX_CACHE_BYTES) return false
      // After a torn tail, continues at the next aligned position. Written with one call, since others append as well.
      const gap = (KEY_SIZE - (size % KEY_SIZE)) % KEY_SIZE
      await file.writeFile(Buffer.concat([Buffer.alloc(gap), keys]))
      return true
    } finally {
      await file.close()
    }
  }

  async #replace(keys: Buffer): Promise<void> {
    const fresh = `${this.#path}.${process.pid}.tmp`
    try {
      await writeFile(fresh, keys.subarray(0, MAX_CACHE_BYTES), { mode: PRIVATE.file, flag: 'wx' })
      await rename(fresh, this.#path)
    } finally {
      await rm(fresh, { force: true })
    }
  }
}

/** The size of a cache file in bytes; undefined if it is not trusted, or too large to be ours. */
async function sizeOf(file: FileHandle): Promise<number | undefined> {
  const stat = await file.stat()
  // Windows has neither such bits nor such owners.
  const isOurs = process.platform === 'win32' || (stat.uid === process.getuid?.() && (stat.mode & OTHERS_WRITE) === 0)
  return stat.isFile() && isOurs && stat.size <= MAX_CACHE_BYTES ? stat.size : undefined
}

/** SHA-256 with one character per byte. */
function digest(text: string): string {
  return hash('sha256', text, 'binary')
}

function isAmong(keys: Buffer, key: string): boolean {
  const sought = Buffer.from(key, 'latin1')
  let at = keys.indexOf(sought)
  while (at !== -1 && at % KEY_SIZE !== 0) at = keys.indexOf(sought, at + 1)
  return at !== -1
}
