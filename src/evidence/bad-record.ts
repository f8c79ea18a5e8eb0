/**
 * gossum/bad-record/v1: two records of a checksum database, under one head, with different hashes for one module
 * version. They convict the log when
 *   - the log signed the head, as that of a checksum database: records of other logs are not go.sum lines;
 *   - each text is a record, and its proof (checkRecord) shows that it has its number under the head;
 *   - the numbers differ, and the records contradict each other (contradictionOf).
 *
 * Pure; runs in a browser.
 */
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { SUMDB_ORIGIN, type Checkpoint } from '../tlog/checkpoint.js'
import { formatHash, hashLeaf, parseHash, type Hash } from '../tlog/hash.js'
import { checkRecord } from '../tlog/merkle.js'
import { spellNote, type Note, type VerifierKey } from '../tlog/note.js'
import { parseRecord, recordLines, type RecordLine } from '../tlog/record.js'
import { bareHead, readEvidenceHead, unproven } from './evidence-head.js'
import { BAD_RECORD, type BadRecord, type EvidenceRecord } from './file.js'

/** A record as it was found in the tree of a head. */
export interface FoundRecord {
  /** Its number: a safe integer. */
  readonly id: number
  /** At most MAX_RECORD_BYTES. */
  readonly record: Uint8Array
  /** Its inclusion proof, as proveRecord makes it; hashes of 32 bytes. */
  readonly proof: readonly Hash[]
}

/** How two records contradict each other. */
export interface RecordContradiction {
  /** `path@version`; cut if it is longer than any that the go command could ask for. */
  readonly module: string
  /** A go.sum line of one record, and the first line of the other about the same file. */
  readonly lines: readonly [string, string]
}

/** What a bad record proves once it is verified. */
interface RecordsVerdict {
  readonly origin: string
  readonly sizes: readonly [number, number]
  readonly module: string
  readonly records: readonly [number, number]
}

/** Characters of a module version that are kept: file systems allow 255 per name, and real ones have fewer than 200. */
const MAX_SHOWN_MODULE = 512

// ---- making ----------------------------------------------------------------------------------------------------

/**
 * Makes bad-record evidence from two records under one head, which may carry any other lines. What this returns has
 * been verified. Throws EVIDENCE_UNPROVEN, and what its parts throw, when they convict nobody.
 */
export function makeBadRecord(key: VerifierKey, head: Note, records: readonly [FoundRecord, FoundRecord]): BadRecord {
  const [one, other] = records.map(({ id, record, proof }): EvidenceRecord => ({
    id,
    text: parseRecord(record),
    proof: proof.map(formatHash),
  })) as [EvidenceRecord, EvidenceRecord]
  const evidence: BadRecord = {
    type: BAD_RECORD,
    log: key.vkey,
    head: spellNote(bareHead(head, key)),
    records: one.id > other.id ? [other, one] : [one, other],
  }
  verifyRecords(evidence, key)
  return evidence
}

// ---- verification ----------------------------------------------------------------------------------------------

/**
 * Verifies two records with the key of the log that they name, which the caller trusts. Throws EVIDENCE_UNPROVEN, and
 * what its parts throw, when they convict nobody.
 */
export function verifyRecords({ head, records }: BadRecord, key: VerifierKey): RecordsVerdict {
  const tree = readEvidenceHead(head, key)
  if (tree.origin !== SUMDB_ORIGIN)
    throw unproven('the log is not a checksum database: only records of one can convict')
  const [one, other] = records
  if (one.id >= other.id) throw unproven('the two records are the same, or not in order')
  for (const record of records) requireIncluded(record, tree)
  const found = contradictionOf([one.text, other.text])
  if (found === undefined) throw unproven('the records do not contradict each other')
  return { origin: tree.origin, sizes: [tree.size, tree.size], module: found.module, records: [one.id, other.id] }
}

function requireIncluded({ id, text, proof }: EvidenceRecord, { size, root }: Checkpoint): void {
  const record = utf8(text)
  // Half a surrogate pair would be a second spelling of U+FFFD, and one fact would have two files.
  if (parseRecord(record) !== text) throw unproven(`record ${id} is not UTF-8`)
  const hashes = proof.map(parseHash)
  if (hashes.includes(undefined)) throw unproven(`no proof of record ${id}`)
  checkRecord(hashes as Hash[], size, root, id, hashLeaf(record))
}

// ---- contradictions --------------------------------------------------------------------------------------------

/**
 * How two records contradict each other: the first line of the first record, or else of the second one, about a file of
 * a module version for which the other record has hashes of the same algorithm, but not this one. Undefined when there
 * is none: then a lookup of a module version that both are about gets the same answer from either.
 */
export function contradictionOf([one, other]: readonly [string, string]): RecordContradiction | undefined {
  const [lines, others] = [hashLines(one), hashLines(other)]
  return firstAgainst(lines, others) ?? firstAgainst(others, lines)
}

/** The lines whose hash names its algorithm, such as `h1:`. The go command compares no others. */
function hashLines(record: string): RecordLine[] {
  return recordLines(record).filter(({ hash }) => hash.indexOf(':') > 0)
}

function firstAgainst(lines: readonly RecordLine[], others: readonly RecordLine[]): RecordContradiction | undefined {
  const said = new Set(others.map(lineText))
  const first = new Map<string, RecordLine>()
  for (const other of others) if (!first.has(subjectOf(other))) first.set(subjectOf(other), other)
  for (const line of lines) {
    const against = first.get(subjectOf(line))
    if (against === undefined || said.has(lineText(line))) continue
    return { module: shownModule(line), lines: [lineText(line), lineText(against)] }
  }
  return undefined
}

/** The file that a line is about, and the algorithm: hashes of different algorithms are not comparable. */
function subjectOf({ path, version, of, hash }: RecordLine): string {
  return `${path} ${version} ${of} ${hash.slice(0, hash.indexOf(':'))}`
}

function lineText({ path, version, of, hash }: RecordLine): string {
  return `${path} ${version}${of === 'go.mod' ? '/go.mod' : ''} ${hash}`
}

function shownModule({ path, version }: RecordLine): string {
  const whole = `${path}@${version}`
  if (whole.length <= MAX_SHOWN_MODULE) return whole
  // No half of a surrogate pair at the cut.
  return `${fromUtf8(utf8(whole.slice(0, MAX_SHOWN_MODULE)))!}…`
}
