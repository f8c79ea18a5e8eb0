/** Restarts a node when its shared database has been replaced by another one (docs/two-machines.md). */
import { setTimeout as delay } from 'node:timers/promises'
import { errorCode } from '../errors.js'
import type { GossumNode } from '../node/node.js'

/** Milliseconds between two attempts. */
const AGAIN_MS = 1_000

/** Resolves when the process is told to stop. `onNode` receives each node after the first. */
export async function keepAnew(
  first: GossumNode,
  make: () => Promise<GossumNode>,
  told: Promise<void>,
  onNode: (node: GossumNode) => void,
): Promise<void> {
  const isTold = told.then(() => true)
  for (let node = first; ;) {
    if (await Promise.race([isTold, node.moved.then(() => false)])) return
    await node.stop()
    const next = await patiently(make, isTold)
    if (next === undefined) return
    node = next
    onNode(node)
  }
}

/** A new node, as soon as its database can be reached; undefined when the process is told to stop first. */
async function patiently(make: () => Promise<GossumNode>, isTold: Promise<boolean>): Promise<GossumNode | undefined> {
  for (;;) {
    try {
      return await make()
    } catch (error) {
      if (errorCode(error) !== 'STATE_UNREACHABLE') throw error
      if ((await Promise.race([isTold, delay(AGAIN_MS)])) === true) return undefined
    }
  }
}
