/**
 * What our key has signed last of a log, until when, and what it signs next. Pure.
 */
import type { Change } from '../store/heads.js'
import type { LogState, Signed } from '../store/log-state.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { Circumstances } from './step-types.js'

/** A cosignature of an unchanged head is made anew after so many seconds, so that its time stays fresh. */
const REFRESH_SECONDS = 30 * 60

/**
 * What will be signed, for the disk. The time of one key never runs backwards, whatever the clock says: `own` is a
 * cosignature of ours that came with the head.
 */
export function promise(state: LogState, size: number, at: Circumstances, own?: Cosignature): Signed {
  const { signed } = state
  const isOther = signed !== undefined && signed.key !== '' && !sharesKey(signed, at.keys)
  const before = Math.max(isOther ? 0 : (signed?.time ?? 0), state.floor?.time ?? 0, own?.time ?? 0)
  return { ...at.keys, size, time: Math.max(at.now, before, 1) }
}

/** Whether one of these keys made the cosignature: both sign at one time, and neither may go back when the other is new. */
function sharesKey({ key, second }: Signed, keys: Circumstances['keys']): boolean {
  return key === keys.key || (second !== undefined && second === keys.second)
}

/** Remembers that our key signed until a time, by whatever key of ours. */
export function signedUntil({ signed }: LogState, time: number, size: number): Pick<Change, 'signed'> {
  return time <= (signed?.time ?? 0) ? {} : { signed: { ...(signed ?? { key: '', size }), time } }
}

/** Whether the newest head was promised our cosignature with the keys of now. */
export function isSigned({ signed, tree }: LogState, { keys }: Pick<Circumstances, 'keys'>): boolean {
  return signed !== undefined && signed.key === keys.key && signed.second === keys.second && signed.size === tree?.size
}

/** Whether the newest head of a log lacks our cosignature, or has an old one. */
export function isRenewalDue(state: LogState, at: Circumstances): boolean {
  const age = at.now - (state.signed?.time ?? 0)
  // After a recovery the tree is known without its note: the head that came back fills it in.
  return state.note === undefined || !isSigned(state, at) || age >= REFRESH_SECONDS || at.isOwed
}
