/** What our keys last signed of a log, until when, and what they sign next. Pure. */
import type { Change } from '../store/heads.js'
import { MAX_EARLIER_KEYS, type LogState, type Signed } from '../store/log-state.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { Circumstances } from './step-types.js'

/** A cosignature of an unchanged head is renewed after so many seconds, so that its time stays fresh. */
const REFRESH_SECONDS = 30 * 60

/**
 * What will be signed, for the disk. The time of one key never runs backwards, whatever the clock says. `own` is a
 * cosignature of ours that came with the head.
 */
export function promise(state: LogState, size: number, at: Circumstances, own?: Cosignature): Signed {
  const { signed } = state
  const said = signed === undefined ? [] : [signed, ...(signed.earlier ?? [])]
  const times = said.flatMap((one) => (one.key === '' || sharesKey(one, at.keys) ? one.time : []))
  const time = Math.max(at.now, ...times, state.floor?.time ?? 0, own?.time ?? 0, 1)
  const earlier = isBy(signed, at.keys) ? signed?.earlier : others(said, at.keys)
  return { ...at.keys, size, time, ...(earlier !== undefined && { earlier }) }
}

/**
 * Whether one of these keys made the cosignature. Both keys sign with one time, and neither may go back when the other
 * is new.
 */
function sharesKey({ key, second }: Omit<Signed, 'earlier'>, keys: Circumstances['keys']): boolean {
  return key === keys.key || (second !== undefined && second === keys.second)
}

/** Whether exactly these keys made it. */
function isBy(signed: Signed | undefined, keys: Circumstances['keys']): boolean {
  return signed?.key === keys.key && signed.second === keys.second
}

/** The last signatures of all other keys, in case those are used again; undefined when there are none. */
function others(said: readonly Signed[], keys: Circumstances['keys']): Signed['earlier'] {
  const earlier = said.flatMap(({ key, second, size, time }) => {
    const isOther = key !== '' && !(key === keys.key && second === keys.second)
    return isOther ? { key, ...(second !== undefined && { second }), size, time } : []
  })
  return earlier.length === 0 ? undefined : earlier.slice(0, MAX_EARLIER_KEYS)
}

/** Records that a key of ours, whichever, has signed until this time. */
export function signedUntil({ signed }: LogState, time: number, size: number): Pick<Change, 'signed'> {
  return time <= (signed?.time ?? 0) ? {} : { signed: { ...(signed ?? { key: '', size }), time } }
}

/** Whether our cosignature of the newest head was promised with the current keys. */
export function isSigned({ signed, tree }: LogState, { keys }: Pick<Circumstances, 'keys'>): boolean {
  return isBy(signed, keys) && signed?.size === tree?.size
}

/** Whether our cosignature of a log's newest head is missing or old. */
export function isRenewalDue(state: LogState, at: Circumstances): boolean {
  const age = at.now - (state.signed?.time ?? 0)
  // After a recovery the tree is known without its note: a head that arrives again supplies it.
  return state.note === undefined || !isSigned(state, at) || age >= REFRESH_SECONDS || at.isOwed
}
