/**
 * What the log's own proofs say about the heads in evidence: whether one belongs to our history, or two to one history.
 */
import { timed } from '../lib/timed.js'
import type { Findings } from '../evidence/lies.js'
import type { Store } from '../store/store.js'
import { equalBytes, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { EMPTY_ROOT } from '../tlog/hash.js'
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

/** Milliseconds that the log has to answer. */
const PATIENCE_MS = 5_000

/**
 * Checks what is kept, then asks the log. Undefined results mean that the log did not show a proof. Takes heads as
 * notes.
 */
export function ourHistory({ store, cosigned, prefix }: HistoryParts): Findings {
  /** Whether both belong to one history; undefined if the log does not show it. */
  const relate = async (log: string, one: Tree, other: Tree): Promise<boolean | undefined> => {
    const [smaller, larger] = one.size <= other.size ? [one, other] : [other, one]
    if (smaller.size === 0) return equalBytes(smaller.root, EMPTY_ROOT)
    if (smaller.size === larger.size) return equalBytes(smaller.root, larger.root)
    try {
      const { root } = await timed(PATIENCE_MS, [], (signal) => prefix(log, larger, smaller.size, { signal }))
      return equalBytes(root, smaller.root)
    } catch {
      // The log may refuse to show what convicts it.
      return undefined
    }
  }
  return {
    isOurs: async (log, head) => {
      if (await cosigned.holds(log, head)) return true
      const { tree } = store.heads.get(log)
      const other = treeOf(head)
      // The empty tree is the beginning of every history, and tells no lie from the truth.
      return tree === undefined || (tree.size === 0 && other.size > 0) ? undefined : relate(log, tree, other)
    },
    areOneHistory: async (log, [one, other]) => (await relate(log, treeOf(one), treeOf(other))) === true,
  }
}

function treeOf(head: string): Tree {
  const { size, root } = parseCheckpoint(parseNote(utf8(head)).text)
  return { size, root }
}
