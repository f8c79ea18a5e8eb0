/**
 * The body of POST /add-checkpoint (c2sp.org/tlog-witness): a line `old SIZE`, up to 63 lines of proof, an empty line,
 * and the signed note. Pure; the result is parsed, but nothing in it is verified.
 */
import { GossumError } from '../../errors.js'
import { fromBase64, fromUtf8 } from '../../tlog/bytes.js'
import { HASH_SIZE, type Hash } from '../../tlog/hash.js'
import type { PushedProof } from '../../witness/decide.js'

/** The largest body, in bytes: lines of other witnesses with post-quantum keys take 3.3 kB each. */
export const MAX_BODY_BYTES = 128 * 1024
/** The most lines of proof: as many as the largest tree can need. */
const MAX_HASHES = 63
const NEWLINE = 0x0a

/** The note in a body. */
export interface PushedNote {
  /** The first line of the note; undefined if it is not text. */
  readonly origin: string | undefined
  /** The bytes of the note, valid or not. */
  readonly note: Uint8Array
}

export interface PushedHead extends PushedNote {
  readonly proof: PushedProof
}

/** Parses a body. Throws REQUEST_INVALID for an unreadable separator, old size or line of proof. */
export function parseAddCheckpoint(body: Uint8Array): PushedHead {
  const { lines, ...pushed } = splitBody(body)
  const [first, ...proof] = lines
  return { ...pushed, proof: { oldSize: parseOldSize(first!), hashes: parseProof(proof) } }
}

/**
 * The lines before the first empty one, of which there is at least one, and the note after it. Throws REQUEST_INVALID.
 */
export function splitBody(body: Uint8Array): PushedNote & { readonly lines: readonly string[] } {
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: old size line, proof lines, empty line, checkpoint.
  // Only the first empty line separates: the note has another one, and its text may have more.
  let cut = body.indexOf(NEWLINE)
  while (cut !== -1 && body[cut + 1] !== NEWLINE) cut = body.indexOf(NEWLINE, cut + 1)
  if (cut === -1) throw new GossumError('REQUEST_INVALID', 'no empty line before the checkpoint')
  const note = body.subarray(cut + 2)
  const end = note.indexOf(NEWLINE)
  return {
    lines: (fromUtf8(body.subarray(0, cut)) ?? '').split('\n'),
    origin: fromUtf8(end === -1 ? note : note.subarray(0, end)),
    note,
  }
}

/** Infinity beyond 2^53 - 1: larger than any tree. */
function parseOldSize(line: string): number {
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: `old`, a space, the size in decimal without leading zeroes.
  const digits = /^old (0|[1-9][0-9]{0,18})$/.exec(line)?.[1]
  const size = Number(digits)
  if (Number.isSafeInteger(size)) return size
  if (digits === undefined || BigInt(digits) >= 2n ** 63n) {
    throw new GossumError('REQUEST_INVALID', 'the first line is "old" and a size in decimal')
  }
  return Infinity
}

/** The hashes of a proof, one per line. Throws REQUEST_INVALID. */
export function parseProof(lines: readonly string[]): Hash[] {
  // SPEC: c2sp.org/tlog-witness, add-checkpoint: the client must not send more than 63 consistency proof lines.
  if (lines.length > MAX_HASHES) throw new GossumError('REQUEST_INVALID', `more than ${MAX_HASHES} lines of proof`)
  return lines.map((line, i) => parseHashLine(line, `line ${i + 1} of the proof`))
}

/** The hash on a line; `what` names it in errors. Throws REQUEST_INVALID. */
export function parseHashLine(line: string, what: string): Hash {
  const hash = fromBase64(line)
  if (hash?.length !== HASH_SIZE) throw new GossumError('REQUEST_INVALID', `${what} is not a hash`)
  return hash
}
