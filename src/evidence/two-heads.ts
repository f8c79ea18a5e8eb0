/**
 * Two heads that contradict each other.
 *
 * gossum/split-view/v1 holds two heads of one log, the smaller first. They convict the log when
 *   - their sizes are equal and their roots are not;
 *   - the smaller has size 0 and its root is not that of the empty tree;
 *   - the sizes are 0 < m < n, and `prefix` proves (checkTree) that the first m records of the LARGER head's tree have
 *     another root than the smaller head.
 *
 * gossum/witness-conflict/v1 holds two such heads, each with a cosignature by the same witness. They convict the
 * witness, whose cosignatures claim that the trees are consistent, and also the log, of which they are a split view.
 *
 * Pure; runs in a browser.
 */
import { equalBytes, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint, type Checkpoint } from '../tlog/checkpoint.js'
import { verifiedCosignatures } from '../tlog/cosignature.js'
import { EMPTY_ROOT, formatHash, parseHash, type Hash } from '../tlog/hash.js'
import { checkTree } from '../tlog/merkle.js'
import { parseNote, spellNote, type Note, type VerifierKey } from '../tlog/note.js'
import { bareHead, readEvidenceHead, unproven } from './evidence-head.js'
import { SPLIT_VIEW, WITNESS_CONFLICT, type SplitView, type TwoHeads, type WitnessConflict } from './file.js'

/** A proof that the larger tree's first records have this root. */
interface Prefix {
  readonly root: Hash
  readonly proof: readonly Hash[]
}

/** What two heads prove once they are verified. */
interface HeadsVerdict {
  readonly origin: string
  readonly sizes: readonly [number, number]
}

// ---- making ----------------------------------------------------------------------------------------------------

/**
 * Makes split-view evidence from two heads. `prefix` is needed when the sizes differ and the smaller is not 0. What
 * this returns has been verified. Throws EVIDENCE_UNPROVEN when the two do not convict.
 */
export function makeSplitView(key: VerifierKey, heads: readonly [Note, Note], prefix?: Prefix): SplitView {
  const evidence: SplitView = {
    type: SPLIT_VIEW,
    log: key.vkey,
    ...contradiction(heads.map((note) => spellNote(bareHead(note, key))) as [string, string], prefix),
  }
  verifyHeads(evidence, key)
  return evidence
}

/**
 * Makes witness-conflict evidence from two heads with cosignatures of the witness among their lines; if there are
 * several by it, the newest is used. Throws like makeSplitView, and also when a head is not cosigned by the witness.
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
  verifyHeads(evidence, logKey, witnessKey)
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

/** The order of heads in evidence: by size, then by text, so that all nodes write the same file. */
function compareHeads(a: string, b: string): number {
  return parseCheckpoint(a).size - parseCheckpoint(b).size || (a < b ? -1 : a > b ? 1 : 0)
}

// ---- verification ----------------------------------------------------------------------------------------------

/**
 * Verifies two heads with the keys that they name, which the caller trusts. Throws EVIDENCE_UNPROVEN, and what its
 * parts throw, when they convict nobody.
 */
export function verifyHeads({ heads, prefix }: TwoHeads, key: VerifierKey, witness?: VerifierKey): HeadsVerdict {
  const [smaller, larger] = [readEvidenceHead(heads[0], key, witness), readEvidenceHead(heads[1], key, witness)]
  if (smaller.origin !== larger.origin) throw unproven('the heads have different origins')
  if (compareHeads(heads[0], heads[1]) > 0) throw unproven('the heads are not in order')

  if (smaller.size > 0 && smaller.size < larger.size) {
    checkPrefix(prefix, smaller, larger)
  } else {
    if (prefix !== undefined) throw unproven('a prefix proves nothing here')
    const forked = smaller.size === larger.size && !equalBytes(smaller.root, larger.root)
    const impossible = smaller.size === 0 && !equalBytes(smaller.root, EMPTY_ROOT)
    if (!forked && !impossible) throw unproven('the heads agree')
  }
  return { origin: smaller.origin, sizes: [smaller.size, larger.size] }
}

function checkPrefix(prefix: SplitView['prefix'], smaller: Checkpoint, larger: Checkpoint): void {
  const root = prefix && parseHash(prefix.root)
  const proof = prefix?.proof.map(parseHash)
  if (root === undefined || proof === undefined || proof.includes(undefined)) throw unproven('no prefix proof')
  if (equalBytes(root, smaller.root)) throw unproven('the heads agree')
  checkTree(proof as Hash[], larger.size, larger.root, smaller.size, root)
}
