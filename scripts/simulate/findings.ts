/** What a node finds out about heads in evidence: like src/node/our-history.ts, with a log that answers immediately. */
import type { Findings } from '../../src/evidence/lies.js'
import { equalBytes, utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint, type Checkpoint } from '../../src/tlog/checkpoint.js'
import type { Tree } from '../../src/tlog/merkle.js'
import { parseNote } from '../../src/tlog/note.js'
import type { Prefix } from '../../src/witness/decide.js'
import type { Judge } from './judge.js'

export function findingsOf(
  node: Pick<Judge, 'held' | 'state'>,
  fromLog: (of: Tree, size: number) => Prefix | undefined,
): Findings {
  const relate = (one: Tree, other: Tree): boolean | undefined => {
    const [smaller, larger] = one.size <= other.size ? [one, other] : [other, one]
    if (smaller.size === larger.size) return equalBytes(smaller.root, larger.root)
    const prefix = fromLog(larger, smaller.size)
    return prefix && equalBytes(prefix.root, smaller.root)
  }
  return {
    isOurs: (_log, head) => {
      const { text } = parseNote(utf8(head))
      const tree = parseCheckpoint(text)
      if (node.held.at(tree.size)?.note.text === text) return Promise.resolve(true)
      return Promise.resolve(node.state.tree && relate(node.state.tree, tree))
    },
    areOneHistory: (_log, [one, other]) => Promise.resolve(relate(checkpointOf(one), checkpointOf(other)) === true),
  }
}

function checkpointOf(head: string): Checkpoint {
  return parseCheckpoint(parseNote(utf8(head)).text)
}
