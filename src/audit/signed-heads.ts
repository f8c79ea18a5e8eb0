/** Signed heads of one log, and whether two of them belong to one history. */
import { GossumError } from '../errors.js'
import { unlessRefused } from '../errors/attempt.js'
import { makeSplitView, type SplitView } from '../evidence/evidence.js'
import type { SumdbClient } from '../sumdb/client.js'
import type { WaitOptions } from '../sumdb/fetcher.js'
import { equalBytes } from '../tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint, SUMDB_ORIGIN, type Checkpoint } from '../tlog/checkpoint.js'
import { EMPTY_ROOT } from '../tlog/hash.js'
import { signedHeadsIn } from '../tlog/cut.js'
import { isCanonicalNote, parseNote, verifyNote, type Note, type VerifierKey } from '../tlog/note.js'

/** A head that the log signed. */
export interface SignedHead {
  readonly head: Checkpoint
  readonly note: Note
  /** Whether it is in the canonical form that witnesses cosign. */
  readonly isCanonical: boolean
}

/** What a comparison needs of a head. */
export type ComparableHead = Pick<SignedHead, 'head' | 'note'>

/** Parses a head as the go command does. Throws the codes of notes and checkpoints, including ORIGIN_MISMATCH. */
export function readSignedHead(bytes: Uint8Array, key: VerifierKey): SignedHead {
  const note = parseNote(bytes)
  verifyNote(note, key)
  const head = parseCheckpoint(note.text)
  if (head.origin !== SUMDB_ORIGIN) throw new GossumError('ORIGIN_MISMATCH', JSON.stringify(head.origin.slice(0, 100)))
  return { head, note, isCanonical: isCanonicalNote(bytes, note) && formatCheckpoint(head) === note.text }
}

/**
 * The heads that the log signed, of possible sizes, in an answer that is refused as a whole: a flaw around a head is no
 * reason not to compare it.
 */
export function headsIn(bytes: Uint8Array, key: VerifierKey): SignedHead[] {
  return signedHeadsIn(bytes, key, SUMDB_ORIGIN).flatMap((note) => {
    const head = unlessRefused(() => parseCheckpoint(note.text))
    return head === undefined ? [] : { head, note, isCanonical: false }
  })
}

/**
 * Evidence if the two heads belong to two histories, undefined if they belong to one. This is decided by the tiles of
 * the larger one, from the first client that can provide them. If none can, throws the error of the first.
 */
export async function compareHeads(
  key: VerifierKey,
  pair: readonly [ComparableHead, ComparableHead],
  clients: readonly SumdbClient[],
  options: WaitOptions,
): Promise<SplitView | undefined> {
  const [smaller, larger] = pair[0].head.size <= pair[1].head.size ? pair : [pair[1], pair[0]]
  const notes = [smaller.note, larger.note] as const
  if (smaller.head.size === 0 || smaller.head.size === larger.head.size) {
    const expected = smaller.head.size === 0 ? EMPTY_ROOT : larger.head.root
    return equalBytes(smaller.head.root, expected) ? undefined : makeSplitView(key, notes)
  }
  let first: unknown
  for (const client of clients) {
    try {
      const prefix = await client.prefix(larger.head, smaller.head.size, options)
      return equalBytes(prefix.root, smaller.head.root) ? undefined : makeSplitView(key, notes, prefix)
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      first ??= error
    }
  }
  throw first
}
