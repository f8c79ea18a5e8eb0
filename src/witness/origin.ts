/** What stands between this node and a signature that names a log by nothing but its origin. */
import type { ErrorCode } from '../errors.js'
import { isFrozen, unmetFloor } from '../store/heads.js'
import type { Store } from '../store/store.js'
import type { Signer } from '../tlog/note.js'

export interface OriginParts {
  /** All logs that are known, disabled ones too. */
  readonly logs: readonly { readonly id: string; readonly origin: string }[]
  readonly store: Pick<Store, 'heads'>
  readonly guard: { readonly maySign: boolean }
  readonly signer: Signer
}

/**
 * Why nothing of this origin may be signed now, though it follow from what was signed before: a log of it was convicted, or
 * that may have been forgotten with the state that is lost. Of several logs with one origin, as all checksum databases have,
 * the signature speaks for all.
 */
export function obstacleOfOrigin(origin: string, { logs, store, guard, signer }: OriginParts): ErrorCode | undefined {
  if (!guard.maySign) return 'GUARD_WAITING'
  for (const { id } of logs.filter((log) => log.origin === origin)) {
    if (store.heads.disagreement(id) !== undefined) return 'STATE_DISAGREES'
    const state = store.heads.get(id)
    if (isFrozen(state)) return 'LOG_FROZEN'
    if (unmetFloor(state) !== undefined) return 'GUARD_BEHIND'
  }
  return signer.away?.code
}
