/**
 * The signed state of logs where several machines share one witness key: the interface of Heads to the database that
 * keeps it (postgres/). One row per log; a machine can replace a row only if it knows its current content, as one
 * atomic step, and before anything in it is signed. That step is the fence between the machines.
 */
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { decodeState, mayFollow, originOf, type LogState } from './log-state.js'

/** Identifies a state of a log. */
export interface StatePlace {
  readonly seq: number
  /** SHA-256 of the text of the state, hex. */
  readonly hash: string
}

/** A state as it is in the row. */
export interface StateRow extends StatePlace {
  readonly text: string
}

/**
 * - `won`      it is written, and survives any failover that the database promises to survive
 * - `lost`     the row holds something else
 * - `unknown`  the connection broke, the statement was cancelled, or a standby did not confirm
 */
export type WriteResult = 'won' | 'lost' | 'unknown'

/**
 * The keys that a state promises to sign with. A cosignature names a log by its origin alone, so the database binds each
 * key to one log of an origin, in the step that writes the first promise: machines may follow different logs.
 */
export interface Claim {
  readonly origin: string
  /** Verifier keys; of an ML-DSA-44 key its name and id. */
  readonly keys: readonly string[]
}

/** Nothing was written: one of the keys is bound to this other log of the origin. */
export interface Taken {
  readonly by: string
}

export interface SharedState {
  /**
   * All rows of this witness key, by log id; undefined if the database does not know the key. Throws STATE_UNREACHABLE.
   */
  rows(): Promise<ReadonlyMap<string, StateRow> | undefined>
  /** Throws STATE_UNCONFIRMED. */
  row(log: string): Promise<StateRow | undefined>
  /**
   * Replaces exactly this state, or inserts where there is none if `from` is undefined, and binds the keys of the claim
   * to the log. Never throws.
   */
  replace(log: string, from: StatePlace | undefined, to: StateRow, claim?: Claim): Promise<WriteResult | Taken>
  /** Whether this state is still there, checked by a write of our own that changes nothing. Never throws. */
  confirm(log: string, at: StatePlace): Promise<WriteResult>
  /** Whether the row of the log has ever held this state. Throws STATE_UNCONFIRMED. */
  wentThrough(log: string, at: StatePlace): Promise<boolean>
}

/** The row of a state that is written as this text. */
export function stateRow(seq: number, text: string): StateRow {
  return { seq, hash: toHex(sha256(utf8(text))), text }
}

/** The claim of a state, or of a change that promises something; undefined if neither promises anything. */
export function claimOf(state: Pick<LogState, 'origin' | 'note' | 'signed' | 'audited'>): Claim | undefined {
  const { signed, audited } = state
  const origin = originOf(state)
  // A recovered home may not know which key signed.
  const keys = [signed?.key, signed?.second, audited?.key].flatMap((key) =>
    key === undefined || key === '' ? [] : key,
  )
  return origin === undefined || keys.length === 0 ? undefined : { origin, keys }
}

/**
 * The state of a row that continues what this machine has seen of a log; otherwise, as a sentence, why it does not.
 * `mine` and `row` are not both undefined. Throws STATE_UNCONFIRMED.
 */
export async function following(
  shared: SharedState,
  log: string,
  mine: StateRow | undefined,
  row: StateRow | undefined,
): Promise<LogState | string> {
  if (row === undefined) return `the shared state has nothing of this log, the journal is at state ${mine!.seq}`
  const state = decodeState(row.text)?.state
  const isWhole = state?.seq === row.seq && stateRow(row.seq, row.text).hash === row.hash
  if (state === undefined || !isWhole) return 'the shared state cannot be read'
  if (mine === undefined) return state
  if (row.seq < mine.seq) return `the shared state is at state ${row.seq}, the journal at ${mine.seq}`
  if (row.seq === mine.seq)
    return row.hash === mine.hash ? state : `the shared state and the journal have different states ${row.seq}`
  const before = decodeState(mine.text)?.state
  // Whatever the row's history says, a key never goes back.
  const goesBack = before !== undefined && (!mayFollow(state, before) || timeOf(state) < timeOf(before))
  if (goesBack || !(await shared.wentThrough(log, mine)))
    return `the shared state at ${row.seq} does not continue the journal at ${mine.seq}`
  return state
}

function timeOf({ signed }: LogState): number {
  return signed?.time ?? 0
}
