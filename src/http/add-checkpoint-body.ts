/**
 * The body of POST /add-checkpoint (c2sp.org/tlog-witness): a line `old SIZE`, up to 63 lines of proof, an empty line,
 * and the signed note. Pure; what it gives was read, and nothing of it is believed.
 */
import { GossumError } from '../errors.js'
import { fromBase64, fromUtf8 } from '../tlog/bytes.js'
import { HASH_SIZE, type Hash } from '../tlog/hash.js'
import type { PushedProof } from '../witness/decide.js'

/** Lines of proof: as many as the largest tree can need. */
const MAX_HASHES = 63
const NEWLINE = 0x0a

export interface PushedHead {
  readonly proof: PushedProof
  /** The first line of the note; undefined when it is no text. */
  readonly origin: string | undefined
  /** The bytes of the note, whatever they are. */
  readonly note: Uint8Array
}

/** Reads a body. Throws REQUEST_INVALID for a separator, an old size or a line of proof that cannot be read. */
export function parseAddCheckpoint(body: Uint8Array): PushedHead {
  // The first empty line: the note has one more, and its text may have others.
  const cut = body.findIndex((byte, i) => byte === NEWLINE && body[i + 1] === NEWLINE)
  if (cut === -1) throw new GossumError('REQUEST_INVALID', 'no empty line before the checkpoint')
  const [first, ...lines] = (fromUtf8(body.subarray(0, cut)) ?? '').split('\n')
  if (lines.length > MAX_HASHES) throw new GossumError('REQUEST_INVALID', `more than ${MAX_HASHES} lines of proof`)
  const note = body.subarray(cut + 2)
  const end = note.indexOf(NEWLINE)
  return {
    proof: { oldSize: parseOldSize(first!), hashes: lines.map(parseLine) },
    origin: fromUtf8(end === -1 ? note : note.subarray(0, end)),
    note,
  }
}

/** Infinity beyond 2^53 - 1: larger than any tree. */
function parseOldSize(line: string): number {
  const digits = /^old (0|[1-9][0-9]{0,18})$/.exec(line)?.[1]
  if (digits === undefined || BigInt(digits) >= 2n ** 63n) {
    throw new GossumError('REQUEST_INVALID', 'the first line is "old" and a size in decimal')
  }
  return Number.isSafeInteger(Number(digits)) ? Number(digits) : Infinity
}

function parseLine(line: string, i: number): Hash {
  const hash = fromBase64(line)
  if (hash?.length !== HASH_SIZE) throw new GossumError('REQUEST_INVALID', `line ${i + 1} of the proof is no hash`)
  return hash
}
