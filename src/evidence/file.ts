/**
 * Evidence files: the kinds, and the one spelling of each, byte for byte. What a file says is not believed here; that
 * is for verifyEvidence. Pure; runs in a browser.
 */
import { GossumError } from '../errors.js'
import { isObject } from '../lib/is-object.js'
import { equalBytes, fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { MAX_NOTE_BYTES, MAX_READ_NOTE_BYTES } from '../tlog/note.js'

/**
 * The largest evidence file, in bytes. Ordinary evidence is below 8 KiB, and a gossip message takes 64; but a log may
 * pad its heads up to MAX_NOTE_BYTES, and its records up to MAX_RECORD_BYTES, which is as much, and JSON may double that. Of
 * these a file holds three at most: what the log signed must not be too large to convict it.
 */
export const MAX_EVIDENCE_BYTES = 7 * MAX_NOTE_BYTES
/**
 * The largest evidence file that the command line reads, in bytes: of heads that a log padded to all that the go command
 * reads. No node takes, keeps or passes on one above MAX_EVIDENCE_BYTES: there such a head is a suspect.
 */
export const MAX_PADDED_EVIDENCE_BYTES = 5 * MAX_READ_NOTE_BYTES
/** The longest proof in trees of at most 2^53 records, of consistency or of inclusion, in hashes. */
const MAX_PROOF_HASHES = 64

/** How all types begin, those to come too. */
const FAMILY = 'gossum/'
export const SPLIT_VIEW = 'gossum/split-view/v1'
export const WITNESS_CONFLICT = 'gossum/witness-conflict/v1'
export const BAD_RECORD = 'gossum/bad-record/v1'

/** Two heads of one log that contradict each other. */
interface Contradiction {
  /** The log's verifier key. It says whose key convicts; it is never trusted for being named here. */
  readonly log: string
  /** Two signed heads as notes, by size, the smaller first; equal sizes by their text. */
  readonly heads: readonly [string, string]
  /** Only for sizes 0 < m < n: base64 of the root of the larger tree's first m records, and of the proof. */
  readonly prefix?: { readonly root: string; readonly proof: readonly string[] }
}

/** A log that signed both: each head carries the log's line and nothing else. */
export interface SplitView extends Contradiction {
  readonly type: typeof SPLIT_VIEW
}

/** A witness that cosigned both: each head carries the log's line, then one cosignature of the witness. */
export interface WitnessConflict extends Contradiction {
  readonly type: typeof WITNESS_CONFLICT
  /** The witness's verifier key; no more trusted for being named here than the log's. */
  readonly witness: string
}

/** Evidence whose core is that two heads contradict each other. */
export type TwoHeads = SplitView | WitnessConflict

/** A record of a log, with what shows that it is in the tree. */
export interface EvidenceRecord {
  /** Its number. */
  readonly id: number
  /** With the newline at its end. */
  readonly text: string
  /** Base64 of the hashes of its inclusion proof. */
  readonly proof: readonly string[]
}

/** A checksum database that has two records of one module version with other hashes under one head. */
export interface BadRecord {
  readonly type: typeof BAD_RECORD
  /** The log's verifier key, as above. */
  readonly log: string
  /** The signed head as a note: the log's line and nothing else. */
  readonly head: string
  /** By number, the smaller first. */
  readonly records: readonly [EvidenceRecord, EvidenceRecord]
}

export type Evidence = TwoHeads | BadRecord

/** The canonical bytes of evidence: JSON with these keys in this order, indented by two, a final newline. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  return utf8(`${JSON.stringify(ordered(evidence), undefined, 2)}\n`)
}

function ordered(evidence: Evidence): object {
  const { type, log } = evidence
  switch (type) {
    case SPLIT_VIEW:
      return { type, log, ...orderedHeads(evidence) }
    case WITNESS_CONFLICT:
      return { type, log, witness: evidence.witness, ...orderedHeads(evidence) }
    case BAD_RECORD:
      return { type, log, head: evidence.head, records: evidence.records.map(orderedRecord) }
  }
}

function orderedHeads({ heads, prefix }: Contradiction): object {
  return { heads, ...(prefix && { prefix: { root: prefix.root, proof: prefix.proof } }) }
}

function orderedRecord({ id, text, proof }: EvidenceRecord): object {
  return { id, text, proof }
}

/** The signed heads in a file of evidence, as notes, whatever they show there. */
export function evidenceHeads(evidence: Evidence): readonly string[] {
  switch (evidence.type) {
    case SPLIT_VIEW:
    case WITNESS_CONFLICT:
      return evidence.heads
    case BAD_RECORD:
      return [evidence.head]
  }
}

/** The id of evidence: the first 16 hex digits of the SHA-256 of its canonical bytes. */
export function evidenceId(evidence: Evidence): string {
  return toHex(sha256(encodeEvidence(evidence))).slice(0, 16)
}

/**
 * Reads an evidence file, of at most `most` bytes. Throws EVIDENCE_MALFORMED unless it is, byte for byte, what encodeEvidence writes; but
 * EVIDENCE_FOREIGN for one of a type that this version does not know: it is nobody's fault, and others may know it.
 */
export function parseEvidence(bytes: Uint8Array, most = MAX_EVIDENCE_BYTES): Evidence {
  if (bytes.length > most) throw malformed(`${bytes.length} bytes`)
  const text = fromUtf8(bytes)
  if (text === undefined) throw malformed('not UTF-8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('not JSON')
  }
  if (isForeign(value)) throw new GossumError('EVIDENCE_FOREIGN', JSON.stringify(value.type.slice(0, 100)))
  if (!isEvidence(value)) throw malformed('no type, or wrong fields')
  if (!equalBytes(encodeEvidence(value), bytes)) throw malformed('not in its canonical spelling')
  return value
}

function malformed(why: string): GossumError {
  return new GossumError('EVIDENCE_MALFORMED', why)
}

/** Whether an object has the fields of a kind, with values of their types; a row for each kind. */
const SHAPES: Readonly<Record<Evidence['type'], (value: Record<string, unknown>) => boolean>> = {
  [SPLIT_VIEW]: hasHeads,
  [WITNESS_CONFLICT]: (value) => typeof value['witness'] === 'string' && hasHeads(value),
  [BAD_RECORD]: ({ head, records }) =>
    typeof head === 'string' && Array.isArray(records) && records.length === 2 && records.every(isRecord),
}

/** Evidence that is not ours to judge: its type alone says so. */
function isForeign(value: unknown): value is { type: string } {
  const type = isObject(value) ? value['type'] : undefined
  return typeof type === 'string' && type.startsWith(FAMILY) && !isKind(type)
}

function isKind(type: unknown): type is Evidence['type'] {
  return typeof type === 'string' && Object.hasOwn(SHAPES, type)
}

function isEvidence(value: unknown): value is Evidence {
  if (!isObject(value) || typeof value['log'] !== 'string') return false
  const { type } = value
  return isKind(type) && SHAPES[type](value)
}

function isStrings(value: unknown, most: number): value is string[] {
  return Array.isArray(value) && value.length <= most && value.every((item) => typeof item === 'string')
}

function hasHeads({ heads, prefix }: Record<string, unknown>): boolean {
  if (!isStrings(heads, 2) || heads.length !== 2) return false
  if (prefix === undefined) return true
  return isObject(prefix) && typeof prefix['root'] === 'string' && isStrings(prefix['proof'], MAX_PROOF_HASHES)
}

function isRecord(value: unknown): boolean {
  if (!isObject(value)) return false
  const { id, text, proof } = value
  return Number.isSafeInteger(id) && Number(id) >= 0 && typeof text === 'string' && isStrings(proof, MAX_PROOF_HASHES)
}
