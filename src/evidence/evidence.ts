/**
 * Evidence: a file that proves the misbehaviour of a log or a witness to anyone who has their keys, offline and without
 * their help.
 *
 * There are three kinds (file.ts). Two heads that contradict each other convict a log, and a witness that cosigned both
 * (two-heads.ts). Two records that contradict each other convict a checksum database (bad-record.ts).
 *
 * Each piece of evidence has exactly one form, byte for byte: its heads carry only the lines of the convicted parties,
 * so that nobody else can make a second file about the same fact by adding lines. Pure; runs in a browser.
 */
import { GossumError } from '../errors.js'
import { logId } from '../tlog/checkpoint.js'
import { isWitnessKey, SIGNATURE_TYPES, type VerifierKey } from '../tlog/note.js'
import { verifyRecords } from './bad-record.js'
import { BAD_RECORD, evidenceId, SPLIT_VIEW, WITNESS_CONFLICT, type Evidence } from './file.js'
import { verifyHeads } from './two-heads.js'

export { makeBadRecord } from './bad-record.js'
export type { FoundRecord } from './bad-record.js'
export { bareHead } from './evidence-head.js'
export {
  BAD_RECORD,
  encodeEvidence,
  evidenceId,
  evidenceHeads,
  parseEvidence,
  SPLIT_VIEW,
  WITNESS_CONFLICT,
} from './file.js'
export { MAX_EVIDENCE_BYTES, MAX_PADDED_EVIDENCE_BYTES } from './file.js'
export type { BadRecord, Evidence, EvidenceRecord, SplitView, TwoHeads, WitnessConflict } from './file.js'
export { makeSplitView, makeWitnessConflict, splitViewOf } from './two-heads.js'

/** What verified evidence proves. */
export interface Conviction {
  readonly id: string
  readonly type: Evidence['type']
  /** Log id. */
  readonly log: string
  readonly key: VerifierKey
  readonly origin: string
  /** Sizes of the two heads, the smaller first; for a bad record, the size of its head twice. */
  readonly sizes: readonly [number, number]
  /** The convicted witness; absent when the log is convicted. */
  readonly witness?: VerifierKey
  /** Only for a bad record: `path@version`, at most 513 characters, as the log wrote it. */
  readonly module?: string
  /** Only for a bad record: the numbers of the two records, the smaller first. */
  readonly records?: readonly [number, number]
}

/** The result of verifying one kind. */
type Verdict = Pick<Conviction, 'origin' | 'sizes' | 'witness' | 'module' | 'records'>
type Which = Pick<Conviction, 'module' | 'records'>

/**
 * Verifies evidence with only the keys that the caller trusts: of logs (type 0x01) and, for evidence against a witness,
 * of witnesses (type 0x04 or 0x06). Returns what it proves. Throws LOG_UNKNOWN or WITNESS_UNKNOWN when none of the keys
 * is the named one, and EVIDENCE_UNPROVEN, or what its parts throw, when it convicts nobody.
 */
export function verifyEvidence(evidence: Evidence, trusted: readonly VerifierKey[]): Conviction {
  // Keys are compared in their canonical text: another spelling of the hex digits would give one fact a second id.
  const key = trusted.find(({ vkey, type }) => type === SIGNATURE_TYPES.ed25519 && vkey === evidence.log)
  if (key === undefined) throw new GossumError('LOG_UNKNOWN', evidence.log)
  const verdict = verdictOn(evidence, key, trusted)
  return { id: evidenceId(evidence), type: evidence.type, log: logId(key.name, verdict.origin), key, ...verdict }
}

/** The additional fields of a bad record; none for other kinds. */
export function recordsTold({ module, records }: Which): Which {
  return { ...(module !== undefined && { module }), ...(records && { records }) }
}

function verdictOn(evidence: Evidence, key: VerifierKey, trusted: readonly VerifierKey[]): Verdict {
  switch (evidence.type) {
    case SPLIT_VIEW:
      return verifyHeads(evidence, key)
    case WITNESS_CONFLICT: {
      const witness = findWitness(evidence.witness, trusted)
      return { ...verifyHeads(evidence, key, witness), witness }
    }
    case BAD_RECORD:
      return verifyRecords(evidence, key)
  }
}

function findWitness(vkey: string, trusted: readonly VerifierKey[]): VerifierKey {
  const witness = trusted.find((key) => isWitnessKey(key) && key.vkey === vkey)
  if (witness === undefined) throw new GossumError('WITNESS_UNKNOWN', vkey)
  return witness
}
