/**
 * A cosignature names a log by its origin alone, and several logs may share an origin. So a key cosigns only one of
 * them, for ever, and an obstacle to one log of an origin holds for all of them.
 */
import type { ErrorCode } from '../errors.js'
import { originOf, unmetFloor, type LogState } from '../store/heads.js'
import type { Store } from '../store/store.js'
import { isBy, parseNote, parseVerifierKey, type Signer } from '../tlog/note.js'
import { utf8 } from '../tlog/bytes.js'

/** A log from the settings. */
export interface LogOfOrigin {
  /** Log id. */
  readonly id: string
  readonly origin: string
}

/** The part of a log's state that tells which keys have cosigned it. */
export type SignedState = Pick<LogState, 'note' | 'signed' | 'audited' | 'floor'> & {
  /** The origin of the log, if it was recorded. */
  readonly origin?: string
}

/**
 * The id of the log of this origin to which the key (a vkey) is bound. `states` are by log id, and include logs that
 * are no longer configured: a key that has cosigned one stays bound to it. A key that has cosigned none of them belongs
 * to the first that is configured; undefined if there is none either.
 */
export function boundLog(
  origin: string,
  key: string,
  logs: readonly LogOfOrigin[],
  states: ReadonlyMap<string, SignedState>,
): string | undefined {
  return signedLog(origin, key, logs, states) ?? logs.find((log) => log.origin === origin)?.id
}

/**
 * The id of the other log because of which these keys (vkeys, the first one first) must not cosign this one; undefined
 * when they may.
 */
export function takenBy(
  { id, origin }: LogOfOrigin,
  [first, ...more]: readonly [string, ...string[]],
  logs: readonly LogOfOrigin[],
  states: ReadonlyMap<string, SignedState>,
): string | undefined {
  // The other keys follow the first one, unless they are bound elsewhere.
  const bound = [boundLog(origin, first, logs, states), ...more.map((key) => signedLog(origin, key, logs, states))]
  return bound.find((log) => log !== undefined && log !== id)
}

/**
 * The logs that have a key of their own although the shared one (a vkey) has cosigned them: it stays bound to them, but
 * would seem free for another log of their origin.
 */
export function rekeyedLogs(
  shared: string,
  withOwnKey: readonly LogOfOrigin[],
  logs: readonly LogOfOrigin[],
  states: ReadonlyMap<string, SignedState>,
): string[] {
  return withOwnKey.flatMap(({ id, origin }) => (signedLog(origin, shared, logs, states) === id ? id : []))
}

/**
 * The log of this origin that the key has cosigned. If there are several, which only older versions allowed, it is the
 * one with which this version continued, as it then recorded the origin; before that, the first configured one.
 */
function signedLog(
  origin: string,
  key: string,
  logs: readonly LogOfOrigin[],
  states: ReadonlyMap<string, SignedState>,
): string | undefined {
  const ours = logs.flatMap((log) => (log.origin === origin ? log.id : []))
  // Those that are no longer configured come last.
  const recorded = [...states.keys()].filter((id) => originOf(states.get(id)!) === origin).sort()
  const known = [...new Set([...ours, ...recorded])].flatMap((id) => {
    const state = states.get(id)
    return state === undefined ? [] : [{ id, state }]
  })
  const signed = known.filter(({ state }) => hasSigned(state, key))
  const bound = signed.find(({ state }) => state.origin !== undefined) ?? signed[0]
  return (bound ?? known.find(({ state }) => mayHaveSigned(state, key)))?.id
}

function hasSigned({ signed, audited }: SignedState, key: string): boolean {
  if (audited?.key === key) return true
  const nameAndId = key.split('+', 2).join('+')
  return signed !== undefined && (signed.key === key || signed.second === nameAndId)
}

/** After a recovery, which key signed may be unknown; and a floor whose note nobody kept may be by any key of ours. */
function mayHaveSigned({ signed, floor }: SignedState, key: string): boolean {
  if (signed?.key === '') return true
  if (floor?.note === undefined) return floor !== undefined
  const verifier = parseVerifierKey(key)
  return parseNote(utf8(floor.note)).signatures.some((line) => isBy(line, verifier))
}

export interface OriginParts {
  /** All known logs, including disabled ones. */
  readonly logs: readonly { readonly id: string; readonly origin: string }[]
  readonly store: Pick<Store, 'heads'>
  readonly signer: Signer
  /** Whether a log is frozen, even if this is not on disk. */
  readonly isHeld: (log: string) => boolean
  /** Why nothing at all may be signed now. */
  readonly barrier: () => ErrorCode | undefined
}

/**
 * Why nothing of this origin may be signed now, even if it follows from what was signed before: a log of the origin was
 * convicted, or its conviction may have been lost with the state. If several logs share an origin, as all checksum
 * databases do, the signature speaks for all of them.
 */
export function obstacleOfOrigin(
  origin: string,
  { logs, store, signer, isHeld, barrier }: OriginParts,
): ErrorCode | undefined {
  const common = barrier()
  if (common !== undefined) return common
  for (const { id } of logs.filter((log) => log.origin === origin)) {
    if (store.heads.disagreement(id) !== undefined) return 'STATE_DISAGREES'
    if (isHeld(id)) return 'LOG_FROZEN'
    if (unmetFloor(store.heads.get(id)) !== undefined) return 'GUARD_BEHIND'
  }
  return signer.unavailable?.code
}
