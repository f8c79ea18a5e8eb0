/**
 * Lines that were found to be in the log before, on disk, so that they are not looked up again: what is in an
 * append-only log stays in it. One file for all go.sum files, of 32-byte keys in no order; a go.sum file of which
 * every line was found has a key, too, so that it need not even be read line by line.
 *
 * A key is a hash over everything that the verdict rested on: the log's key, whom we trusted to say what its quorum
 * head is, and the whole line. So a line that was changed, or another policy, is never found here. Whoever can write
 * the file can make lines pass: it is its owner's alone, and one that others may write is not believed.
 */
import { hash } from 'node:crypto'
import { constants } from 'node:fs'
import { mkdir, open, rename, rm, writeFile, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'

const KEY_SIZE = 32
/** The largest cache, in bytes: two million lines. One that would grow beyond is started anew. */
export const MAX_CACHE_BYTES = 64 * 1024 * 1024
/** Permission bits that let others write. */
const OTHERS_WRITE = 0o022
/** Of the file and, when it is made, its directory. */
const PRIVATE = { file: 0o600, directory: 0o700 }

/** So few keys are sought in the bytes; of more, each key of the file is looked up. */
const FEW = 4

/**
 * What stands for a whole go.sum file among the lines: its bytes, and the patterns that say which of its lines were
 * not asked for. No line has a newline in it.
 */
export function wholeFile(bytes: Uint8Array, patterns: string): string {
  return `file\n${hash('sha256', bytes)}\n${patterns}`
}

export class LineCache {
  readonly #path: string
  readonly #domain: string

  /** `log` is the log's vkey; `trust` names whom the verdicts rest on. The file need not exist. */
  constructor(path: string, log: string, trust: string) {
    this.#path = path
    this.#domain = digest(`gossum/go-sum-lines/v1\n${JSON.stringify([log, trust])}`)
  }

  /** Those of these lines that are known, as lineText writes them. A cache that cannot be read knows nothing. */
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
    // A torn tail is no key; nor is what stands at the wrong place behind one, but it is not found either.
    for (let at = 0; at + KEY_SIZE <= keys.length; at += KEY_SIZE) {
      const line = wanted.get(keys.toString('latin1', at, at + KEY_SIZE))
      if (line !== undefined) found.add(line)
    }
    return found
  }

  /**
   * Adds lines that were found to be in the log. A cache that cannot be written is none: resolves to false, and the
   * next run asks again.
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

  /** 32 characters, one a byte: it is looked up as often as the file has keys. */
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

  /** False when the file has no room, or is one that is not believed. */
  async #append(keys: Buffer): Promise<boolean> {
    const flags = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW
    const file = await open(this.#path, flags, PRIVATE.file)
    try {
      const size = await sizeOf(file)
      if (size === undefined || size + keys.length > MAX_CACHE_BYTES) return false
      // Behind a torn tail the keys begin at the next place where one may stand. Written at once: others append, too.
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

/** The size of a cache file in bytes; undefined for one that is not believed, or too large to be ours. */
async function sizeOf(file: FileHandle): Promise<number | undefined> {
  const stat = await file.stat()
  // Windows has neither such bits nor such owners.
  const isOurs = process.platform === 'win32' || (stat.uid === process.getuid?.() && (stat.mode & OTHERS_WRITE) === 0)
  return stat.isFile() && isOurs && stat.size <= MAX_CACHE_BYTES ? stat.size : undefined
}

/** SHA-256 with one character a byte. */
function digest(text: string): string {
  return hash('sha256', text, 'binary')
}

function isAmong(keys: Buffer, key: string): boolean {
  const sought = Buffer.from(key, 'latin1')
  let at = keys.indexOf(sought)
  while (at !== -1 && at % KEY_SIZE !== 0) at = keys.indexOf(sought, at + 1)
  return at !== -1
}
