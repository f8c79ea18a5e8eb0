/**
 * What this witness tells operators of logs: which logs it accepts, its keys, and whom to contact. It changes only with
 * the settings, not with every head: C2SP#298 proposes a stable address for it.
 */
import { SLOW_CACHING } from '../caching.js'
import { json } from '../reply.js'
import type { Route } from '../router.js'
import type { AboutWitnessView } from '../../status/shapes.js'
import type { VerifierKey } from '../../tlog/note.js'

/** The data that it is made from. */
export interface AboutWitness {
  readonly contact: string | undefined
  readonly logs: readonly {
    readonly id: string
    readonly key: VerifierKey
    readonly origin: string
    readonly url: string | null
    readonly perDay: number | null
  }[]
  readonly keys: {
    readonly shared: readonly [VerifierKey, ...VerifierKey[]]
    readonly of: (log: string) => readonly VerifierKey[]
  }
  /** Whether the keys of a log are bound to another one with its origin, so that nothing of it is cosigned. */
  readonly isTaken: (log: string) => boolean
  readonly isFrozen: (log: string) => boolean
}

export function aboutWitness({ contact, logs, keys, isTaken, isFrozen }: AboutWitness): AboutWitnessView {
  const vkeys = (of: readonly VerifierKey[]): string[] => of.map(({ vkey }) => vkey)
  return {
    name: keys.shared[0].name,
    keys: vkeys(keys.shared),
    contact: contact ?? null,
    logs: logs
      .filter(({ id }) => !isTaken(id))
      .map(({ id, key, origin, url, perDay }) => ({
        ...{ id, name: key.name, key: key.vkey, origin, keys: vkeys(keys.of(id)) },
        ...{ polled: url !== null, perDay, frozen: isFrozen(id) },
      })),
  }
}

/** Its route, also served behind a bastion. */
export function aboutWitnessRoute(node: AboutWitness): Route {
  return { method: 'GET', path: '/api/v1/witness', caching: SLOW_CACHING, handle: () => json(aboutWitness(node)) }
}
