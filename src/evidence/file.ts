/**
 * Evidence files: the kinds, and the only form of each, byte for byte. Nothing in a file is verified here;
 * verifyEvidence does that. Pure; runs in a browser.
 */
import { GossumError } from '../errors.js'
import { isObject } from '../lib/is-object.js'
import { equalBytes, fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { MAX_NOTE_BYTES, MAX_READ_NOTE_BYTES } from '../tlog/note.js'

/**
 * The largest evidence file, in bytes. Ordinary evidence has less than 8 KiB, and a gossip message holds 64; but a log
 * may pad its heads up to MAX_NOTE_BYTES and its records up to MAX_RECORD_BYTES, which is the same, and JSON may double
 * that. A file holds at most three of these: what the log signed must not be too large to convict it.
 */
export const MAX_EVIDENCE_BYTES = 7 * MAX_NOTE_BYTES
/**
 * The largest evidence file that the command line reads, in bytes: for heads that a log padded to the limit of the go
 * command. Nodes accept, keep and forward none above MAX_EVIDENCE_BYTES; for them such a head is a suspect.
 */
export const MAX_PADDED_EVIDENCE_BYTES = 5 * MAX_READ_NOTE_BYTES
/** The most hashes in a proof of consistency or inclusion, in trees of at most 2^53 records. */
const MAX_PROOF_HASHES = 64

/** The beginning of all types, including future ones. */
const FAMILY = 'gossum/'
export const SPLIT_VIEW = 'gossum/split-view/v1'
export const WITNESS_CONFLICT = 'gossum/witness-conflict/v1'
export const BAD_RECORD = 'gossum/bad-record/v1'

/** Two heads of one log that contradict each other. */
interface Contradiction {
  /** The log's verifier key. It says whose key convicts; being named here does not make it trusted. */
  readonly log: string
  /** Two signed heads as notes, the smaller first; equal sizes are ordered by text. */
  readonly heads: readonly [string, string]
  /** Only for sizes 0 < m < n: base64 of the root of the larger tree's first m records, and of the proof. */
  readonly prefix?: { readonly root: string; readonly proof: readonly string[] }
}

/** A log that signed both heads: each carries the log's line and nothing else. */
export interface SplitView extends Contradiction {
  readonly type: typeof SPLIT_VIEW
}

/** A witness that cosigned both heads: each carries the log's line, then one cosignature of the witness. */
export interface WitnessConflict extends Contradiction {
  readonly type: typeof WITNESS_CONFLICT
  /** The witness's verifier key; as with the log's, being named here does not make it trusted. */
  readonly witness: string
}

/** Evidence that consists of two heads that contradict each other. */
export type TwoHeads = SplitView | WitnessConflict

/** A record of a log, with the proof that it is in the tree. */
export interface EvidenceRecord {
  /** Its number. */
  readonly id: number
  /** Including its final newline. */
  readonly text: string
  /** Hashes of its inclusion proof, in base64. */
  readonly proof: readonly string[]
}

/** A checksum database with two records of one module version with different hashes under one head. */
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

/** The canonical bytes of evidence: JSON with these keys in this order, indented by two, with a final newline. */
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

/** The signed heads in evidence, as notes, whatever they prove there. */
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
 * Reads an evidence file of at most `most` bytes. Throws EVIDENCE_MALFORMED unless it is, byte for byte, what
 * encodeEvidence writes; but EVIDENCE_FOREIGN if its type is unknown to this version: then nobody is to blame, and
 * others may know it.
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
  if (!equalBytes(encodeEvidence(value), bytes)) throw malformed('not in canonical form')
  return value
}

function malformed(why: string): GossumError {
  return new GossumError('EVIDENCE_MALFORMED', why)
}

/** Whether an object has the fields of a kind, with values of the right types; one entry per kind. */
const SHAPES: Readonly<Record<Evidence['type'], (value: Record<string, unknown>) => boolean>> = {
  [SPLIT_VIEW]: hasHeads,
  [WITNESS_CONFLICT]: (value) => typeof value['witness'] === 'string' && hasHeads(value),
  [BAD_RECORD]: ({ head, records }) =>
    typeof head === 'string' && Array.isArray(records) && records.length === 2 && records.every(isRecord),
}

/** Evidence that this version cannot judge, by its type alone. */
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
