/**
 * The state of one log: the newest tree that we proved, what we promised to sign, and why nothing may be signed. Also
 * its text, as the journal and the database store it.
 *
 * Pure.
 */
import { equalBytes } from '../tlog/bytes.js'
import { formatHash, parseHash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'

/** What we promised to sign, and so may have signed: the newest cosignature of one witness key. */
export interface Signed {
  /** Verifier key of our witness that signed; empty after the recovery of an old home that knew only the time. */
  readonly key: string
  /** Key name and key id of the ML-DSA-44 key that signs as well, with the same time; absent when there is none. */
  readonly second?: string
  readonly size: number
  /** POSIX seconds in the cosignature. */
  readonly time: number
  /**
   * The last signature of each key that signed before and no longer does, the newest first; at most MAX_EARLIER_KEYS.
   */
  readonly earlier?: readonly Omit<Signed, 'earlier'>[]
}

/** How many earlier keys of one log are remembered, each with the time until which it signed. */
export const MAX_EARLIER_KEYS = 16

/** What the auditor's key last promised to sign for a log, or is known to have signed (witness/audited.ts). */
export interface Audited {
  /** Verifier key of the auditor. */
  readonly key: string
  readonly size: number
  /** Base64. */
  readonly root: string
  /** POSIX seconds in the cosignature; larger when a cosignature by this key with a later time is known. */
  readonly time: number
}

/** A reason to be frozen: evidence, or a suspect that no tree can explain. */
export interface Hold {
  readonly id: string
  readonly acked: boolean
}

/** A head that carries our own cosignature and that this store did not know: nothing is signed before it is reached. */
export interface Floor {
  readonly size: number
  /** Base64. */
  readonly root: string
  /** When it was learnt, ISO 8601. */
  readonly at: string
  /** The head as a note with the log's line and our own; absent when only the guard of an old home knew it. */
  readonly note?: string
  /** The time that we cosigned or promised there, in POSIX seconds, if it is known. */
  readonly time?: number
}

/** The head that was trusted because it was the first one. */
export interface FirstUse {
  readonly size: number
  /** Base64. */
  readonly root: string
  /** ISO 8601. */
  readonly at: string
}

/** The state of one log. Immutable: a change makes a new one. */
export interface LogState {
  /** Sequence number: 0 before anything was written. */
  readonly seq: number
  /** The origin of the log; absent before its first head, and in what older versions wrote. */
  readonly origin?: string
  /** The newest tree that we proved, or trusted on first use. */
  readonly tree?: Tree | undefined
  /** Its checkpoint text with the log's signature line, as a note; absent after a recovery that knew only the tree. */
  readonly note?: string | undefined
  readonly signed?: Signed
  /** Absent until an auditor has promised something. */
  readonly audited?: Audited | undefined
  readonly floor?: Floor | undefined
  readonly firstUse?: FirstUse | undefined
  readonly holds: readonly Hold[]
}

export const NOTHING: LogState = { seq: 0, holds: [] }

/** Why nothing of a log may be signed until the operator has settled it, and what else is known of it. */
export interface Dispute {
  /** As a sentence. */
  readonly why: string
  /** What sources other than the journal know: the database, the guard of an old home. */
  readonly others: readonly LogState[]
}

/** The head that must be reached before anything is signed; undefined when there is none, or when it was reached. */
export function unmetFloor({ tree, floor }: Pick<LogState, 'tree' | 'floor'>): Floor | undefined {
  return floor !== undefined && floor.size > (tree?.size ?? -1) ? floor : undefined
}

/** Whether a state can have followed from an earlier one. It cannot if the journal and the database have diverged. */
export function mayFollow({ tree }: LogState, { tree: before }: LogState): boolean {
  if (tree === undefined || before === undefined) return before === undefined
  return tree.size > before.size || (tree.size === before.size && equalBytes(tree.root, before.root))
}

/** The origin of a log. Older states do not record it; there it is the first line of the head. */
export function originOf({ origin, note }: Pick<LogState, 'origin' | 'note'>): string | undefined {
  return origin ?? note?.split('\n', 1)[0]
}

export function isFrozen(state: LogState): boolean {
  return state.holds.some((hold) => !hold.acked)
}

/** A state in its stored form. */
interface Written extends Omit<LogState, 'tree'> {
  size?: number
  /** Base64. */
  root?: string
  dispute?: { why: string; others: Written[] }
}

/** A state as one line of JSON, with its dispute if that is not settled yet. */
export function encodeState(state: LogState, dispute?: Dispute): string {
  return JSON.stringify(toWritten(state, dispute))
}

/** Reads what `encodeState` wrote, in this version or an older one; undefined when it is unreadable. */
export function decodeState(text: string): { state: LogState; dispute?: Dispute } | undefined {
  try {
    const written = JSON.parse(text) as Written
    const { dispute } = written
    const state = fromWritten(written)
    if (dispute === undefined) return { state }
    return { state, dispute: { why: dispute.why, others: dispute.others.map(fromWritten) } }
  } catch {
    return undefined
  }
}

function toWritten(state: LogState, dispute?: Dispute): Written {
  const { seq, origin, tree, note, signed, audited, floor, firstUse, holds } = state
  return {
    seq,
    ...(origin !== undefined && { origin }),
    ...(tree && { size: tree.size, root: formatHash(tree.root) }),
    ...(note !== undefined && { note }),
    ...(signed && { signed }),
    ...(audited && { audited }),
    ...(floor && { floor }),
    ...(firstUse && { firstUse }),
    holds,
    ...(dispute && { dispute: { why: dispute.why, others: dispute.others.map((other) => toWritten(other)) } }),
  }
}

/** Throws when it is not of the right form. */
function fromWritten(written: Written): LogState {
  const { seq, origin, size, root, note, signed, audited, floor, firstUse, holds } = written
  if (!Number.isSafeInteger(seq) || !Array.isArray(holds)) throw new TypeError('not a state')
  const hash = root === undefined ? undefined : parseHash(root)
  return {
    seq,
    ...(origin !== undefined && { origin }),
    ...(size !== undefined && hash !== undefined && { tree: { size, root: hash } }),
    ...(note !== undefined && { note }),
    ...(signed && { signed }),
    ...(audited && { audited }),
    ...(floor && { floor }),
    ...(firstUse && { firstUse }),
    holds,
  }
}
