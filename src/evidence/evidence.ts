/**
 * Evidence: a file that convicts a log before anyone who has the log's key, offline and without its help.
 *
 * gossum/split-view/v1 holds two heads of one log, smaller first. They convict when
 *   - their sizes are equal and their roots are not;
 *   - the smaller is of size 0 and its root is not the empty tree's;
 *   - the sizes are 0 < m < n, and `prefix` proves (checkTree) that the first m records of the LARGER head's tree have
 *     another root than the smaller head.
 *
 * Each evidence has one spelling, byte for byte: heads carry the log's line and nothing else, so that nobody can make
 * a second file of the same fact by adding lines. Pure; runs in a browser.
 */
import { GossumError } from '../errors.js'
import { equalBytes, fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import { logId, parseCheckpoint, type Checkpoint } from '../tlog/checkpoint.js'
import { EMPTY_ROOT, formatHash, parseHash, sha256, type Hash } from '../tlog/hash.js'
import { checkTree } from '../tlog/merkle.js'
import { formatNote, MAX_NOTE_BYTES, parseNote, verifyNote, type Note, type VerifierKey } from '../tlog/note.js'

/**
 * The largest evidence file, in bytes. Ordinary evidence is below 8 KiB, and a gossip message takes 64; but a log may
 * pad its heads up to MAX_NOTE_BYTES, and JSON may double that: what it signed must not be too large to convict it.
 */
export const MAX_EVIDENCE_BYTES = 5 * MAX_NOTE_BYTES
/** The longest consistency proof between trees of at most 2^53 records, in hashes. */
const MAX_PROOF_HASHES = 64

export const SPLIT_VIEW = 'gossum/split-view/v1'

export interface SplitView {
  readonly type: typeof SPLIT_VIEW
  /** The log's verifier key. It says whose key convicts; it is never trusted for being named here. */
  readonly log: string
  /** Two signed heads as notes, by size, the smaller first; equal sizes by their text. */
  readonly heads: readonly [string, string]
  /** Only for sizes 0 < m < n: base64 of the root of the larger tree's first m records, and of the proof. */
  readonly prefix?: { readonly root: string; readonly proof: readonly string[] }
}

export type Evidence = SplitView

/** What verified evidence says. */
export interface Conviction {
  readonly id: string
  readonly type: Evidence['type']
  /** Log id. */
  readonly log: string
  readonly key: VerifierKey
  readonly origin: string
  readonly sizes: readonly [number, number]
}

/** The note with the log's own verified line only: what evidence and suspects keep of a head. */
export function bareHead(note: Note, key: VerifierKey): Note {
  return { text: note.text, signatures: [verifyNote(note, key)] }
}

/**
 * Makes split-view evidence of two heads. `prefix` is needed when the sizes differ and the smaller is not 0. Throws
 * EVIDENCE_UNPROVEN when the two do not convict: what this returns has been verified.
 */
export function makeSplitView(
  key: VerifierKey,
  heads: readonly [Note, Note],
  prefix?: { readonly root: Hash; readonly proof: readonly Hash[] },
): SplitView {
  const bare = heads.map((note) => bareHead(note, key)).sort((a, b) => compareHeads(a.text, b.text))
  const evidence: SplitView = {
    type: SPLIT_VIEW,
    log: key.vkey,
    heads: [noteText(bare[0]!), noteText(bare[1]!)],
    ...(prefix && { prefix: { root: formatHash(prefix.root), proof: prefix.proof.map(formatHash) } }),
  }
  verifyEvidence(evidence, [key])
  return evidence
}

function noteText(note: Note): string {
  return fromUtf8(formatNote(note))!
}

/** The order of heads in evidence: by size, then by text, so that everybody writes the same file. */
function compareHeads(a: string, b: string): number {
  return parseCheckpoint(a).size - parseCheckpoint(b).size || (a < b ? -1 : a > b ? 1 : 0)
}

// ---- bytes -----------------------------------------------------------------------------------------------------

/** The canonical bytes of evidence: JSON with these keys in this order, indented by two, a final newline. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  const { type, log, heads, prefix } = evidence
  const ordered = { type, log, heads, ...(prefix && { prefix: { root: prefix.root, proof: prefix.proof } }) }
  return utf8(`${JSON.stringify(ordered, undefined, 2)}\n`)
}

/** The id of evidence: the first 16 hex digits of the SHA-256 of its canonical bytes. */
export function evidenceId(evidence: Evidence): string {
  return toHex(sha256(encodeEvidence(evidence))).slice(0, 16)
}

/** Reads an evidence file. Throws EVIDENCE_MALFORMED unless it is, byte for byte, what encodeEvidence writes. */
export function parseEvidence(bytes: Uint8Array): Evidence {
  if (bytes.length > MAX_EVIDENCE_BYTES) throw malformed(`${bytes.length} bytes`)
  const text = fromUtf8(bytes)
  if (text === undefined) throw malformed('not UTF-8')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('not JSON')
  }
  if (!isSplitView(value)) throw malformed('unknown type or wrong fields')
  if (!equalBytes(encodeEvidence(value), bytes)) throw malformed('not in its canonical spelling')
  return value
}

function malformed(why: string): GossumError {
  return new GossumError('EVIDENCE_MALFORMED', why)
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isStrings(value: unknown, most: number): value is string[] {
  return Array.isArray(value) && value.length <= most && value.every((item) => typeof item === 'string')
}

function isSplitView(value: unknown): value is SplitView {
  if (!isObject(value) || value['type'] !== SPLIT_VIEW || typeof value['log'] !== 'string') return false
  if (!isStrings(value['heads'], 2) || value['heads'].length !== 2) return false
  const prefix = value['prefix']
  if (prefix === undefined) return true
  return isObject(prefix) && typeof prefix['root'] === 'string' && isStrings(prefix['proof'], MAX_PROOF_HASHES)
}

// ---- verification ----------------------------------------------------------------------------------------------

/**
 * Verifies evidence with nothing but the keys that the caller trusts. Returns what it says, or throws: LOG_UNKNOWN
 * when none of the keys is the log's, EVIDENCE_UNPROVEN when it convicts nobody.
 */
export function verifyEvidence(evidence: Evidence, trusted: readonly VerifierKey[]): Conviction {
  // The key as it is written, in its one spelling: the hex digits of another would give the same fact a second id.
  const key = trusted.find(({ vkey }) => vkey === evidence.log)
  if (key === undefined) throw new GossumError('LOG_UNKNOWN', evidence.log)
  const [smaller, larger] = [readHead(evidence.heads[0], key), readHead(evidence.heads[1], key)]
  if (smaller.origin !== larger.origin) throw unproven('the heads are of two origins')
  if (compareHeads(evidence.heads[0], evidence.heads[1]) > 0) throw unproven('the heads are not in order')

  if (smaller.size > 0 && smaller.size < larger.size) {
    checkPrefix(evidence.prefix, smaller, larger)
  } else {
    if (evidence.prefix !== undefined) throw unproven('a prefix proves nothing here')
    const forked = smaller.size === larger.size && !equalBytes(smaller.root, larger.root)
    const impossible = smaller.size === 0 && !equalBytes(smaller.root, EMPTY_ROOT)
    if (!forked && !impossible) throw unproven('the heads agree')
  }
  return {
    id: evidenceId(evidence),
    type: evidence.type,
    log: logId(key.name, smaller.origin),
    key,
    origin: smaller.origin,
    sizes: [smaller.size, larger.size],
  }
}

function unproven(why: string): GossumError {
  return new GossumError('EVIDENCE_UNPROVEN', why)
}

/** Reads one head of evidence: it must be signed by the log and carry the log's line alone, in its one spelling. */
function readHead(head: string, key: VerifierKey): Checkpoint {
  const note = parseNote(utf8(head))
  if (noteText(bareHead(note, key)) !== head) throw unproven('a head carries more than the line of the log')
  return parseCheckpoint(note.text)
}

function checkPrefix(prefix: SplitView['prefix'], smaller: Checkpoint, larger: Checkpoint): void {
  const root = prefix && parseHash(prefix.root)
  const proof = prefix?.proof.map(parseHash)
  if (root === undefined || proof === undefined || proof.includes(undefined)) throw unproven('no prefix proof')
  if (equalBytes(root, smaller.root)) throw unproven('the heads agree')
  checkTree(proof as Hash[], larger.size, larger.root, smaller.size, root)
}
