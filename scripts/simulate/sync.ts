/**
 * The requests of sync that bring heads and evidence (src/gossip/sync/): both sides announce what they hold when they
 * connect, the dialler asks again three seconds later, and every node asks a random peer once a minute. Sizes are those
 * of the production messages.
 */
import {
  encodeAnswer,
  encodeRequest,
  type EvidenceName,
  type Hello,
  type SyncAnswer,
  type SyncRequest,
} from '../../src/gossip/sync/messages.js'
import type { Link } from './network.js'
import type { SimulatedNode } from './node.js'

/** Milliseconds, as in src/gossip/sync/sync.ts. */
const SETTLED_AFTER_MS = 3_000
export const ROUND_MS = 60_000

/** Addresses of other nodes in a hello. */
const ADDRESSES = Array.from(
  { length: 8 },
  () => '/ip4/203.0.113.200/tcp/4001/p2p/12D3KooWJ2wYk1Xx8xYh3n6Zr9q7d5m4s3t2u1v9w8x7y6z5a4b3',
)

/** Starts the sync rounds of a new connection. */
export function syncOnConnect(node: SimulatedNode, link: Link): void {
  askHello(node, link)
  if (link.isOutbound) node.world.time.after(SETTLED_AFTER_MS, () => askHello(node, link))
}

/** Asks what the other side holds; the request also tells it what we hold. */
export function askHello(node: SimulatedNode, link: Link): void {
  if (!link.isOpen) return
  const ours = helloOf(node)
  send(node, link, ours, (peer, back) => {
    send(peer, back, helloOf(peer), (asker, its) => asker.world.time.after(0, () => learn(asker, its, helloOf(peer))))
    learn(peer, back, ours)
  })
}

function helloOf({ judge, world }: SimulatedNode): Hello {
  const { current } = judge.held
  const { id: log } = world.log.identity
  return {
    type: 'hello',
    heads: current === undefined ? [] : [world.table.encoded(current)],
    evidence: judge.evidence().map((id): EvidenceName => ({ log, id })),
    counts: world.quorum.keys.map(({ vkey }) => vkey),
    peers: ADDRESSES,
    time: world.time.now(),
  }
}

function learn(node: SimulatedNode, link: Link, { heads, evidence }: Hello): void {
  const ours = new Set(node.judge.evidence())
  const missing = evidence.filter(({ id }) => !ours.has(id)).map(({ id }) => id)
  if (missing.length > 0)
    send(node, link, { type: 'evidence', ids: missing }, (peer, back) => {
      peer.world.time.awaits()
      void peer
        .filesOf(missing)
        .then((files) =>
          send(peer, back, { type: 'evidence', files }, (asker) => files.forEach((file) => asker.takeEvidence(file))),
        )
    })
  for (const note of heads) node.take('sync', note, link)
}

function send(
  { world }: SimulatedNode,
  link: Link,
  message: SyncRequest | SyncAnswer,
  call: (at: SimulatedNode, link: Link) => void,
): void {
  world.network.send(link, { purpose: 'sync', bytes: bytesOf(message), call })
}

/** Lengths of hellos, by their head and the amount of evidence they list: nearly all are equal. */
const helloBytes = new WeakMap<Uint8Array, Map<number, number>>()

function bytesOf(message: SyncRequest | SyncAnswer): number {
  if (message.type === 'evidence' && 'files' in message) return encodeAnswer(message).length
  const [head] = message.type === 'hello' ? message.heads : []
  if (message.type !== 'hello' || head === undefined) return encodeRequest(message as SyncRequest).length
  let known = helloBytes.get(head)
  if (known === undefined) helloBytes.set(head, (known = new Map<number, number>()))
  let bytes = known.get(message.evidence.length)
  if (bytes === undefined) known.set(message.evidence.length, (bytes = encodeRequest(message).length))
  return bytes
}
