/**
 * Everything that a text proves: an evidence file, or the output of a build in which the go command caught a fork. It
 * is read in the go command's format (go-report.ts), and by the shape of its parts (report-shape.ts). Pure.
 */
import { GossumError, HintedError } from '../errors.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { parseNote, parseVerifierKey, type VerifierKey } from '../tlog/note.js'
import {
  BAD_RECORD,
  evidenceId,
  MAX_PADDED_EVIDENCE_BYTES,
  parseEvidence,
  SPLIT_VIEW,
  splitViewOf,
  verifyEvidence,
  WITNESS_CONFLICT,
  type Conviction,
  type Evidence,
  type SplitView,
} from './evidence.js'
import { evidenceOfReport, headsOfReport, parseGoReports } from './go-report.js'
import { findByShape, type FoundHead } from './report-shape.js'
import { witnessLies } from './witness-lies.js'

/** The largest text that is read, in bytes: build logs are long. */
export const MAX_EVIDENCE_TEXT_BYTES = 32 * 1024 * 1024

/** The keys whose signatures can convict: of logs, and of witnesses. */
export interface TextKeys {
  readonly logs: readonly VerifierKey[]
  readonly witnesses: readonly VerifierKey[]
}

/** Verified evidence, with what it proves. */
export interface ProvenEvidence extends Conviction {
  readonly evidence: Evidence
}

export interface FromText {
  /** Evidence against witnesses comes after evidence against their log. */
  readonly proven: readonly ProvenEvidence[]
  /**
   * Heads that a log signed, as they were found, with the lines of others. With tiles, more may be proven from them.
   */
  readonly heads: readonly FoundHead[]
  /** Why something that looked like a report proves nothing, if nothing else was made of it. */
  readonly failures: readonly GossumError[]
}

/** The beginning of every evidence file. */
const EVIDENCE_START = '{\n  "type": "gossum/'

/** Throws EVIDENCE_MALFORMED and EVIDENCE_FOREIGN for an invalid evidence file, and for a text without any evidence. */
export function evidenceInText(bytes: Uint8Array, keys: TextKeys): FromText {
  if (fromUtf8(bytes.subarray(0, EVIDENCE_START.length)) === EVIDENCE_START) return fromFile(bytes, keys)
  const read = byReports(bytes, keys.logs)
  const shaped = findByShape(bytes, keys.logs)
  const proven = new Map([...read.evidence, ...shaped.evidence].map((view) => [evidenceId(view), view]))
  const heads = [...read.heads, ...shaped.heads]
  // That a report was unreadable does not matter if the evidence was found by its shape.
  const failures = proven.size > new Set(read.evidence.map(evidenceId)).size ? [] : read.failures
  if (proven.size === 0 && heads.length === 0 && failures.length === 0) throw noReport()
  const lies = [...proven.values()].flatMap((view) => liesIn(view, heads, keys))
  const trusted = [...keys.logs, ...keys.witnesses]
  return { proven: [...proven.values(), ...lies].map((evidence) => verified(evidence, trusted)), heads, failures }
}

function verified(evidence: Evidence, trusted: readonly VerifierKey[]): ProvenEvidence {
  return { evidence, ...verifyEvidence(evidence, trusted) }
}

function noReport(): GossumError {
  return new HintedError(
    new GossumError('EVIDENCE_MALFORMED', 'this text contains no report of the go command'),
    'a report has "old database:" and "new database:" with a signed head below each, then "proof of misbehavior:"',
  )
}

function fromFile(bytes: Uint8Array, { logs }: TextKeys): FromText {
  const evidence = parseEvidence(bytes, MAX_PADDED_EVIDENCE_BYTES)
  try {
    switch (evidence.type) {
      case SPLIT_VIEW:
      case BAD_RECORD:
        return { proven: [verified(evidence, logs)], heads: [], failures: [] }
      case WITNESS_CONFLICT: {
        // The witness need not be known here: a node may count it, and the log is convicted all the same.
        const view = verified(splitViewOf(evidence), logs)
        const lie = verified(evidence, [view.key, parseVerifierKey(evidence.witness)])
        const heads = evidence.heads.map((head) => ({ key: view.key, note: parseNote(utf8(head)) }))
        return { proven: [view, lie], heads, failures: [] }
      }
    }
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    return { proven: [], heads: [], failures: [error] }
  }
}

function byReports(
  bytes: Uint8Array,
  logs: readonly VerifierKey[],
): { readonly evidence: SplitView[]; readonly heads: FoundHead[]; readonly failures: GossumError[] } {
  const found = { evidence: [] as SplitView[], heads: [] as FoundHead[], failures: [] as GossumError[] }
  const attempt = (act: () => void): void => {
    try {
      act()
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      found.failures.push(error)
    }
  }
  attempt(() => {
    for (const report of parseGoReports(bytes)) {
      attempt(() => found.evidence.push(evidenceOfReport(report, logs)))
      found.heads.push(...headsOfReport(report, logs))
    }
  })
  return found
}

function liesIn(view: SplitView, heads: readonly FoundHead[], { logs, witnesses }: TextKeys): Evidence[] {
  const key = logs.find(({ vkey }) => vkey === view.log)!
  const printed = heads.filter((head) => head.key.vkey === view.log).map(({ note }) => note)
  return witnessLies(view, key, printed, witnesses)
}
