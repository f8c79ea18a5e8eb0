/**
 * Proof files (c2sp.org/tlog-proof, suffix .tlog-proof): the proof that a record is in a log, as one text that can be
 * checked offline.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>           optional
 *     index <n>
 *     <base64 hash>            the inclusion proof, the hash next to the leaf first
 *     ...
 *                              an empty line
 *     <the note of a head>
 *
 * This file handles only the syntax. To check a proof, parse the note, verify it and its cosignatures, and call
 * checkRecord with the leaf hash of the record.
 *
 * Pure.
 */
import { GossumError, ProofError } from '../errors.js'
import { concatBytes, fromBase64, fromUtf8, toBase64, utf8 } from './bytes.js'
import { formatHash, parseHash, type Hash } from './hash.js'
import { MAX_NOTE_BYTES } from './note.js'

const HEADER = 'c2sp.org/tlog-proof@v1'
/** The largest proof file that is read, in bytes: a note, a proof and 180 kB of extra data. */
export const MAX_PROOF_FILE_BYTES = 256 * 1024
/** The most hashes in an inclusion proof: one per level, for trees of up to 2^53 - 1 records. */
const MAX_HASHES = 53

export interface ProofFile {
  /** The number of the record, from 0; a safe integer. */
  readonly index: number
  /** The inclusion proof, at most 53 hashes, the one next to the leaf first. */
  readonly proof: readonly Hash[]
  /** Data for the application; not signed. */
  readonly extra?: Uint8Array
  /** The note as it is in the file, at most 64 KiB; neither parsed nor verified. */
  readonly note: Uint8Array
}

/**
 * Reads a proof file. Throws PROOF_MALFORMED, or ProofError (PROOF_TOO_LARGE) for an index beyond 2^53 - 1;
 * verifies nothing.
 */
export function parseProofFile(bytes: Uint8Array): ProofFile {
  if (bytes.length > MAX_PROOF_FILE_BYTES) throw malformed(`${bytes.length} bytes`)
  const cut = emptyLine(bytes)
  const note = bytes.slice(cut + 2)
  if (note.length === 0 || note.length > MAX_NOTE_BYTES) throw malformed(`a note of ${note.length} bytes`)
  const lines = fromUtf8(bytes.subarray(0, cut))?.split('\n') ?? []
  if (lines.shift() !== HEADER) throw malformed(`the first line is not ${HEADER}`)
  const extra = lines[0]?.startsWith('extra ') === true ? parseExtra(lines.shift()!.slice('extra '.length)) : undefined
  const index = parseIndex(lines.shift())
  if (lines.length > MAX_HASHES) throw malformed(`${lines.length} hashes`)
  const proof = lines.map((line, i) => {
    const hash = parseHash(line)
    if (hash === undefined) throw malformed(`hash ${i + 1} of the proof`)
    return hash
  })
  return { index, proof, ...(extra === undefined ? {} : { extra }), note }
}

/** Writes a proof file that parseProofFile reads. */
export function formatProofFile({ index, proof, extra, note }: ProofFile): Uint8Array {
  const extraLine = extra === undefined ? '' : `extra ${toBase64(extra)}\n`
  const hashes = proof.map((hash) => `${formatHash(hash)}\n`).join('')
  return concatBytes(utf8(`${HEADER}\n${extraLine}index ${index}\n${hashes}\n`), note)
}

function malformed(detail: string): GossumError {
  return new GossumError('PROOF_MALFORMED', detail)
}

/** The offset of the newline pair of the first empty line; the note after it contains empty lines of its own. */
function emptyLine(bytes: Uint8Array): number {
  for (let i = bytes.indexOf(0x0a); i !== -1; i = bytes.indexOf(0x0a, i + 1)) if (bytes[i + 1] === 0x0a) return i
  throw malformed('no empty line')
}

function parseExtra(base64: string): Uint8Array {
  const extra = fromBase64(base64)
  if (extra === undefined || toBase64(extra) !== base64) throw malformed('the extra line')
  return extra
}

function parseIndex(line: string | undefined): number {
  const digits = /^index (0|[1-9][0-9]{0,18})$/.exec(line ?? '')?.[1]
  if (digits === undefined) throw malformed('the index line')
  const index = Number(digits)
  if (!Number.isSafeInteger(index)) throw new ProofError('PROOF_TOO_LARGE', `index ${digits}`)
  return index
}
