/**
 * A cosignature names a log by its origin alone, and several logs may have one origin. So a key cosigns one of them, for
 * ever; and what speaks for the origin waits for all of them.
 */
import type { ErrorCode } from '../errors.js'
import { unmetFloor, type LogState } from '../store/heads.js'
import type { Store } from '../store/store.js'
import { isBy, parseNote, parseVerifierKey, type Signer } from '../tlog/note.js'
import { utf8 } from '../tlog/bytes.js'

/** A log of the settings. */
export interface LogOfOrigin {
  /** Log id. */
  readonly id: string
  readonly origin: string
}

/** As much of a log's state as says who has cosigned it. */
export type SignedState = Pick<LogState, 'note' | 'signed' | 'audited' | 'floor'> & {
  /** The origin of the log, where it was written down. */
  readonly origin?: string
}

/**
 * The id of the log of this origin that the key (a vkey) is bound to. `states` are by log id, and tell of logs that are not
 * configured any more, too: a key that has cosigned one stays with it. A key that has cosigned none of them belongs to
 * the first that is configured; undefined where there is none either.
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
 * The id of the other log for which these keys (vkeys, the first one first) must not cosign this one; undefined when they may.
 */
export function takenBy(
  { id, origin }: LogOfOrigin,
  [first, ...more]: readonly [string, ...string[]],
  logs: readonly LogOfOrigin[],
  states: ReadonlyMap<string, SignedState>,
): string | undefined {
  // The other keys go where the first one goes, unless they have been elsewhere.
  const bound = [boundLog(origin, first, logs, states), ...more.map((key) => signedLog(origin, key, logs, states))]
  return bound.find((log) => log !== undefined && log !== id)
}

/**
 * The logs that have a key of their own though the shared one (a vkey) has cosigned them: it stays bound to them, and would
 * seem free for another log of their origin.
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
 * The log of this origin that the key has cosigned. Of several, which only older versions did, it is the one that this
 * version went on with, since then it wrote the origin down; before that the first configured one.
 */
function signedLog(
  origin: string,
  key: string,
  logs: readonly LogOfOrigin[],
  states: ReadonlyMap<string, SignedState>,
): string | undefined {
  const ours = logs.flatMap((log) => (log.origin === origin ? log.id : []))
  const gone = [...states.keys()].filter((id) => !logs.some((log) => log.id === id)).sort()
  const all = [...ours, ...gone.filter((id) => originOf(states.get(id)!) === origin)]
  const known = all.flatMap((id) => {
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

/** After a recovery it may be forgotten who signed; and a floor that nobody kept the note of may be by any key of ours. */
function mayHaveSigned({ signed, floor }: SignedState, key: string): boolean {
  if (signed?.key === '') return true
  if (floor?.note === undefined) return floor !== undefined
  const verifier = parseVerifierKey(key)
  return parseNote(utf8(floor.note)).signatures.some((line) => isBy(line, verifier))
}

/** The origin of a log; older states have none beside the head, and it is the first line there. */
export function originOf({ origin, note }: SignedState): string | undefined {
  return origin ?? note?.split('\n', 1)[0]
}

export interface OriginParts {
  /** All logs that are known, disabled ones too. */
  readonly logs: readonly { readonly id: string; readonly origin: string }[]
  readonly store: Pick<Store, 'heads'>
  readonly signer: Signer
  /** Whether a log is frozen, on disk or not. */
  readonly isHeld: (log: string) => boolean
  /** Why nothing at all may be signed now. */
  readonly barrier: () => ErrorCode | undefined
}

/**
 * Why nothing of this origin may be signed now, though it follow from what was signed before: a log of it was convicted, or
 * that may have been forgotten with the state that is lost. Of several logs with one origin, as all checksum databases have,
 * the signature speaks for all.
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
