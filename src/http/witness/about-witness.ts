/**
 * What this witness says to whoever runs a log: which logs it takes, the keys that it signs with, and whom to write to. It
 * changes when the settings do, and not with every head: C2SP#298 asks for it at an address that stays.
 */
import { SLOW_CACHING } from '../caching.js'
import { json } from '../reply.js'
import type { Route } from '../router.js'
import type { AboutWitnessView } from '../../status/shapes.js'
import type { VerifierKey } from '../../tlog/note.js'

/** What of a node says that. */
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
  /** Whether the keys of a log are bound to another one of its origin: then nothing of it is cosigned. */
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

/** The one route of it, also behind a bastion. */
export function aboutWitnessRoute(node: AboutWitness): Route {
  return { method: 'GET', path: '/api/v1/witness', caching: SLOW_CACHING, handle: () => json(aboutWitness(node)) }
}
