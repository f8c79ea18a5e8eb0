/** The mesh of a node: its identity there, what it tells peers, and what it does with what they send. */
import { join } from 'node:path'
import type { Alarm } from '../evidence/alarm.js'
import type { Mesh } from '../gossip/mesh.js'
import type { Identity } from '../gossip/sync/identity.js'
import { Depositary } from '../witness/depositary.js'
import type { Witness } from '../witness/witness.js'
import type { Config } from '../config/config.js'
import type { MeshInterests } from '../gossip/mesh.js'
import type { SyncHandlers } from '../gossip/sync/server/sync-server.js'
import type { Keyring } from '../keys/keyring.js'
import type { Gate } from '../lib/gate.js'
import type { Signer } from '../tlog/note.js'
import type { Frame } from './frame.js'
import type { NodeBarrier } from './barrier.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { LogClients } from './clients.js'
import { isTwin } from './sharing.js'
import { handlersFor, peerStoreOf } from './peers.js'

export interface MeshingParts {
  readonly clients: LogClients
  readonly barrier: NodeBarrier
  readonly alarm: Alarm
  readonly witness: Witness
}

/** What a generation of parts supplies to the mesh. */
export interface MeshSide {
  readonly interests: MeshInterests
  readonly handlers: SyncHandlers
}

export function meshSideOf(
  { config, followed, keyring, store, news, mesh }: NodeBase,
  { cosigned, quorum, counts, relayed }: KnownHeads,
  { clients, barrier, alarm, witness }: MeshingParts,
): MeshSide {
  const logs = followed.map(({ id }) => id)
  const depositary = new Depositary({
    shelf: store.deposits,
    signers: cosigned.signers,
    logs: new Map(followed.map((log) => [log.id, log])),
    counts: (vkey) => counts.includes(vkey),
    keys: () => [...quorum.keys, ...relayed(), ...mesh.neighbours()],
  })
  const reserved = [...quorum.keys, ...keyring.verifiers, ...config.logs.map(({ key }) => key)]
  return {
    interests: { logs, counts, reserved: reserved.map(({ name, keyId }) => `${name}+${keyId}`) },
    handlers: handlersFor(
      {
        logs,
        kept: { store, cosigned },
        witness,
        alarm,
        depositary,
        own: keyring.verifiers,
        onError: news.onError,
      },
      {
        prefix: async (log, ...asked) => clients.required(log).prefix(...asked),
        answered: (peer) => barrier.guard.answered(peer),
        saidTime: (peer, time) => barrier.clock.observe(`peer ${peer}`, time),
      },
    ),
  }
}

/** The current handlers; calls wait while they are replaced. */
export function handlersBehind(gate: Gate, now: () => SyncHandlers): SyncHandlers {
  return {
    submit: (...of) => gate.pass(() => now().submit(...of)),
    submitEvidence: (...of) => gate.pass(() => now().submitEvidence(...of)),
    heads: () => gate.pass(() => now().heads()),
    evidenceIds: () => gate.pass(() => now().evidenceIds()),
    evidence: (...of) => gate.pass(() => now().evidence(...of)),
    prefix: (...of) => gate.pass(() => now().prefix(...of)),
    tile: (...of) => gate.pass(() => now().tile(...of)),
    signedBy: (...of) => gate.pass(() => now().signedBy(...of)),
    keepPromise: (...of) => gate.pass(() => now().keepPromise(...of)),
    keepLine: (...of) => gate.pass(() => now().keepLine(...of)),
    told: (...of) => gate.pass(() => now().told(...of)),
    answered: (peer) => now().answered(peer),
    saidTime: (peer, time) => now().saidTime?.(peer, time),
  }
}

/** Starts the mesh. Throws CONFIG_INVALID, ADDRESS_IN_USE, and what reading the peer key throws. */
export async function startMesh(
  { home, listen, bootstrap, announce, mdns }: Config,
  { keyring, store, shared, news, barrier }: Pick<Frame, 'keyring' | 'store' | 'shared' | 'news' | 'barrier'>,
  { interests, handlers }: MeshSide,
): Promise<Mesh> {
  // libp2p is loaded only by a node with a mesh.
  const { Mesh } = await import('../gossip/mesh.js')
  const { loadOrCreatePeerKey, peerIdOf } = await import('../gossip/host/peer-key.js')
  const { onError } = news
  const peerKey = await loadOrCreatePeerKey(join(home, 'peer.key'))
  // Before any peer meets us, so that no other machine of ours takes this one for a stranger with its key.
  await shared?.introduce(peerIdOf(peerKey))
  return Mesh.start({
    reach: {
      peerKey,
      ...{ listen, bootstrap, announce, mdns, peerStore: peerStoreOf(store) },
    },
    own: {
      ...interests,
      ...(keyring.first && { identity: identityOf(keyring.first) }),
      keys: vkeysOf(keyring),
    },
    handlers,
    told: {
      onChosen: (peer) => barrier.connected(peer),
      onTwin: (peer) => {
        void isTwin(shared, peer).then((isOther) => {
          if (isOther) barrier.guard.sawTwin()
        })
      },
      onPeer: (event) => news.tell({ event: 'peer', ...event }),
      onDial: ({ address, error }) =>
        news.tell({ event: 'bootstrap', address, reachable: error === undefined, error: error ?? null }),
      onError,
      onDropped: (reason) => news.metrics.dropped(reason),
    },
  })
}

/** The witness that this node is; an observer is none. */
function identityOf(signer: Signer): Identity {
  const { verifier } = signer
  return { witness: verifier.vkey, key: verifier, sign: (message) => signer.sign(message) }
}

function vkeysOf(keyring: Keyring): string[] {
  return keyring.verifiers.map(({ vkey }) => vkey)
}
