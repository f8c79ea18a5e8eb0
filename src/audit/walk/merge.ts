/**
 * Merges the results of several machines for the units of one tree. The hashes of their units, which fold to the root,
 * prove that they read the records of this tree. What they say about the records is not proven: a random sample is
 * audited again here, so that a machine that hides findings is likely to be caught.
 *
 * Trusted: the log's key. Not trusted: the files.
 */
import { open } from 'node:fs/promises'
import { errorText, GossumError } from '../../errors.js'
import { concatBytes, equalBytes, utf8 } from '../../tlog/bytes.js'
import { parseCheckpoint, type Checkpoint } from '../../tlog/checkpoint.js'
import { hashNode, sha256, type Hash } from '../../tlog/hash.js'
import { splitStoredHashIndex, storedHashIndex, subtreeIndexes, treeRoot } from '../../tlog/merkle.js'
import { parseNote, spellNote, verifyNote, type Note, type VerifierKey } from '../../tlog/note.js'
import { seedOf } from './module-keys.js'
import { encodePart } from './part-text.js'
import { UNIT_RECORDS, type Part, type PartRange } from './unit.js'
import { readUnitsHeader, readUnitsPart, type PinnedTree, type ReadBytes } from './units-file.js'

/** The bytes that are read from a file at once, at least: its header is requested byte by byte. */
const READ_BYTES = 4096

/** A trusted audit of the same records. */
export type AuditAgain = (range: PartRange) => Promise<Part>

/** A file that contradicts the facts about some records. */
export interface Disagreement extends PartRange {
  readonly file: string
  readonly why: string
}

/** Reads the header of a file of units. Throws FILE_UNREADABLE and AUDIT_DAMAGED. */
export async function readPinnedTree(file: string): Promise<PinnedTree> {
  return reading(file, readUnitsHeader)
}

/** The head of the results, its signature verified with the log's key. Throws LOG_UNKNOWN and the codes of notes. */
export function headOf(pinned: PinnedTree, key: VerifierKey): { head: Checkpoint; note: Note } {
  if (pinned.log !== key.vkey) throw new GossumError('LOG_UNKNOWN', pinned.log)
  const note = parseNote(utf8(pinned.head))
  verifyNote(note, key)
  const head = parseCheckpoint(note.text)
  if (head.origin !== pinned.origin) throw new GossumError('ORIGIN_MISMATCH', JSON.stringify(head.origin.slice(0, 100)))
  const seed = seedOf(head.root)
  if (pinned.seed[0] !== seed[0] || pinned.seed[1] !== seed[1])
    throw new GossumError('AUDIT_DISAGREES', 'its keys do not belong to this head')
  if (spellNote(note) !== pinned.head) throw new GossumError('AUDIT_DAMAGED', 'its head is not in canonical form')
  return { head, note }
}

/**
 * Passes the parts of all files to `keep`, in any order, each range once. Where two files differ about a range, and for
 * the sample that `isChosen` selects, `again` decides. Returns which files were wrong. Throws AUDIT_DISAGREES if the
 * files belong to several trees, FILE_UNREADABLE and AUDIT_DAMAGED.
 */
export async function mergeFiles(
  files: readonly string[],
  pinned: PinnedTree,
  {
    again,
    isChosen,
    keep,
  }: { again: AuditAgain; isChosen: (range: PartRange) => boolean; keep: (part: Part) => Promise<void> },
): Promise<Disagreement[]> {
  const wrong: Disagreement[] = []
  const { size } = parseCheckpoint(parseNote(utf8(pinned.head)).text)
  /** The first statement about a range, as a 32-byte digest, and its file. */
  const said = new Map<string, { file: string; digest: Hash }>()
  const settled = new Map<string, Hash>()
  const settle = async (range: PartRange): Promise<Hash> => {
    const known = settled.get(keyOf(range))
    if (known !== undefined) return known
    const right = await again(range)
    const digest = sha256(encodePart(right))
    settled.set(keyOf(range), digest)
    await keep(right)
    return digest
  }
  const blame = (file: string, { from, to }: PartRange, digest: Hash, right: Hash): void => {
    if (!equalBytes(digest, right)) wrong.push({ file, from, to, why: 'it differs from what these records say' })
  }
  for (const file of files) {
    await reading(file, async (read) => {
      const header = await readUnitsHeader(read)
      if (JSON.stringify(header) !== JSON.stringify(pinned))
        throw new GossumError('AUDIT_DISAGREES', `${file} belongs to another head than ${files[0]!}`)
      for (let part = await readUnitsPart(read); part !== undefined; part = await readUnitsPart(read)) {
        requireUnit(part, size)
        const digest = sha256(encodePart(part))
        const earlier = said.get(keyOf(part))
        if (earlier === undefined) said.set(keyOf(part), { file, digest })
        const differs = earlier !== undefined && !equalBytes(earlier.digest, digest)
        if (differs || settled.has(keyOf(part)) || (earlier === undefined && isChosen(part))) {
          const right = await settle(part)
          blame(file, part, digest, right)
          if (differs) blame(earlier.file, part, earlier.digest, right)
        } else if (earlier === undefined) {
          await keep(part)
        }
      }
    })
  }
  return distinctOf(wrong)
}

/**
 * Throws AUDIT_DAMAGED unless this is a whole unit of a tree of this size: records of overlapping ranges would be
 * counted twice, and compared with themselves.
 */
function requireUnit({ from, to }: PartRange, size: number): void {
  if (from % UNIT_RECORDS !== 0 || to !== Math.min(from + UNIT_RECORDS, size))
    throw new GossumError('AUDIT_DAMAGED', `records ${from} to ${to - 1} are not a unit of a tree of ${size}`)
}

/** Throws AUDIT_DISAGREES unless the hashes of the parts fold to the root of the tree. */
export function requireRoot(parts: Iterable<Pick<Part, 'from' | 'to' | 'hashes'>>, { size, root }: Checkpoint): void {
  const known = new Map<number, Hash>()
  for (const { from, to, hashes } of parts)
    subtreeIndexes(from, to).forEach((index, i) => hashes[i] !== undefined && known.set(index, hashes[i]))
  const hashAt = (index: number): Hash => {
    const hash = known.get(index)
    if (hash !== undefined) return hash
    const { level, n } = splitStoredHashIndex(index)
    if (level === 0) throw new GossumError('AUDIT_DISAGREES', `the hash of record ${n} is in no file`)
    return hashNode(hashAt(storedHashIndex(level - 1, 2 * n)), hashAt(storedHashIndex(level - 1, 2 * n + 1)))
  }
  if (
    !equalBytes(
      treeRoot(size, (indexes) => indexes.map(hashAt)),
      root,
    )
  )
    throw new GossumError('AUDIT_DISAGREES', `the hashes of the units do not fold to the root of size ${size}`)
}

function keyOf({ from, to }: PartRange): string {
  return `${from}-${to}`
}

function distinctOf(wrong: readonly Disagreement[]): Disagreement[] {
  return [...new Map(wrong.map((one) => [`${one.file}\n${keyOf(one)}`, one])).values()]
}

async function reading<T>(path: string, work: (read: ReadBytes) => Promise<T>): Promise<T> {
  let file
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw new GossumError('FILE_UNREADABLE', `${path}: ${errorText(error)}`, error)
  }
  try {
    let at = 0
    const next = async (length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(length)
      const { bytesRead } = await file.read(bytes, 0, length, at)
      at += bytesRead
      return bytes.subarray(0, bytesRead)
    }
    let ahead: Uint8Array = new Uint8Array()
    return await work(async (length) => {
      const missing = length - ahead.length
      if (missing > 0) ahead = concatBytes(ahead, await next(Math.max(missing, READ_BYTES)))
      const bytes = ahead.slice(0, length)
      ahead = ahead.subarray(length)
      return bytes
    })
  } catch (error) {
    if (!(error instanceof GossumError) || error.code !== 'AUDIT_DAMAGED') throw error
    throw new GossumError('AUDIT_DAMAGED', `${path}: ${error.detail}`, error)
  } finally {
    await file.close()
  }
}
