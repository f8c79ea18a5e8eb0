/**
 * Proofs of go.sum lines that are checked without a network: `gossum/go-sum-proof/v1`, one JSON file with records, the
 * cosigned head that covers them, and one proof for all of them (tlog/multi-proof.ts).
 *
 * A file is not believed here: a reader verifies the head with keys and a policy of their own, and then calls
 * provenAnswers. Pure.
 */
import { GossumError } from '../errors.js'
import { parseRecord } from '../tlog/record.js'
import { equalBytes, fromUtf8, utf8 } from '../tlog/bytes.js'
import { formatHash, hashLeaf, parseHash, type Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { checkRecords } from '../tlog/multi-proof.js'
import type { RecordAnswer } from './gosum.js'

/** The largest proof file, in bytes: that of a go.sum of 3,500 lines has about 2 MB. */
export const MAX_GO_SUM_PROOF_BYTES = 64 * 1024 * 1024
export const GO_SUM_PROOF = 'gossum/go-sum-proof/v1'

export interface GoSumProof {
  /** The log's verifier key. It says whose head this is; that it is named here does not make it trusted. */
  readonly log: string
  /** The cosigned head, as a note. */
  readonly head: string
  /** Ordered by number. */
  readonly records: readonly { readonly id: number; readonly text: string }[]
  /** The hashes for checkRecords, in base64. */
  readonly proof: readonly string[]
}

/** Makes a proof file of records with their numbers, in any order. */
export function makeGoSumProof(
  log: string,
  head: Uint8Array,
  records: ReadonlyMap<number, Uint8Array>,
  proof: readonly Hash[],
): GoSumProof {
  const ordered = [...records].sort(([a], [b]) => a - b)
  return {
    log,
    head: fromUtf8(head)!,
    records: ordered.map(([id, record]) => ({ id, text: parseRecord(record) })),
    proof: proof.map(formatHash),
  }
}

/**
 * The canonical bytes of a proof file: JSON with these keys in this order, indented by one, and a final newline. Throws
 * PROOF_MALFORMED if it would be too large to be read.
 */
export function encodeGoSumProof({ log, head, records, proof }: GoSumProof): Uint8Array {
  const ordered = { type: GO_SUM_PROOF, log, head, records: records.map(({ id, text }) => ({ id, text })), proof }
  const bytes = utf8(`${JSON.stringify(ordered, undefined, 1)}\n`)
  if (bytes.length > MAX_GO_SUM_PROOF_BYTES) throw malformed(`${bytes.length} bytes`)
  return bytes
}

/** Parses a proof file. Throws PROOF_MALFORMED unless it is, byte for byte, what encodeGoSumProof writes. */
export function parseGoSumProof(bytes: Uint8Array): GoSumProof {
  if (bytes.length > MAX_GO_SUM_PROOF_BYTES) throw malformed(`${bytes.length} bytes`)
  let value: unknown
  try {
    value = JSON.parse(fromUtf8(bytes) ?? '')
  } catch {
    throw malformed('not JSON')
  }
  if (!isGoSumProof(value)) throw malformed(`not of the type ${GO_SUM_PROOF}, or wrong fields`)
  if (!equalBytes(encodeGoSumProof(value), bytes)) throw malformed('not in its canonical spelling')
  return value
}

/**
 * The records of the file by module version (`path@version`), each proven to be in the tree of the head, which the
 * caller has verified. Throws ProofError if the proof is invalid, RECORD_INVALID for something that is not a record.
 */
export function provenAnswers({ records, proof }: GoSumProof, head: Tree): Map<string, RecordAnswer> {
  const hashes = proof.map((text) => {
    const hash = parseHash(text)
    if (hash === undefined) throw malformed('a hash of the proof')
    return hash
  })
  const bytes = records.map(({ text }) => utf8(text))
  bytes.forEach(parseRecord)
  const leaves = records.map(({ id }, i) => ({ index: id, leafHash: hashLeaf(bytes[i]!) }))
  checkRecords(hashes, head.size, head.root, leaves)
  const answers = new Map<string, RecordAnswer & { readonly lines: string[] }>()
  for (const { id, text } of records) {
    for (const line of text.slice(0, -1).split('\n')) {
      const [path, version] = line.split(' ', 2)
      const key = `${path ?? ''}@${(version ?? '').replace(/\/go\.mod$/, '')}`
      const answer = answers.get(key) ?? { kind: 'record', id, lines: [] }
      answers.set(key, answer)
      // The first record of a module version is the one that counts.
      if (answer.id === id) answer.lines.push(line)
    }
  }
  return answers
}

function malformed(why: string): GossumError {
  return new GossumError('PROOF_MALFORMED', why)
}

function isGoSumProof(value: unknown): value is GoSumProof {
  if (typeof value !== 'object' || value === null) return false
  const { type, log, head, records, proof } = value as Record<string, unknown>
  return (
    type === GO_SUM_PROOF &&
    typeof log === 'string' &&
    typeof head === 'string' &&
    Array.isArray(records) &&
    records.every(isRecord) &&
    Array.isArray(proof) &&
    proof.every((hash) => typeof hash === 'string')
  )
}

function isRecord(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const { id, text } = value as Record<string, unknown>
  return Number.isSafeInteger(id) && typeof text === 'string'
}
