/**
 * Checkpoints, the text that a log signs (c2sp.org/tlog-checkpoint): origin, size in decimal and root in base64, one
 * per line, then optional extension lines. A checkpoint with the log's signature is a head.
 *
 * Pure.
 */
import { GossumError } from '../errors.js'
import { fromBase64, toHex, utf8 } from './bytes.js'
import { formatHash, HASH_SIZE, sha256 } from './hash.js'
import type { Tree } from './merkle.js'

/** The origin line of every Go checksum database, whatever its key. */
export const SUMDB_ORIGIN = 'go.sum database tree'

/** What a log signs: its own name, and a tree. */
export interface Checkpoint extends Tree {
  readonly origin: string
}

/** The longest text from which the go command reads a tree, in bytes. */
const MAX_TEXT_BYTES = 1_000_000

/**
 * Reads a checkpoint like the go command: the first three lines, ignoring any others, with lenient base64 for the root.
 * The go command does not read texts above MAX_TEXT_BYTES. Throws CHECKPOINT_MALFORMED, or SIZE_IMPOSSIBLE for a size
 * that Go accepts (below 2^63) and no tree has (beyond 2^53 - 1).
 */
export function parseCheckpoint(text: string): Checkpoint {
  if (text.length > MAX_TEXT_BYTES || (text.length > MAX_TEXT_BYTES / 3 && utf8(text).length > MAX_TEXT_BYTES))
    throw new GossumError('CHECKPOINT_MALFORMED', `a text of more than ${MAX_TEXT_BYTES} bytes`)
  const lines = text.split('\n', 4)
  if (lines.length < 4) throw new GossumError('CHECKPOINT_MALFORMED', 'fewer than three lines')
  const [origin, sizeLine, rootLine] = lines as [string, string, string, string]
  // SPEC: c2sp.org/tlog-checkpoint, Note text: the origin must not be empty.
  if (origin === '') throw new GossumError('CHECKPOINT_MALFORMED', 'empty origin')
  // SPEC: c2sp.org/tlog-checkpoint, Note text: the size is ASCII decimal without leading zeroes.
  const size = /^(0|[1-9][0-9]{0,18})$/.test(sizeLine) ? Number(sizeLine) : NaN
  if (Number.isNaN(size) || (!Number.isSafeInteger(size) && BigInt(sizeLine) >= 2n ** 63n)) {
    throw new GossumError('CHECKPOINT_MALFORMED', `size ${JSON.stringify(sizeLine.slice(0, 40))}`)
  }
  // SPEC: c2sp.org/tlog-checkpoint, Note text: the third line is the RFC 6962 root hash in base64.
  const root = fromBase64(rootLine)
  if (root?.length !== HASH_SIZE) throw new GossumError('CHECKPOINT_MALFORMED', 'the root is not base64 of 32 bytes')
  if (!Number.isSafeInteger(size)) throw new GossumError('SIZE_IMPOSSIBLE', sizeLine)
  return { origin, size, root }
}

/** Writes a checkpoint: three lines, the only form that a witness signs. */
export function formatCheckpoint(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${formatHash(checkpoint.root)}\n`
}

/**
 * The id of a log: SHA-256 of key name, line feed and origin, as 64 lower-case hex digits. The origin alone would not
 * do, since every Go checksum database has the same.
 */
export function logId(keyName: string, origin: string): string {
  return toHex(sha256(utf8(`${keyName}\n${origin}`)))
}
