/**
 * The little state that matters, one record per log: the newest tree we proved, what we signed, and why the log is
 * frozen. It is compared and written in one act, chained, fsynced, and guarded by a second file (guard.ts).
 *
 * A record is written before the signature that it speaks of is made. Ed25519 is deterministic, so a crash after the
 * write loses nothing: the same text and time give the same cosignature again.
 */
import { GossumError, errorText } from '../errors.js'
import { equalBytes, toHex, utf8 } from '../tlog/bytes.js'
import { formatHash, parseHash, sha256 } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import type { Table } from './disk.js'
import type { Guard, GuardedFloor, GuardEntry } from './guard.js'
import { Serial } from './serial.js'

/** What we promised to sign, and so signed: the newest cosignature of one witness key. */
export interface Signed {
  /** Verifier key of the witness (ours) that signed; empty after a recovery that knew only the time. */
  readonly key: string
  /** Key name and key id of the ML-DSA-44 key that signs beside it, with the same time; absent when there is none. */
  readonly second?: string
  readonly size: number
  /** POSIX seconds in the cosignature. */
  readonly time: number
}

/** A reason to be frozen: evidence, or a suspect that no tree can explain. */
export interface Hold {
  readonly id: string
  readonly acked: boolean
}

/** A head that carries our own cosignature and that this store did not know: nothing is signed before it is reached. */
export interface Floor extends GuardedFloor {
  /** The head as a note with the log's line and our own; absent after a recovery in which only the guard knew it. */
  readonly note?: string
  /** The time of our cosignature there, or that we promised, in POSIX seconds, where it is known. */
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
  /** The newest tree that we proved, or trusted on first use. */
  readonly tree?: Tree | undefined
  /** Its checkpoint text with the log's signature line, as a note; absent after a recovery that knew only the tree. */
  readonly note?: string | undefined
  /** The origin of the log, from the first head on that was cosigned: a key cosigns one log of an origin. */
  readonly origin?: string
  readonly signed?: Signed
  readonly floor?: Floor | undefined
  readonly firstUse?: FirstUse | undefined
  readonly holds: readonly Hold[]
}

/** What a change may set. */
export type Change = Partial<Omit<LogState, 'seq'>>

/** The head that must be reached before anything is signed; undefined when there is none, or it is. */
export function unmetFloor({ tree, floor }: Pick<LogState, 'tree' | 'floor'>): Floor | undefined {
  return floor !== undefined && floor.size > (tree?.size ?? -1) ? floor : undefined
}

export function isFrozen(state: LogState): boolean {
  return state.holds.some((hold) => !hold.acked)
}

interface Slot {
  state: LogState
  /** SHA-256 of the state's bytes, hex; empty before the first write. */
  hash: string
  /** Why nothing of this log may be signed: the database and the guard disagree. */
  disagreement?: string
}

/** Holds kept of a log that is frozen already: the record stays small. What the operator let go makes room for more. */
const MAX_HOLDS = 256

const NOTHING: LogState = { seq: 0, holds: [] }

export class Heads {
  readonly #table: Table
  readonly #guard: Guard
  readonly #slots = new Map<string, Slot>()
  readonly #serial = new Serial()

  private constructor(table: Table, guard: Guard) {
    this.#table = table
    this.#guard = guard
  }

  /** Loads every log's state and holds it against the guard. Disagreement is kept per log; it does not throw. */
  static async load(table: Table, guard: Guard): Promise<Heads> {
    const heads = new Heads(table, guard)
    for (const [log, text] of await table.entries()) {
      const slot = readSlot(text, guard.entries.get(log))
      heads.#slots.set(log, slot)
      // A crash came between the two writes: nothing was signed for that state yet, and now the guard knows it too.
      const behind = slot.disagreement === undefined && guard.entries.get(log)?.hash !== slot.hash
      if (behind) await guard.append(guardEntry(log, slot.state, slot.hash))
    }
    for (const [log, entry] of guard.entries) {
      if (heads.#slots.has(log)) continue
      heads.#slots.set(log, { state: NOTHING, hash: '', disagreement: lost(0, entry.seq) })
    }
    return heads
  }

  get(log: string): LogState {
    return this.#slot(log).state
  }

  /** Why nothing of this log may be signed, in words; undefined when all is well. */
  disagreement(log: string): string | undefined {
    return this.#slot(log).disagreement
  }

  /**
   * Changes the state of a log if it still is `from`, durably and as one act. Returns the new state, or undefined when
   * somebody else changed it first. Throws STATE_DISAGREES, or STORE_WRITE_FAILED with the state unchanged.
   */
  change(log: string, from: LogState, change: Change): Promise<LogState | undefined> {
    return this.#serialised(log, async (slot) => {
      if (slot.disagreement !== undefined) throw new GossumError('STATE_DISAGREES', slot.disagreement)
      if (slot.state !== from) return undefined
      return this.#write(log, slot, { ...from, ...change, seq: from.seq + 1 })
    })
  }

  /**
   * Freezes a log: nothing of it is signed until the hold is acknowledged. Holding twice with one id changes nothing.
   * Nor does holding a log whose state is disputed: nothing of it is signed anyway.
   */
  async hold(log: string, id: string): Promise<void> {
    if (this.disagreement(log) !== undefined) return
    await this.#edit(log, (state) => {
      if (state.holds.some((hold) => hold.id === id)) return undefined
      if (isFrozen(state) && state.holds.length >= MAX_HOLDS) return undefined
      return { holds: [...state.holds, { id, acked: false }] }
    })
  }

  /** Acknowledges a hold on the operator's word. False when the log has no hold of this id. */
  async acknowledge(log: string, id: string): Promise<boolean> {
    if (!this.get(log).holds.some((hold) => hold.id === id)) return false
    await this.#edit(log, (state) => ({
      holds: state.holds.map((hold) => (hold.id === id ? { id, acked: true } : hold)),
    }))
    return true
  }

  /** Applies a change that does not depend on winning a race. */
  async #edit(log: string, change: (state: LogState) => Change | undefined): Promise<void> {
    for (;;) {
      const state = this.get(log)
      const wanted = change(state)
      if (wanted === undefined || (await this.change(log, state, wanted)) !== undefined) return
    }
  }

  /**
   * Settles a disagreement on the operator's word: goes on from the larger of what the database and the guard know,
   * keeping every hold that either knows, and the larger floor. Nothing that does not extend the two will be signed.
   * Throws STATE_DISAGREES when they contradict each other, or neither knows a tree: then no home may go on with this
   * key.
   */
  async recover(log: string): Promise<void> {
    await this.#serialised(log, async (slot) => {
      if (slot.disagreement === undefined) return
      const { state } = slot
      const entry = this.#guard.entries.get(log)
      const guarded = entryTree(entry)
      requireOneHistory([state.tree, guarded, floorTree(state.floor), floorTree(entry?.floor)])
      const known = new Set(state.holds.map((hold) => hold.id))
      const lostHolds = (entry?.holds ?? []).filter((id) => !known.has(id)).map((id) => ({ id, acked: false }))
      const signed = laterSigned(state.signed, entry)
      const guardKnowsMore = guarded !== undefined && guarded.size > (state.tree?.size ?? -1)
      const tree = guardKnowsMore ? guarded : state.tree
      const recovered = {
        ...state,
        seq: Math.max(state.seq, entry?.seq ?? 0) + 1,
        holds: [...state.holds, ...lostHolds],
        tree,
        note: guardKnowsMore ? undefined : state.note,
        ...(signed && { signed }),
        floor: unmetFloor({ tree, floor: largerFloor(state.floor, entry?.floor) }),
      }
      await this.#write(log, slot, recovered)
      delete slot.disagreement
    })
  }

  async #write(log: string, slot: Slot, state: LogState): Promise<LogState> {
    const text = encodeState(state, slot.hash)
    const hash = toHex(sha256(utf8(text)))
    await this.#table.put(log, text)
    try {
      await this.#guard.append(guardEntry(log, state, hash))
    } catch (error) {
      throw new GossumError('STORE_WRITE_FAILED', errorText(error), error)
    }
    slot.state = state
    slot.hash = hash
    return state
  }

  #slot(log: string): Slot {
    let slot = this.#slots.get(log)
    if (slot === undefined) {
      slot = { state: NOTHING, hash: '' }
      this.#slots.set(log, slot)
    }
    return slot
  }

  #serialised<T>(log: string, act: (slot: Slot) => Promise<T>): Promise<T> {
    return this.#serial.run(log, () => act(this.#slot(log)))
  }
}

/** One log's state as JSON: the state and the hash of the state before it. */
function encodeState(state: LogState, previous: string): string {
  const { seq, tree, note, origin, signed, floor, firstUse, holds } = state
  return JSON.stringify({
    seq,
    previous,
    ...(tree && { size: tree.size, root: formatHash(tree.root) }),
    ...(note !== undefined && { note }),
    ...(origin !== undefined && { origin }),
    ...(signed && { signed }),
    ...(floor && { floor }),
    ...(firstUse && { firstUse }),
    holds,
  })
}

interface EncodedState {
  seq: number
  previous: string
  size?: number
  root?: string
  note?: string
  origin?: string
  signed?: Signed
  floor?: Floor
  firstUse?: FirstUse
  holds: Hold[]
}

function guardEntry(log: string, state: LogState, hash: string): GuardEntry {
  return {
    log,
    seq: state.seq,
    hash,
    size: state.tree?.size ?? 0,
    root: state.tree === undefined ? '-' : formatHash(state.tree.root),
    time: state.signed?.time ?? 0,
    holds: state.holds.filter((hold) => !hold.acked).map((hold) => hold.id),
    ...(state.floor && { floor: { size: state.floor.size, root: state.floor.root, at: state.floor.at } }),
  }
}

/** What recover() can go on from: at least one tree, and not two of one size. */
function requireOneHistory(known: readonly (Tree | undefined)[]): void {
  const trees = known.filter((tree) => tree !== undefined)
  if (trees.length === 0) {
    throw new GossumError(
      'STATE_DISAGREES',
      'neither of them knows a tree to go on from; start a new home with a new key',
    )
  }
  for (const { size, root } of trees) {
    if (trees.every((other) => other.size !== size || equalBytes(other.root, root))) continue
    throw new GossumError('STATE_DISAGREES', `two roots at size ${size}; start a new home with a new key`)
  }
}

/** The floor that asks for more (one of size 0 asks for nothing); of two of one size, that whose head we hold. */
function largerFloor(ours: Floor | undefined, guarded: GuardedFloor | undefined): Floor | undefined {
  return (guarded?.size ?? 0) > (ours?.size ?? 0) ? guarded : ours
}

function floorTree(floor: GuardedFloor | undefined): Tree | undefined {
  const root = floor && parseHash(floor.root)
  return root && { size: floor.size, root }
}

function entryTree(entry: GuardEntry | undefined): Tree | undefined {
  const root = entry && parseHash(entry.root)
  return root && { size: entry.size, root }
}

/** What was signed last, as far as the state and the guard know. The guard does not know by which key. */
function laterSigned(signed: Signed | undefined, entry: GuardEntry | undefined): Signed | undefined {
  if (entry === undefined || entry.time <= (signed?.time ?? 0)) return signed
  return { key: '', size: entry.size, time: entry.time }
}

function readSlot(text: string, entry: GuardEntry | undefined): Slot {
  const hash = toHex(sha256(utf8(text)))
  let encoded: EncodedState
  try {
    encoded = JSON.parse(text) as EncodedState
  } catch {
    return { state: NOTHING, hash, disagreement: 'the state of the log cannot be read' }
  }
  const { seq, previous, size, root, note, origin, signed, floor, firstUse, holds } = encoded
  const rootHash = root === undefined ? undefined : parseHash(root)
  const state: LogState = {
    seq,
    ...(size !== undefined && rootHash !== undefined && { tree: { size, root: rootHash } }),
    ...(note !== undefined && { note }),
    ...(origin !== undefined && { origin }),
    ...(signed && { signed }),
    ...(floor && { floor }),
    ...(firstUse && { firstUse }),
    holds,
  }
  // Equal, or one ahead in the same chain.
  const agrees = entry?.hash === hash || previous === (entry?.hash ?? '')
  if (agrees) return { state, hash }
  return { state, hash, disagreement: lost(seq, entry?.seq ?? 0) }
}

function lost(inDatabase: number, inGuard: number): string {
  return `the database is at state ${inDatabase}, the guard file at ${inGuard}`
}
