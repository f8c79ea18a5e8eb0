/**
 * The verdict on a file: a head, evidence or a proof, judged only by the keys that the caller trusts, never by what the
 * file says about itself. Pure.
 *
 * Stricter than a node: a valid file has the one canonical form, and every line by a known key verifies. So a changed
 * byte is always refused, unless it is in a line by a key that is not known here.
 */
import { GossumError, type ErrorCode } from '../../errors.js'
import { attempt } from '../../errors/attempt.js'
import { MAX_PADDED_EVIDENCE_BYTES, parseEvidence, recordsTold, verifyEvidence } from '../../evidence/evidence.js'
import { fromUtf8, readUint64, utf8 } from '../../tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, type Checkpoint } from '../../tlog/checkpoint.js'
import { COSIGNATURE_SIZE, ML_DSA_COSIGNATURE_SIZE, verifyCosignature } from '../../tlog/cosignature.js'
import { formatHash, hashLeaf } from '../../tlog/hash.js'
import { checkRecord } from '../../tlog/merkle.js'
import { isBy, isCanonicalNote, parseNote, type Note, type Signature, type VerifierKey } from '../../tlog/note.js'
import { quorumSatisfied, type Policy } from '../../tlog/policy.js'
import { parseProofFile } from '../../tlog/proof-file.js'

export interface TrustedKeys {
  /** Keys of logs. */
  readonly logs: readonly VerifierKey[]
  /** Whose cosignatures count; without it none does, and none is needed. */
  readonly policy?: Policy
  /**
   * Cosignatures before this time, in milliseconds since 1970, do not count: an attacker can serve old heads and hold
   * new ones back.
   */
  readonly notBefore?: number
}

export interface CosignatureVerdict {
  /** Key name, according to the line. */
  readonly name: string
  /** ISO 8601, according to the line; null if the line has no time. */
  readonly time: string | null
  /** Whether a witness of the policy made it. */
  readonly verified: boolean
}

export interface FileVerdict {
  readonly kind: 'head' | 'evidence' | 'proof'
  readonly verdict: 'valid' | 'invalid'
  /** Why it is invalid. */
  readonly reason?: string
  readonly code?: ErrorCode
  /** Verifier key of the log; this and the following fields are null unless the log's signature verified. */
  readonly log: string | null
  readonly origin: string | null
  readonly size: number | null
  readonly root: string | null
  readonly cosignatures: readonly CosignatureVerdict[]
  /** For evidence. */
  readonly id?: string
  readonly type?: string
  readonly sizes?: readonly [number, number]
  /** For evidence that convicts a witness: its verifier key. */
  readonly witness?: string
  /** For a bad record: the module version, and the numbers of the two records. */
  readonly module?: string
  readonly records?: readonly [number, number]
  /** For a proof: the number of the record. */
  readonly index?: number
}

/** What is known of a file so far. */
type Findings = { -readonly [Field in keyof FileVerdict]: FileVerdict[Field] }

const PROOF_HEADER = 'c2sp.org/tlog-proof@v1\n'

/** Judges the bytes of a file. `record` is the subject of a proof whose file does not contain it. */
export function judge(bytes: Uint8Array, trust: TrustedKeys, record?: Uint8Array): FileVerdict {
  const kind = kindOf(bytes)
  const found: Findings = { kind, verdict: 'valid', log: null, origin: null, size: null, root: null, cosignatures: [] }
  try {
    if (kind === 'evidence') judgeEvidence(bytes, trust, found)
    else if (kind === 'proof') judgeProof(bytes, trust, record, found)
    else judgeHead(bytes, trust, found)
    return found
  } catch (error) {
    if (!(error instanceof GossumError)) throw error
    const reason = error.code === 'LOG_UNKNOWN' ? `signed by none of the trusted logs: ${error.detail}` : error.message
    return { ...found, verdict: 'invalid', reason, code: error.code }
  }
}

/**
 * The head in these bytes and its cosignatures, judged as judge() does. Throws what makes it invalid: the codes of
 * notes and checkpoints, LOG_UNKNOWN, NOT_CANONICAL, POLICY_UNSATISFIED.
 */
export function requireHead(
  bytes: Uint8Array,
  trust: TrustedKeys,
): { head: Checkpoint; cosignatures: readonly CosignatureVerdict[] } {
  const found: Findings = {
    kind: 'head',
    verdict: 'valid',
    log: null,
    origin: null,
    size: null,
    root: null,
    cosignatures: [],
  }
  return { head: judgeHead(bytes, trust, found), cosignatures: found.cosignatures }
}

function kindOf(bytes: Uint8Array): FileVerdict['kind'] {
  const start = fromUtf8(bytes.subarray(0, PROOF_HEADER.length)) ?? ''
  if (start.trimStart().startsWith('{')) return 'evidence'
  return start === PROOF_HEADER ? 'proof' : 'head'
}

function judgeEvidence(bytes: Uint8Array, trust: TrustedKeys, found: Findings): void {
  const evidence = parseEvidence(bytes, MAX_PADDED_EVIDENCE_BYTES)
  const conviction = verifyEvidence(evidence, [...trust.logs, ...witnessesOf(trust)])
  const { id, type, origin, sizes, key, witness } = conviction
  const more = { ...(witness && { witness: witness.vkey }), ...recordsTold(conviction) }
  Object.assign(found, { id, type, origin, sizes, log: key.vkey, ...more } satisfies Partial<FileVerdict>)
}

function judgeProof(bytes: Uint8Array, trust: TrustedKeys, given: Uint8Array | undefined, found: Findings): void {
  const { index, proof, extra, note } = parseProofFile(bytes)
  const { size, root } = judgeHead(note, trust, found)
  found.index = index
  const record = given ?? extra
  if (record === undefined) throw new GossumError('RECORD_MISSING', 'name it with --record FILE')
  checkRecord(proof, size, root, index, hashLeaf(record))
}

function judgeHead(bytes: Uint8Array, trust: TrustedKeys, found: Findings): Checkpoint {
  const note = parseNote(bytes)
  const key = requireLog(note, trust.logs)
  found.log = key.vkey
  const head = parseCheckpoint(note.text)
  Object.assign(found, {
    origin: head.origin,
    size: head.size,
    root: formatHash(head.root),
  } satisfies Partial<FileVerdict>)

  const others = note.signatures.filter((line) => !trust.logs.some((log) => isBy(line, log)))
  const witnesses = witnessesOf(trust)
  const signedBy = new Set<string>()
  let old = 0
  let refused: GossumError | undefined
  found.cosignatures = others.map((line) => {
    const witness = witnesses.find((candidate) => isBy(line, candidate))
    const error = witness && refusalOf(note, line, witness)
    refused ??= error
    const verified = witness !== undefined && error === undefined
    const time = timeOf(line)
    const isOld = trust.notBefore !== undefined && Date.parse(time ?? '') < trust.notBefore
    if (verified && isOld) old++
    if (verified && !isOld) signedBy.add(witness.vkey)
    return { name: line.name, time, verified }
  })
  if (refused !== undefined) throw refused

  // Lines after the third are the log's own affair: its signature covers them.
  if (!isCanonicalNote(bytes, note) || !note.text.startsWith(formatCheckpoint(head))) {
    throw new GossumError('NOT_CANONICAL', 'the signature is valid, but the form is not canonical')
  }
  if (trust.policy !== undefined && !quorumSatisfied(trust.policy, signedBy)) {
    const before = old === 0 ? '' : `, and ${old} before ${new Date(trust.notBefore!).toISOString()}`
    throw new GossumError('POLICY_UNSATISFIED', `${signedBy.size} of its witnesses cosigned this head${before}`)
  }
  return head
}

/** The keys of the policy's witnesses that can be verified. */
function witnessesOf({ policy }: TrustedKeys): VerifierKey[] {
  return (policy?.witnesses ?? []).flatMap((witness) => witness.key ?? [])
}

/** The trusted key that signed the note. Throws LOG_UNKNOWN, or SIGNATURE_INVALID when any line by such a key is bad. */
function requireLog(note: Note, logs: readonly VerifierKey[]): VerifierKey {
  let signer: VerifierKey | undefined
  for (const line of note.signatures) {
    const key = logs.find((log) => isBy(line, log))
    if (key === undefined) continue
    if (!key.verify(utf8(note.text), line.bytes)) {
      throw new GossumError('SIGNATURE_INVALID', `${key.name}+${key.keyId}`)
    }
    signer ??= key
  }
  if (signer !== undefined) return signer
  const names = note.signatures.slice(0, 3).map(({ name, keyId }) => `${name}+${keyId}`)
  throw new GossumError('LOG_UNKNOWN', names.join(', '))
}

function refusalOf(note: Note, line: Signature, witness: VerifierKey): GossumError | undefined {
  const result = attempt(() => verifyCosignature(note.text, line, witness))
  return result instanceof GossumError ? result : undefined
}

const COSIGNATURE_SIZES = [COSIGNATURE_SIZE, ML_DSA_COSIGNATURE_SIZE]

/** The time in a cosignature line, unverified: null if there is none, or none that a date can represent. */
function timeOf({ bytes }: Signature): string | null {
  const seconds = COSIGNATURE_SIZES.includes(bytes.length) ? readUint64(bytes, 0) : undefined
  const date = new Date((seconds ?? NaN) * 1000)
  return Number.isNaN(date.getTime()) ? null : date.toISOString()
}
