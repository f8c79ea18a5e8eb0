/**
 * Evidence: a file that convicts a log, or a witness, before anyone who has their keys, offline and without their help.
 *
 * gossum/split-view/v1 holds two heads of one log, smaller first. They convict the log when
 *   - their sizes are equal and their roots are not;
 *   - the smaller is of size 0 and its root is not the empty tree's;
 *   - the sizes are 0 < m < n, and `prefix` proves (checkTree) that the first m records of the LARGER head's tree have
 *     another root than the smaller head.
 *
 * gossum/witness-conflict/v1 holds two such heads with a cosignature of one witness on each. They convict the witness,
 * whose cosignatures say that the trees are consistent; and the log, of which they are a split view too.
 *
 * Each evidence has one spelling, byte for byte: heads carry the lines of whom they convict and nothing else, so that
 * nobody else can make a second file of the same fact by adding lines. Pure; runs in a browser.
 */
import { errorCode, GossumError } from '../errors.js'
import { equalBytes, utf8 } from '../tlog/bytes.js'
import { logId, parseCheckpoint, type Checkpoint } from '../tlog/checkpoint.js'
import { verifiedCosignatures, verifyCosignature } from '../tlog/cosignature.js'
import { EMPTY_ROOT, formatHash, parseHash, type Hash } from '../tlog/hash.js'
import { checkTree } from '../tlog/merkle.js'
import {
  spellNote,
  isWitnessKey,
  parseNote,
  SIGNATURE_TYPES,
  verifyNote,
  type Note,
  type VerifierKey,
} from '../tlog/note.js'
import {
  encodeEvidence,
  evidenceId,
  parseEvidence,
  SPLIT_VIEW,
  WITNESS_CONFLICT,
  type Evidence,
  type SplitView,
  type WitnessConflict,
} from './file.js'

export { encodeEvidence, evidenceId, parseEvidence, SPLIT_VIEW, WITNESS_CONFLICT }
export { MAX_EVIDENCE_BYTES, MAX_PADDED_EVIDENCE_BYTES } from './file.js'
export type { Evidence, SplitView, WitnessConflict }

/** What verified evidence says. */
export interface Conviction {
  readonly id: string
  readonly type: Evidence['type']
  /** Log id. */
  readonly log: string
  readonly key: VerifierKey
  readonly origin: string
  readonly sizes: readonly [number, number]
  /** The witness that is convicted; absent when it is the log. */
  readonly witness?: VerifierKey
}

/** A proof that the larger tree's first records have this root. */
interface Prefix {
  readonly root: Hash
  readonly proof: readonly Hash[]
}

// ---- making ----------------------------------------------------------------------------------------------------

/** The note with the log's own verified line only: what evidence and suspects keep of a head. */
export function bareHead(note: Note, key: VerifierKey): Note {
  return { text: note.text, signatures: [verifyNote(note, key)] }
}

/**
 * Makes split-view evidence of two heads. `prefix` is needed when the sizes differ and the smaller is not 0. Throws
 * EVIDENCE_UNPROVEN when the two do not convict: what this returns has been verified.
 */
export function makeSplitView(key: VerifierKey, heads: readonly [Note, Note], prefix?: Prefix): SplitView {
  const evidence: SplitView = {
    type: SPLIT_VIEW,
    log: key.vkey,
    ...contradiction(heads.map((note) => spellNote(bareHead(note, key))) as [string, string], prefix),
  }
  verifyEvidence(evidence, [key])
  return evidence
}

/**
 * Makes witness-conflict evidence of two heads that carry cosignatures of the witness, among any other lines; of
 * several by it the newest is taken. Throws as makeSplitView does, also when a head is not cosigned by the witness.
 */
export function makeWitnessConflict(
  logKey: VerifierKey,
  witnessKey: VerifierKey,
  heads: readonly [Note, Note],
  prefix?: Prefix,
): WitnessConflict {
  const cosigned = heads.map((note) => {
    const { text, signatures } = bareHead(note, logKey)
    const cosignature = verifiedCosignatures(note, [witnessKey]).get(witnessKey.vkey)
    if (cosignature === undefined) throw unproven('a head is not cosigned by the witness')
    return spellNote({ text, signatures: [...signatures, cosignature.signature] })
  })
  const evidence: WitnessConflict = {
    type: WITNESS_CONFLICT,
    log: logKey.vkey,
    witness: witnessKey.vkey,
    ...contradiction(cosigned as [string, string], prefix),
  }
  verifyEvidence(evidence, [logKey, witnessKey])
  return evidence
}

/** The split view that a witness conflict contains: the log signed both heads. Not verified. */
export function splitViewOf({ log, heads, prefix }: WitnessConflict): SplitView {
  const bare = heads.map((head) => {
    const { text, signatures } = parseNote(utf8(head))
    return spellNote({ text, signatures: signatures.slice(0, 1) })
  }) as [string, string]
  return { type: SPLIT_VIEW, log, heads: inOrder(bare), ...(prefix && { prefix }) }
}

function contradiction(
  heads: readonly [string, string],
  prefix: Prefix | undefined,
): Pick<SplitView, 'heads' | 'prefix'> {
  return {
    heads: inOrder(heads),
    ...(prefix && { prefix: { root: formatHash(prefix.root), proof: prefix.proof.map(formatHash) } }),
  }
}

function inOrder([a, b]: readonly [string, string]): [string, string] {
  return compareHeads(a, b) > 0 ? [b, a] : [a, b]
}

/** The order of heads in evidence: by size, then by text, so that everybody writes the same file. */
function compareHeads(a: string, b: string): number {
  return parseCheckpoint(a).size - parseCheckpoint(b).size || (a < b ? -1 : a > b ? 1 : 0)
}

// ---- verification ----------------------------------------------------------------------------------------------

/**
 * Verifies evidence with nothing but the keys that the caller trusts: of logs (type 0x01) and, for what convicts a
 * witness, of witnesses (type 0x04 or 0x06). Returns what it says, or throws: LOG_UNKNOWN or WITNESS_UNKNOWN when none of the
 * keys is the named one, EVIDENCE_UNPROVEN and what the parts of it throw when it convicts nobody.
 */
export function verifyEvidence(evidence: Evidence, trusted: readonly VerifierKey[]): Conviction {
  // Keys as they are written, in their one spelling: the hex digits of another would give one fact a second id.
  const key = trusted.find(({ vkey, type }) => type === SIGNATURE_TYPES.ed25519 && vkey === evidence.log)
  if (key === undefined) throw new GossumError('LOG_UNKNOWN', evidence.log)
  const witness = evidence.type === WITNESS_CONFLICT ? findWitness(evidence.witness, trusted) : undefined
  const [smaller, larger] = [readHead(evidence.heads[0], key, witness), readHead(evidence.heads[1], key, witness)]
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
    ...(witness && { witness }),
  }
}

function unproven(why: string): GossumError {
  return new GossumError('EVIDENCE_UNPROVEN', why)
}

function findWitness(vkey: string, trusted: readonly VerifierKey[]): VerifierKey {
  const witness = trusted.find((key) => isWitnessKey(key) && key.vkey === vkey)
  if (witness === undefined) throw new GossumError('WITNESS_UNKNOWN', vkey)
  return witness
}

/**
 * Reads one head of evidence: it must be signed by the log, cosigned by the witness if there is one, and carry their
 * lines alone, in their one spelling.
 */
function readHead(head: string, key: VerifierKey, witness: VerifierKey | undefined): Checkpoint {
  const note = parseNote(utf8(head))
  const { text, signatures } = bareHead(note, key)
  const cosignature = witness && cosignatureOf(note, witness)
  if (spellNote({ text, signatures: cosignature === undefined ? signatures : [...signatures, cosignature] }) !== head)
    throw unproven(`a head carries more than the line of the log${witness ? ' and that of the witness' : ''}`)
  return parseCheckpoint(text)
}

function cosignatureOf(note: Note, witness: VerifierKey): Note['signatures'][0] {
  const line = note.signatures[1]
  if (line === undefined) throw unproven('a head is not cosigned by the witness')
  try {
    return verifyCosignature(note.text, line, witness).signature
  } catch (error) {
    if (errorCode(error) !== 'SIGNATURE_MISSING') throw error
    throw unproven('a head is not cosigned by the witness')
  }
}

function checkPrefix(prefix: SplitView['prefix'], smaller: Checkpoint, larger: Checkpoint): void {
  const root = prefix && parseHash(prefix.root)
  const proof = prefix?.proof.map(parseHash)
  if (root === undefined || proof === undefined || proof.includes(undefined)) throw unproven('no prefix proof')
  if (equalBytes(root, smaller.root)) throw unproven('the heads agree')
  checkTree(proof as Hash[], larger.size, larger.root, smaller.size, root)
}
