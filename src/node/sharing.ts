/** The state that this node shares with other machines with its key, if the settings name a database for it. */
import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config/config.js'
import type { Keyring } from '../keys/keyring.js'
import type { PostgresState, PostgresStateOptions } from '../postgres/postgres-state.js'
import type { StatusView } from '../status/shapes.js'

const AWAY = 'it does not answer, or not correctly'
/** Milliseconds until the database is asked again whose machine a peer is. */
const ASK_AGAIN_MS = 2_000

/** Undefined for a node whose state is kept by its home alone. */
export async function openShared(
  { state }: Pick<Config, 'state'>,
  keyring: Keyring,
  told: Pick<PostgresStateOptions, 'onMoved' | 'onFailure'>,
): Promise<PostgresState | undefined> {
  // An observer has nothing to share (config/observer-setting.ts).
  if (state === undefined || keyring.first === undefined) return undefined
  // Loaded only where it is used.
  const { PostgresState } = await import('../postgres/postgres-state.js')
  return new PostgresState({ setting: state, key: keyring.first.verifier.vkey, ...told })
}

/**
 * Whether a peer that has proven our key is not one of the machines that share its state. Resolves when that is known.
 */
export async function isTwin(shared: PostgresState | undefined, peer: string): Promise<boolean> {
  for (;;) {
    const isOurs = shared === undefined ? false : await shared.isInstance(peer).catch(() => undefined)
    if (isOurs !== undefined) return !isOurs
    // While the database does not answer, nothing is signed anyway.
    await delay(ASK_AGAIN_MS, undefined, { ref: false })
  }
}

export function stateView(shared: PostgresState | undefined): StatusView['state'] {
  return shared === undefined
    ? { kept: 'home', text: 'only in the home of this node', error: null }
    : // This is public; which servers there are is for the operator alone.
      { kept: 'postgres', text: shared.promise, error: shared.failure === undefined ? null : AWAY }
}
