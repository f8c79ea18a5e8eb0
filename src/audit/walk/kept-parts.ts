/**
 * The parts of one audit in a folder, one file each, written completely: the files that exist tell which ranges are
 * done. So a process may end at any moment, and loses only the ranges that it was reading.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { writeWholeFile } from '../../lib/whole-file.js'
import type { Finding } from '../finding.js'
import { BUCKETS, bucketRange, ENTRY_BYTES, isTable, KeyCollector, TABLE_BYTES } from './module-keys.js'
import {
  damaged,
  encodePart,
  headerLength,
  LENGTH_BYTES,
  parsePart,
  parsePartHeader,
  type PartHeader,
} from './part-text.js'
import { MAX_FINDINGS, UNIT_RECORDS, type Part, type PartRange } from './unit.js'

/** When one unit has this many parts, as with a follower that adds one per head, they are joined. */
const MAX_PARTS_IN_UNIT = 64

/** A part on disk. Its findings, of which a lying log has many, stay there. */
interface KeptPart extends Omit<PartHeader, 'findings'> {
  readonly path: string
  /** Where its keys begin in the file. */
  readonly keysAt: number
}

/** The keys of one bucket, unordered, with the numbers of their records. */
export interface BucketEntry {
  readonly count: number
  readonly high: Uint32Array
  readonly low: Uint32Array
  readonly ids: Float64Array
}

/** After this many files, the event loop gets a turn. */
const FILES_A_TURN = 64

export class KeptParts {
  readonly #dir: string
  /** Ordered by where they begin; they do not overlap. */
  #parts: KeptPart[]

  private constructor(dir: string, parts: KeptPart[]) {
    this.#dir = dir
    this.#parts = parts
  }

  /** Opens or creates the folder. Damaged files are removed, so that their ranges are read again. */
  static async open(dir: string): Promise<KeptParts> {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    const parts: KeptPart[] = []
    for (const name of await readdir(dir)) {
      const path = join(dir, name)
      const part = name.endsWith('.part') ? readHeader(path) : undefined
      if (part === undefined) await rm(path, { force: true, recursive: true })
      else parts.push(part)
    }
    // Of two parts that begin at the same record, the longer one was joined from the other.
    parts.sort((a, b) => a.from - b.from || b.to - a.to)
    const kept = new KeptParts(dir, [])
    for (const part of parts) {
      if (part.from >= (kept.#parts.at(-1)?.to ?? 0)) kept.#parts.push(part)
      else await rm(part.path, { force: true })
    }
    return kept
  }

  /** The ranges that are done, in order. */
  get done(): readonly Omit<PartHeader, 'findings'>[] {
    return this.#parts
  }

  /** The number of records that are done without a gap, from the first one of the log. */
  get auditedSize(): number {
    let size = 0
    for (const { from, to } of this.#parts) {
      if (from !== size) break
      size = to
    }
    return size
  }

  /** The parts of [from, to) that are not done, split at unit boundaries. */
  gaps({ from, to }: PartRange): PartRange[] {
    const gaps: PartRange[] = []
    let at = from
    const open = (end: number): void => {
      while (at < end) {
        const next = Math.min(end, (Math.floor(at / UNIT_RECORDS) + 1) * UNIT_RECORDS)
        gaps.push({ from: at, to: next })
        at = next
      }
    }
    for (const part of this.#parts) {
      if (part.to <= at) continue
      if (part.from >= to) break
      open(part.from)
      at = part.to
    }
    open(to)
    return gaps
  }

  /** Stores a complete part, in a gap or in place of an identical range; it is on disk when this returns. */
  async add(part: Part): Promise<void> {
    await this.#write(part)
    const unit = Math.floor(part.from / UNIT_RECORDS)
    const beside = this.#parts.filter(({ from }) => Math.floor(from / UNIT_RECORDS) === unit)
    const isWhole = beside.length > 1 && beside.reduce((sum, { from, to }) => sum + to - from, 0) === UNIT_RECORDS
    if (isWhole || beside.length > MAX_PARTS_IN_UNIT) await this.#joinParts(beside)
  }

  /** The findings of each part, part by part, in order. */
  async *findings(): AsyncGenerator<readonly Finding[]> {
    for (const { path } of this.#parts) yield parsePart(await readBytes(path)).findings
  }

  /** The files of the parts within a range, in order, for another machine. */
  async *files({ from, to }: PartRange): AsyncGenerator<Uint8Array> {
    for (const part of this.#parts) if (part.from >= from && part.to <= to) yield readBytes(part.path)
  }

  /** Whether a record numbered `since` or above has a key in the bucket. */
  hasKeySince(bucket: number, since: number): boolean {
    return this.#parts.some((part) => part.to > since && sliceOf(part, bucket).length > 0)
  }

  /** All keys of one bucket. */
  async bucket(bucket: number): Promise<BucketEntry> {
    const slices: { from: number; view: DataView }[] = []
    for (const [i, part] of this.#parts.entries()) {
      if (i % FILES_A_TURN === FILES_A_TURN - 1) await setImmediate()
      const bytes = sliceOf(part, bucket)
      slices.push({ from: part.from, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length) })
    }
    const count = slices.reduce((sum, { view }) => sum + view.byteLength / ENTRY_BYTES, 0)
    const entries = { count, high: new Uint32Array(count), low: new Uint32Array(count), ids: new Float64Array(count) }
    let i = 0
    for (const { from, view } of slices) {
      for (let at = 0; at < view.byteLength; at += ENTRY_BYTES) {
        entries.high[i] = view.getUint32(at, true)
        entries.low[i] = view.getUint32(at + 4, true)
        entries.ids[i] = from + view.getUint16(at + 8, true)
        i++
      }
    }
    return entries
  }

  async #write(part: Part): Promise<void> {
    const path = join(this.#dir, `${part.from}-${part.to}.part`)
    const bytes = encodePart(part)
    await writeWholeFile(path, bytes)
    const { from, to, audited, counts, hashes } = part
    const keysAt = bytes.length - part.keys.length
    this.#parts = this.#parts.filter((other) => other.path !== path)
    this.#parts.push({ from, to, audited, counts, hashes, path, keysAt })
    this.#parts.sort((a, b) => a.from - b.from || b.to - a.to)
  }

  /** Joins neighbouring parts; the originals are removed when the result is on disk. */
  async #joinParts(parts: readonly KeptPart[]): Promise<void> {
    const runs: KeptPart[][] = []
    for (const part of parts) {
      const run = runs.at(-1)
      if (run?.at(-1)?.to === part.from) run.push(part)
      else runs.push([part])
    }
    for (const run of runs) {
      if (run.length < 2) continue
      const whole = await Promise.all(run.map(async ({ path }) => parsePart(await readBytes(path))))
      const joined = joinOf(whole)
      this.#parts = this.#parts.filter((part) => !run.includes(part))
      await this.#write(joined)
      for (const { path } of run) await rm(path, { force: true })
    }
  }
}

/** The entries of one bucket in the file of a part. */
function sliceOf({ path, keysAt }: KeptPart, bucket: number): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const table = readAt(file, keysAt, TABLE_BYTES)
    const { from, to } = bucketRange(new DataView(table.buffer), bucket)
    return readAt(file, keysAt + TABLE_BYTES + from * ENTRY_BYTES, (to - from) * ENTRY_BYTES)
  } finally {
    closeSync(file)
  }
}

async function readBytes(path: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path))
}

function readAt(file: number, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  const read = readSync(file, bytes, 0, length, at)
  if (read < length) throw damaged('a file is truncated')
  return bytes
}

/** Joins parts, each of which begins where the previous one ends. */
function joinOf(parts: readonly Part[]): Part {
  const { from } = parts[0]!
  const { to } = parts.at(-1)!
  const keys = new KeyCollector()
  for (const part of parts) {
    const view = new DataView(part.keys.buffer, part.keys.byteOffset, part.keys.length)
    for (let at = TABLE_BYTES; at < part.keys.length; at += ENTRY_BYTES) {
      const key = { high: view.getUint32(at, true), low: view.getUint32(at + 4, true) }
      keys.add(key, part.from - from + view.getUint16(at + 8, true))
    }
  }
  const sum = (level: 'error' | 'note'): number => parts.reduce((total, { counts }) => total + counts[level], 0)
  return {
    from,
    to,
    audited: to - from,
    counts: { error: sum('error'), note: sum('note') },
    findings: parts.flatMap(({ findings }) => findings).slice(0, MAX_FINDINGS),
    hashes: [],
    keys: keys.take(),
    missing: [],
  }
}

/** The header of a part's file; undefined if it is damaged. */
function readHeader(path: string): KeptPart | undefined {
  const file = openSync(path, 'r')
  try {
    const length = headerLength(readAt(file, 0, LENGTH_BYTES))
    if (length === undefined) return undefined
    const { from, to, audited, counts, hashes } = parsePartHeader(readAt(file, LENGTH_BYTES, length))
    const keysAt = LENGTH_BYTES + length
    const table = new DataView(readAt(file, keysAt, TABLE_BYTES).buffer)
    if (!isTable(table)) return undefined
    const end = keysAt + TABLE_BYTES + bucketRange(table, BUCKETS - 1).to * ENTRY_BYTES
    return fstatSync(file).size === end ? { from, to, audited, counts, hashes, path, keysAt } : undefined
  } catch {
    return undefined
  } finally {
    closeSync(file)
  }
}
