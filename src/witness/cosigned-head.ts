/** A proven head with the cosignatures that are known of it, as it is held, shown and sent. Pure. */
import { parseCheckpoint } from '../tlog/checkpoint.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { Tree } from '../tlog/merkle.js'
import { formatNote, type Note, type Signature } from '../tlog/note.js'

/** A head that we proved, with the log's signature line first. */
export interface ProvenHead extends Tree {
  readonly note: Note
}

/** A head with the log's line and the newest verified cosignature of each key (by vkey), in the order of the lines. */
export interface CosignedHead extends ProvenHead {
  readonly cosignatures: ReadonlyMap<string, Cosignature>
}

/**
 * Makes the head of a checkpoint's text, the log's line and these cosignatures, in their order; `tree` is what the text
 * says.
 */
export function cosignedHead(
  text: string,
  logLine: Signature,
  cosignatures: ReadonlyMap<string, Cosignature>,
  { size, root }: Tree = parseCheckpoint(text),
): CosignedHead {
  const lines = [...cosignatures.values()].map(({ signature }) => signature)
  return { size, root, note: { text, signatures: [logLine, ...lines] }, cosignatures }
}

/** The head as a note: the log's line first, then the cosignatures, those that may count first. */
export function encodeCosigned(head: CosignedHead): Uint8Array {
  return formatNote(head.note)
}
