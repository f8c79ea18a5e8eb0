/** The newest head of a log that this witness has signed, with the log's line and its own. */
import { formatNote, type VerifierKey } from '../tlog/note.js'
import { encodeCosigned } from './cosigned-head.js'
import type { CosignedHeads } from './cosigned.js'

/**
 * The newest head of a log that carries a line of the first of these keys, with only their lines; undefined if there is
 * none.
 */
export async function ownCheckpoint(
  cosigned: CosignedHeads,
  log: string,
  keys: readonly VerifierKey[],
): Promise<Uint8Array | undefined> {
  const current = cosigned.current(log)
  const [first] = keys
  if (first === undefined) return undefined
  if (current === undefined || !current.cosignatures.has(first.vkey)) {
    const largest = await cosigned.signers.largestBy(log, first.vkey)
    return largest && encodeCosigned(largest)
  }
  const own = keys.flatMap((key) => current.cosignatures.get(key.vkey)?.signature ?? [])
  return formatNote({ ...current.note, signatures: [current.note.signatures[0]!, ...own] })
}
