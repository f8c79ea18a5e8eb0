/** What a node tells its peers when they ask, what it does with what they bring, and whom it comes back to. */
import type { Alarm } from '../evidence/alarm.js'
import type { SyncHandlers } from '../gossip/answering.js'
import type { KnownPeer, PeerBook } from '../gossip/book.js'
import { readHead } from '../gossip/pages.js'
import type { Store } from '../store/store.js'
import { utf8 } from '../tlog/bytes.js'
import { encodeCosigned } from '../witness/cosigned-head.js'
import type { CosignedHeads } from '../witness/cosigned.js'
import type { Pipeline } from '../witness/pipeline.js'
import type { RollbackGuard } from '../witness/rollback.js'

export interface PeerParts {
  /** Ids of the logs that are followed. */
  readonly logs: readonly string[]
  readonly store: Store
  readonly cosigned: CosignedHeads
  readonly pipeline: Pipeline
  readonly alarm: Alarm
  readonly guard: RollbackGuard
  /** The root of the first records of a tree, from the log. */
  readonly prefix: SyncHandlers['prefix']
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The answers of a node to its peers. */
export function handlersFor({ logs, store, cosigned, pipeline, alarm, guard, prefix, now }: PeerParts): SyncHandlers {
  return {
    submit: (candidate) => pipeline.submit(candidate),
    submitEvidence: (log, bytes) => alarm.receive(log, bytes),
    heads: () => Promise.resolve(logs.flatMap((log) => cosigned.current(log) ?? []).map(encodeCosigned)),
    evidenceIds: async () => (await store.evidence.list()).map(({ log, id }) => ({ log, id })),
    evidence: async (id) => {
      const kept = await store.evidence.get(id)
      return kept && utf8(kept.text)
    },
    prefix,
    tile: (log, path) => store.tiles.of(log).get(path),
    signedBy: async (witness, after = '') => {
      const heads = await cosigned.signers.signedBy(witness)
      return { heads: heads.filter((head) => (readHead(head)?.log ?? '') > after), promises: [] }
    },
    keepPromise: () => Promise.resolve(false),
    keepLine: async (note, peer) => {
      await pipeline.submit({ door: 'sync', note, peer, receivedAt: now() })
    },
    told: async (peer, { heads }) => {
      for (const note of heads) await pipeline.submit({ door: 'sync', note, peer, receivedAt: now() })
    },
    answered: (peer) => guard.answered(peer, true),
  }
}

/** The peers to come back to after a restart; what cannot be read any more is forgotten. */
export function peerBook({ peers }: Store): PeerBook {
  return {
    load: async () => {
      try {
        return JSON.parse((await peers.get('book')) ?? '[]') as KnownPeer[]
      } catch {
        return []
      }
    },
    save: (known) => peers.put('book', JSON.stringify(known)),
  }
}
