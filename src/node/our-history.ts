/** Whether a head is of the history that this node proved, also where it never held a head of exactly that size. */
import { timed } from '../timed.js'
import type { Store } from '../store/store.js'
import { equalBytes, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import type { Tree } from '../tlog/merkle.js'
import { parseNote } from '../tlog/note.js'
import type { CosignedHeads } from '../witness/cosigned.js'
import type { Prefix } from '../witness/decide.js'

export interface HistoryParts {
  readonly store: Store
  readonly cosigned: CosignedHeads
  /** The root of the first records of a tree, from the log. Throws GossumError. */
  readonly prefix: (log: string, of: Tree, size: number, options: { signal: AbortSignal }) => Promise<Prefix>
}

/** Milliseconds that the log has to show it. */
const PATIENCE_MS = 5_000

/**
 * Asks what is kept, and then the log. False for a head beyond our own tree; throws when nobody could say. Takes a head
 * as a note.
 */
export function ourHistory({ store, cosigned, prefix }: HistoryParts): (log: string, head: string) => Promise<boolean> {
  return async (log, head) => {
    if (await cosigned.holds(log, head)) return true
    const { tree } = store.heads.get(log)
    const { size, root } = parseCheckpoint(parseNote(utf8(head)).text)
    if (tree === undefined || size === 0 || size > tree.size) return false
    if (size === tree.size) return equalBytes(root, tree.root)
    const ours = await timed(PATIENCE_MS, [], (signal) => prefix(log, tree, size, { signal }))
    return equalBytes(ours.root, root)
  }
}
