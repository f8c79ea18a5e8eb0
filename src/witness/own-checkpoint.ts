/** What this witness says that it signed of a log: the line of the log, and its own. */
import { formatNote, type VerifierKey } from '../tlog/note.js'
import { encodeCosigned } from './cosigned-head.js'
import type { CosignedHeads } from './cosigned.js'

/** The newest head of a log that carries a line of the first of these keys, with their lines alone; undefined without one. */
export async function ownCheckpoint(
  cosigned: CosignedHeads,
  log: string,
  keys: readonly [VerifierKey, ...VerifierKey[]],
): Promise<Uint8Array | undefined> {
  const current = cosigned.current(log)
  if (current === undefined || !current.cosignatures.has(keys[0].vkey)) {
    const largest = await cosigned.signers.largestBy(log, keys[0].vkey)
    return largest && encodeCosigned(largest)
  }
  const own = keys.flatMap((key) => current.cosignatures.get(key.vkey)?.signature ?? [])
  return formatNote({ ...current.note, signatures: [current.note.signatures[0]!, ...own] })
}
