/**
 * Evidence files: the kinds, and the one spelling of each, byte for byte. What a file says is not believed here; that
 * is for verifyEvidence. Pure; runs in a browser.
 */
import { GossumError } from '../errors.js'
import { equalBytes, fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { MAX_NOTE_BYTES, MAX_READ_NOTE_BYTES } from '../tlog/note.js'

/**
 * The largest evidence file, in bytes. Ordinary evidence is below 8 KiB, and a gossip message takes 64; but a log may
 * pad its heads up to MAX_NOTE_BYTES, and JSON may double that: what it signed must not be too large to convict it.
 */
export const MAX_EVIDENCE_BYTES = 5 * MAX_NOTE_BYTES
/**
 * The largest evidence file that the command line reads, in bytes: of heads that a log padded to all that the go command
 * reads. No node takes, keeps or passes on one above MAX_EVIDENCE_BYTES: there such a head is a suspect.
 */
export const MAX_PADDED_EVIDENCE_BYTES = 5 * MAX_READ_NOTE_BYTES
/** The longest consistency proof between trees of at most 2^53 records, in hashes. */
const MAX_PROOF_HASHES = 64

/** How all types begin, those to come too. */
const FAMILY = 'gossum/'
export const SPLIT_VIEW = 'gossum/split-view/v1'
export const WITNESS_CONFLICT = 'gossum/witness-conflict/v1'

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

export type Evidence = SplitView | WitnessConflict

/** The canonical bytes of evidence: JSON with these keys in this order, indented by two, a final newline. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  const { type, log, heads, prefix } = evidence
  const ordered = {
    type,
    log,
    ...(evidence.type === WITNESS_CONFLICT && { witness: evidence.witness }),
    heads,
    ...(prefix && { prefix: { root: prefix.root, proof: prefix.proof } }),
  }
  return utf8(`${JSON.stringify(ordered, undefined, 2)}\n`)
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

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Evidence that is not ours to judge: its type alone says so. */
function isForeign(value: unknown): value is { type: string } {
  const type = isObject(value) ? value['type'] : undefined
  return typeof type === 'string' && type.startsWith(FAMILY) && type !== SPLIT_VIEW && type !== WITNESS_CONFLICT
}

function isStrings(value: unknown, most: number): value is string[] {
  return Array.isArray(value) && value.length <= most && value.every((item) => typeof item === 'string')
}

function isEvidence(value: unknown): value is Evidence {
  if (!isObject(value) || typeof value['log'] !== 'string') return false
  const isKnown =
    value['type'] === SPLIT_VIEW || (value['type'] === WITNESS_CONFLICT && typeof value['witness'] === 'string')
  if (!isKnown || !isStrings(value['heads'], 2) || value['heads'].length !== 2) return false
  const prefix = value['prefix']
  if (prefix === undefined) return true
  return isObject(prefix) && typeof prefix['root'] === 'string' && isStrings(prefix['proof'], MAX_PROOF_HASHES)
}
