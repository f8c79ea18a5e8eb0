/** The routes for logs that push their heads, on the node's own server and through a bastion. */
import { aboutWitnessRoute } from '../http/witness/about-witness.js'
import { witnessRoutes } from '../http/witness/add-checkpoint.js'
import { noWitnessRoutes } from '../http/witness/no-witness.js'
import type { Route } from '../http/router.js'
import { obstacleOfOrigin } from '../witness/origin.js'
import { ownCheckpoint } from '../witness/own-checkpoint.js'
import type { Witness } from '../witness/witness.js'
import type { NodeBarrier } from './barrier.js'
import type { KnownHeads, NodeBase } from './base.js'

/** `isHeld`: whether nothing of a log may be signed. */
export function routesForLogs(
  { config, followed, keyring, store, clock }: NodeBase,
  { cosigned }: KnownHeads,
  witness: Witness,
  barrier: NodeBarrier,
  isHeld: (log: string) => boolean,
): Route[] {
  const { first: signer, second } = keyring
  if (signer === undefined) return noWitnessRoutes()
  const taking = witnessRoutes({
    logs: followed,
    submit: (candidate) => witness.submit(candidate),
    checkpoint: (log) => ownCheckpoint(cosigned, log, keyring.keysOf(log)),
    subtrees: second && {
      signer: second,
      obstacle: (origin) =>
        obstacleOfOrigin(origin, { logs: config.logs, store, signer, isHeld, barrier: barrier.common }),
    },
    now: clock.now,
  })
  const about = aboutWitnessRoute({
    contact: config.contact,
    logs: followed,
    keys: {
      shared: [signer.verifier, ...(second === undefined ? [] : [second.verifier])],
      of: (log) => keyring.keysOf(log),
    },
    isTaken: (log) => barrier.taken(log) !== undefined,
    isFrozen: isHeld,
  })
  return [...taking, about]
}
