/** Submits heads to a running node, from any source. */
import { toHex } from '../../src/tlog/bytes.js'
import type { PushedProof } from '../../src/witness/decide.js'
import type { Candidate } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import type { Brought } from './acts.js'
import type { Peer } from './depositary.js'
import type { Life } from './life.js'
import { headOf, HISTORY_COUNT, historyWith, LARGEST, LOG, proofIn, type ShownHead } from './log.js'

/** Submits a head, and returns its outcome. `lines` are heads with a line of the witness, by text. */
export async function bring(
  life: Life,
  brought: Brought,
  peers: readonly Peer[],
  lines: ReadonlyMap<string, Uint8Array>,
): Promise<{ head: ShownHead; outcome: Outcome }> {
  const { source, spelling } = brought
  const { tree } = life.store.heads.get(LOG)
  const own = tree && { size: tree.size, root: toHex(tree.root) }
  const history = brought.history < HISTORY_COUNT ? brought.history : ((own && historyWith(own)) ?? 0)
  const size = Math.min(LARGEST, brought.isNext ? (own?.size ?? 0) + brought.size : brought.size)
  const head = headOf(history, size, spelling)
  const note = (brought.withOwn && lines.get(head.text)) || head.note
  const peer = source === 'gossip' || source === 'sync' ? peers[brought.peer % peers.length]?.id : undefined
  const proof = source === 'push' ? proofOf(brought, history, own?.size ?? 0, size) : undefined
  const outcome = await submit(life, { source, note, ...(peer && { peer }), ...(proof && { proof }) })
  return { head, outcome }
}

export function submit(life: Life, head: Pick<Candidate, 'source' | 'note' | 'peer' | 'proof'>): Promise<Outcome> {
  return life.witness.submit({ ...head, log: LOG, receivedAt: Date.now() })
}

function proofOf({ oldSize, proof }: Brought, history: number, own: number, size: number): PushedProof {
  const from = oldSize === 'right' ? own : own + 1
  const hashes = proof === 'none' ? [] : proofIn(history, from, size)
  return { oldSize: from, hashes: proof === 'wrong' ? [...hashes].reverse() : hashes }
}
