/**
 * The guard: a second, tiny, fsynced file beside the database that remembers, per log, which state was written last.
 *
 * LevelDB does not tell when it lost records (a flipped byte, a cut tail, a missing file: it opens). The guard does:
 * at start the database's state of each log must be the one that the guard saw last, or the one right after it (a
 * crash between the two writes). Anything else means that we may have signed more than the database remembers.
 *
 * Format: one line per write, appended and fsynced, fields separated by a space:
 *   log id, sequence number, SHA-256 of the state (hex), tree size, root (base64), time of our newest cosignature,
 *   holds (ids joined by ",", or "-"), of the floor, where there is one, its size, root (base64) and when it was learnt
 *   (ISO 8601), and the first 16 hex digits of the SHA-256 of all that stands before them.
 * A line without a floor is what it was before floors were written here.
 */
import { fstatSync, writeSync } from 'node:fs'
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { GossumError, errorText } from '../errors.js'
import { endOfTurn } from '../timed.js'
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'

/** The tree of a head that carries our own cosignature, to be reached before anything is signed (heads.ts). */
export interface GuardedFloor {
  readonly size: number
  /** Base64. */
  readonly root: string
  /** When it was learnt, ISO 8601. */
  readonly at: string
}

/** What the guard remembers of one log. */
export interface GuardEntry {
  readonly log: string
  /** Sequence number of the state, from 1. */
  readonly seq: number
  /** SHA-256 of the state's bytes, hex. */
  readonly hash: string
  readonly size: number
  /** Base64; "-" for a log of which nothing was proven yet. */
  readonly root: string
  /** POSIX seconds in our newest cosignature; 0 before the first. */
  readonly time: number
  /** Why the log is frozen: ids of evidence and suspects that no operator acknowledged. */
  readonly holds: readonly string[]
  readonly floor?: GuardedFloor
}

/** Where guard entries go. The order of calls is the order on disk; append returns when the entry is durable. */
export interface Guard {
  readonly entries: ReadonlyMap<string, GuardEntry>
  append(entry: GuardEntry): Promise<void>
  close(): Promise<void>
}

/** Lines beyond one per log after which the file is written anew. */
const COMPACT_AFTER_LINES = 4096

function formatLine(entry: GuardEntry): string {
  const { log, seq, hash, size, root, time, holds, floor } = entry
  const fields = [log, seq, hash, size, root, time, holds.length === 0 ? '-' : holds.join(',')]
  const body = [...fields, ...(floor ? [floor.size, floor.root, floor.at] : [])].join(' ')
  return `${body} ${checksum(body)}\n`
}

function checksum(body: string): string {
  return toHex(sha256(utf8(body))).slice(0, 16)
}

const LINE =
  /^([0-9a-f]{64}) (\d{1,15}) ([0-9a-f]{64}) (\d{1,16}) ([A-Za-z0-9+/]{43}=|-) (\d{1,16}) ([0-9a-f,]+|-)(?: (\d{1,16}) ([A-Za-z0-9+/]{43}=) ([-+\d:.TZ]{24,27}))? ([0-9a-f]{16})$/

function parseLine(line: string): GuardEntry | undefined {
  const match = LINE.exec(line)
  if (match === null || checksum(line.slice(0, -17)) !== match[11]) return undefined
  return {
    log: match[1]!,
    seq: Number(match[2]),
    hash: match[3]!,
    size: Number(match[4]),
    root: match[5]!,
    time: Number(match[6]),
    holds: match[7] === '-' ? [] : match[7]!.split(','),
    ...(match[8] !== undefined && { floor: { size: Number(match[8]), root: match[9]!, at: match[10]! } }),
  }
}

interface WaitingLine {
  readonly entry: GuardEntry
  readonly line: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The guard as a file. Opening it fails with STORE_DAMAGED when a line in it is not what was written. */
export class GuardFile implements Guard {
  readonly #path: string
  readonly #entries: Map<string, GuardEntry>
  #file: FileHandle
  /** Bytes of whole lines: what a failed write left behind them is cut off before the next one. */
  #length = 0
  #lines = 0
  #waiting: WaitingLine[] = []
  /** Ends when all appends that were asked for have ended. */
  #writing: Promise<void> | undefined

  private constructor(path: string, entries: Map<string, GuardEntry>, file: FileHandle) {
    this.#path = path
    this.#entries = entries
    this.#file = file
  }

  static async open(path: string): Promise<GuardFile> {
    const entries = await readEntries(path)
    // Anew each time: without what a crash cut off, and with a directory that knows the file.
    const guard = new GuardFile(path, entries, await rewrite(path, entries))
    await guard.#measure()
    return guard
  }

  get entries(): ReadonlyMap<string, GuardEntry> {
    return this.#entries
  }

  async append(entry: GuardEntry): Promise<void> {
    const line = formatLine(entry)
    await new Promise<void>((resolve, reject) => {
      this.#waiting.push({ entry, line, resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  /** Lines that come while others are written go together, with one fsync. */
  async #writeAll(): Promise<void> {
    await endOfTurn()
    while (this.#waiting.length > 0) {
      const lines = this.#waiting
      this.#waiting = []
      try {
        await this.#write(lines)
        for (const { resolve } of lines) resolve()
      } catch (error) {
        for (const { reject } of lines) reject(error)
      }
      // Behind the write that made it too long: the entries are durable, and nobody has to wait.
      await this.#compact().catch(() => undefined)
    }
    this.#writing = undefined
  }

  async #write(lines: readonly WaitingLine[]): Promise<void> {
    // To the cache of the system, at once: it is the sync that takes its time.
    const text = utf8(lines.map(({ line }) => line).join(''))
    const { fd } = this.#file
    if (fstatSync(fd).size !== this.#length) await this.#file.truncate(this.#length)
    const written = writeSync(fd, text)
    if (written !== text.length) throw new Error(`${written} of ${text.length} bytes were written`)
    await this.#file.datasync()
    this.#length += text.length
    this.#lines += lines.length
    for (const { entry } of lines) this.#entries.set(entry.log, entry)
  }

  /** Writes the file anew when it has grown long. A failure leaves the long one, which is as good. */
  async #compact(): Promise<void> {
    if (this.#lines - this.#entries.size < COMPACT_AFTER_LINES) return
    const long = this.#file
    this.#file = await rewrite(this.#path, this.#entries)
    await long.close()
    await this.#measure()
  }

  async #measure(): Promise<void> {
    this.#length = (await this.#file.stat()).size
    this.#lines = this.#entries.size
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }
}

async function readEntries(path: string): Promise<Map<string, GuardEntry>> {
  const entries = new Map<string, GuardEntry>()
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return entries
    throw new GossumError('STORE_DAMAGED', `${path}: ${errorText(error)}`, error)
  }
  const lines = text.split('\n')
  // What stands behind the last newline is a line that a crash cut off: its state was not signed for yet.
  lines.pop()
  lines.forEach((line, i) => {
    const entry = parseLine(line)
    if (entry === undefined) throw new GossumError('STORE_DAMAGED', `${path}, line ${i + 1}`)
    entries.set(entry.log, entry)
  })
  return entries
}

/**
 * Replaces the file as one act: a temporary file, fsynced, renamed, and the directory fsynced. Returns the new file,
 * open for appending: from the rename on there is no other to write to.
 */
async function rewrite(path: string, entries: ReadonlyMap<string, GuardEntry>): Promise<FileHandle> {
  const temporary = `${path}.new`
  await rm(temporary, { force: true })
  const file = await open(temporary, 'a', 0o600)
  try {
    await file.appendFile([...entries.values()].map(formatLine).join(''))
    await file.sync()
    await rename(temporary, path)
  } catch (error) {
    await file.close()
    throw error
  }
  await syncDirectory(dirname(path))
  return file
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}
