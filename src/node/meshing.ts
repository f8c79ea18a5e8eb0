/** The mesh of a node: who it is there, what it tells peers and hears from them. */
import { join } from 'node:path'
import type { Alarm } from '../evidence/alarm.js'
import type { Mesh } from '../gossip/mesh.js'
import { Depositary } from '../witness/depositary.js'
import type { Witness } from '../witness/witness.js'
import type { NodeBarrier } from './barrier.js'
import type { KnownHeads, NodeBase } from './base.js'
import type { LogClients } from './clients.js'
import { handlersFor, peerStoreOf } from './peers.js'
import { isTwin } from './sharing.js'

export interface MeshingParts {
  readonly clients: LogClients
  readonly barrier: NodeBarrier
  readonly alarm: Alarm
  readonly witness: Witness
}

/** Starts the mesh. Throws CONFIG_INVALID, ADDRESS_IN_USE, and what a peer key that cannot be read throws. */
export async function startMesh(
  { config, followed, keyring, store, shared, news, mesh }: NodeBase,
  { cosigned, quorum, counts, relayed }: KnownHeads,
  { clients, barrier, alarm, witness }: MeshingParts,
): Promise<Mesh> {
  // libp2p is loaded only by a node that has a mesh.
  const { Mesh } = await import('../gossip/mesh.js')
  const { loadOrCreatePeerKey, peerIdOf } = await import('../gossip/host/peer-key.js')
  const { listen, bootstrap, announce, mdns } = config
  const { verifier } = keyring.first
  const logs = followed.map(({ id }) => id)
  const keys = keyring.verifiers.map(({ vkey }) => vkey)
  const depositary = new Depositary({
    shelf: store.deposits,
    signers: cosigned.signers,
    logs: new Map(followed.map((log) => [log.id, log])),
    counts: (vkey) => counts.includes(vkey),
    keys: () => [...quorum.keys, ...relayed(), ...mesh.neighbours()],
  })
  const { onError } = news
  const peerKey = await loadOrCreatePeerKey(join(config.home, 'peer.key'))
  // Before anybody meets us, so that no machine of ours takes us for somebody else who has the key.
  await shared?.introduce(peerIdOf(peerKey))
  return Mesh.start({
    reach: {
      peerKey,
      ...{ listen, bootstrap, announce, mdns, peerStore: peerStoreOf(store) },
    },
    own: {
      logs,
      identity: { witness: verifier.vkey, key: verifier, sign: (message) => keyring.first.sign(message) },
      keys,
      counts,
      reserved: [...quorum.keys, ...keyring.verifiers, ...config.logs.map(({ key }) => key)].map(
        ({ name, keyId }) => `${name}+${keyId}`,
      ),
    },
    handlers: handlersFor(
      { logs, kept: { store, cosigned }, witness, alarm, depositary, own: new Set(keys), onError },
      {
        prefix: async (log, ...asked) => clients.required(log).prefix(...asked),
        answered: (peer) => barrier.guard.answered(peer),
        saidTime: (peer, time) => barrier.clock.observe(`peer ${peer}`, time),
      },
    ),
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
