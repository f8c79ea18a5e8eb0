/** What a node answers its peers, what it does with what they bring, and which peers it returns to. */
import type { Alarm } from '../evidence/alarm.js'
import type { SyncHandlers } from '../gossip/sync/server/sync-server.js'
import type { KnownPeer, PeerStore } from '../gossip/membership/peer-store.js'
import { areTexts, isObject } from '../lib/is-object.js'
import type { Store } from '../store/store.js'
import { utf8 } from '../tlog/bytes.js'
import type { VerifierKey } from '../tlog/note.js'
import { encodeCosigned } from '../witness/cosigned-head.js'
import type { CosignedHeads } from '../witness/cosigned.js'
import type { Depositary } from '../witness/depositary.js'
import { hasPromised, type WitnessPromise } from '../witness/promise.js'
import type { Witness } from '../witness/witness.js'

export interface PeerParts {
  /** Ids of the followed logs. */
  readonly logs: readonly string[]
  /** The stores of what is kept and shown. */
  readonly kept: { readonly store: Store; readonly cosigned: CosignedHeads }
  readonly witness: Witness
  readonly alarm: Alarm
  /** What is kept for others. */
  readonly depositary: Depositary
  /** The keys of this node. */
  readonly own: readonly VerifierKey[]
  readonly onError: (error: unknown) => void
}

/** The barrier and the log clients, as far as peers use them. */
export interface PeerAnswers {
  /** The root of the first records of a tree, from the log. */
  readonly prefix: SyncHandlers['prefix']
  /** A chosen peer has reported everything that it holds of our keys. */
  readonly answered: SyncHandlers['answered']
  /** A chosen peer has reported the time of its clock. */
  readonly saidTime: NonNullable<SyncHandlers['saidTime']>
}

/** The handlers that answer a node's peers. */
export function handlersFor(
  { logs, kept, witness, alarm, depositary, own, onError }: PeerParts,
  { prefix, answered, saidTime }: PeerAnswers,
): SyncHandlers {
  const { store, cosigned } = kept
  const keys = new Map(own.map((key) => [key.vkey, key]))
  const isOurs = (promise: WitnessPromise): boolean => {
    const key = keys.get(promise.witness)
    return key !== undefined && hasPromised(key, promise)
  }
  const submit = async (note: Uint8Array, peer: string): Promise<void> => {
    await witness.submit({ source: 'sync', note, peer, receivedAt: Date.now() })
  }
  return {
    submit: (candidate) => witness.submit(candidate),
    submitEvidence: (log, bytes) => alarm.receive(log, bytes),
    heads: () => Promise.resolve(logs.flatMap((log) => cosigned.current(log) ?? []).map(encodeCosigned)),
    evidenceIds: () => Promise.resolve(alarm.ids()),
    evidence: async (id) => {
      const file = await alarm.get(id)
      return file && utf8(file.text)
    },
    prefix,
    tile: (log, path) => store.tiles.of(log).get(path),
    signedBy: (key, after) => depositary.page(key, after),
    keepPromise: async (promise, from) => {
      if (!keys.has(promise.witness)) return depositary.keepPromise(promise, from)
      // We remember our own promises; one that we do not know was made by another node with our key.
      if (isOurs(promise)) await witness.recall({ heads: [], promises: [promise] })
      return false
    },
    keepLine: async (note, peer) => {
      await depositary.keepLine(note, peer)
      await submit(note, peer)
    },
    told: async (peer, { heads, promises }) => {
      const ours = promises.filter(isOurs)
      await witness.recall({ heads, promises: ours })
      // They are judged in the background: a log that does not answer holds nothing up.
      for (const note of [...heads, ...ours.map(({ head }) => head)]) void submit(note, peer).catch(onError)
    },
    answered,
    saidTime,
  }
}

/** The peers to return to after a restart; unreadable entries are forgotten. */
export function peerStoreOf({ peers }: Store): PeerStore {
  return {
    load: async () => {
      try {
        const book = JSON.parse((await peers.get('book')) ?? '[]') as unknown
        return Array.isArray(book) ? book.filter(isKnownPeer) : []
      } catch {
        return []
      }
    },
    save: (known) => peers.put('book', JSON.stringify(known)),
  }
}

function isKnownPeer(value: unknown): value is KnownPeer {
  if (!isObject(value)) return false
  const { address, lastSeen, dialled = false, proven = false, via = '', metAt = '' } = value
  return areTexts(address, lastSeen, via, metAt) && typeof dialled === 'boolean' && typeof proven === 'boolean'
}
