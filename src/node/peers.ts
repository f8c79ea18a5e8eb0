/** What a node tells its peers when they ask, what it does with what they bring, and whom it comes back to. */
import type { Alarm } from '../evidence/alarm.js'
import type { SyncHandlers } from '../gossip/answering.js'
import type { KnownPeer, PeerBook } from '../gossip/book.js'
import type { Store } from '../store/store.js'
import { utf8 } from '../tlog/bytes.js'
import { encodeCosigned } from '../witness/cosigned-head.js'
import type { CosignedHeads } from '../witness/cosigned.js'
import type { Witness } from '../witness/witness.js'
import type { RollbackGuard } from '../witness/rollback.js'

export interface PeerParts {
  /** Ids of the logs that are followed. */
  readonly logs: readonly string[]
  readonly store: Store
  readonly cosigned: CosignedHeads
  readonly witness: Witness
  readonly alarm: Alarm
  readonly guard: RollbackGuard
  /** The root of the first records of a tree, from the log. */
  readonly prefix: SyncHandlers['prefix']
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** The answers of a node to its peers. */
export function handlersFor({ logs, store, cosigned, witness, alarm, guard, prefix, now }: PeerParts): SyncHandlers {
  return {
    submit: (candidate) => witness.submit(candidate),
    submitEvidence: (log, bytes) => alarm.receive(log, bytes),
    heads: () => Promise.resolve(logs.flatMap((log) => cosigned.current(log) ?? []).map(encodeCosigned)),
    evidenceIds: () => Promise.resolve(alarm.ids()),
    evidence: async (id) => {
      const kept = await alarm.get(id)
      return kept && utf8(kept.text)
    },
    prefix,
    tile: (log, path) => store.tiles.of(log).get(path),
    signedBy: (witness) => cosigned.signers.signedBy(witness),
    signedHeads: async (notes, peer, chosen) => {
      for (const note of notes) await witness.submit({ source: 'sync', note, peer, receivedAt: now() })
      if (chosen) guard.answered(peer)
    },
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
