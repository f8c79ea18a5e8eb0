/**
 * The little state that matters, one record per log: the newest tree we proved, what we signed, and why the log is
 * frozen. It is compared and written in one act, into the journal; the database follows, and is an index.
 *
 * A record is on the disk before the signature that it speaks of is made. Ed25519 is deterministic, so a crash after
 * the write loses nothing: the same text and time give the same cosignature again.
 */
import { GossumError, errorText } from '../errors.js'
import type { Table } from './disk.js'
import type { Journal } from './journal.js'
import { decodeState, encodeState, isFrozen, mayFollow, NOTHING, type LogState } from './log-state.js'
import { Serial } from '../lib/serial.js'
import { settled } from './settle.js'
import { following, stateRow, type SharedState, type StateRow } from './shared-state.js'

export { isFrozen, unmetFloor } from './log-state.js'
export type { Audited, FirstUse, Floor, Hold, LogState, Signed } from './log-state.js'

/** What a change may set. */
export type Change = Partial<Omit<LogState, 'seq'>>

interface Slot {
  state: LogState
  /** What others than the journal know of a log whose state is disputed. */
  others: readonly LogState[]
  /** Why nothing of this log may be signed, in words. */
  disagreement?: string | undefined
  /** With a shared state: the row as we saw it last, which is `state`. */
  row?: StateRow | undefined
  /** With a shared state: the number of the last state that a write of our own has found there. */
  confirmed: number
}

/** Holds kept of a log that is frozen already: the record stays small. What the operator let go makes room for more. */
const MAX_HOLDS = 256

export class Heads {
  readonly #table: Table
  readonly #journal: Journal
  readonly #shared: SharedState | undefined
  readonly #slots = new Map<string, Slot>()
  readonly #serial = new Serial()
  #failure: string | undefined

  private constructor(table: Table, journal: Journal, shared: SharedState | undefined) {
    this.#table = table
    this.#journal = journal
    this.#shared = shared
  }

  /**
   * Loads every log's state and compares the database with the journal, and the journal with the state that is shared with
   * other machines. Disagreement is kept per log; it does not throw. Throws STATE_UNKNOWN, STATE_UNREACHABLE.
   */
  static async load(table: Table, journal: Journal, shared?: SharedState): Promise<Heads> {
    const heads = new Heads(table, journal, shared)
    const indexed = new Map(await table.entries())
    const rows = await shared?.rows()
    if (shared !== undefined && rows === undefined) throw new GossumError('STATE_UNKNOWN')
    for (const log of new Set([...journal.states.keys(), ...indexed.keys(), ...(rows?.keys() ?? [])])) {
      const text = journal.states.get(log)
      const slot = readSlot(text, indexed.get(log), journal.damage)
      heads.#slots.set(log, slot)
      if (slot.disagreement === undefined && text !== undefined && text !== indexed.get(log))
        await table.putLazily(log, text)
      if (shared !== undefined) await heads.#compare(log, slot, rows?.get(log))
    }
    return heads
  }

  /** Whether other machines change the state, too. */
  get isShared(): boolean {
    return this.#shared !== undefined
  }

  /** All logs of which something is known, whether they are followed or not. */
  logs(): string[] {
    return [...this.#slots].flatMap(([log, slot]) => (knowsSomething(slot) ? log : []))
  }

  /** The state of each log as a row of a shared one. Throws STATE_DISAGREES. */
  rows(): Map<string, StateRow> {
    return new Map(
      [...this.#slots].flatMap(([log, { state, disagreement }]) => {
        if (disagreement !== undefined) throw new GossumError('STATE_DISAGREES', disagreement)
        return state.seq === 0 ? [] : [[log, this.#inJournal(log)!] as const]
      }),
    )
  }

  /** Why the journal could not be written the last time; undefined when it could. */
  get failure(): string | undefined {
    return this.#failure
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
   * somebody else changed it first, on this machine or another. Throws STATE_DISAGREES, or with the state unchanged
   * STORE_WRITE_FAILED and STATE_UNCONFIRMED.
   */
  change(log: string, from: LogState, change: Change): Promise<LogState | undefined> {
    return this.#serialised(log, async (slot) => {
      if (slot.disagreement !== undefined) throw new GossumError('STATE_DISAGREES', slot.disagreement)
      if (slot.state !== from) return undefined
      return this.#write(log, slot, { ...from, ...change, seq: from.seq + 1 })
    })
  }

  /**
   * Resolves when a write of this machine has found the state, or a later one, where all machines look: only then may what it
   * speaks of be signed here. Throws STATE_DISAGREES, STATE_UNCONFIRMED, STORE_WRITE_FAILED.
   */
  async confirm(log: string, { seq }: LogState): Promise<void> {
    const shared = this.#shared
    if (shared === undefined || this.#slot(log).confirmed >= seq) return
    await this.#serialised(log, async (slot) => {
      if (slot.confirmed >= seq) return
      const result = slot.row === undefined ? 'lost' : await shared.confirm(log, slot.row)
      if (result === 'won') slot.confirmed = slot.state.seq
      else if (result === 'lost') await this.#compare(log, slot, await shared.row(log))
      if (slot.disagreement !== undefined) throw new GossumError('STATE_DISAGREES', slot.disagreement)
      if (slot.confirmed < seq) throw new GossumError('STATE_UNCONFIRMED')
    })
  }

  /**
   * Takes up what another machine has written of a log. Whether the state is another one now than `seen`, whoever took it up;
   * never without a shared state. Throws STATE_UNCONFIRMED, STORE_WRITE_FAILED.
   */
  async refresh(log: string, seen = this.get(log)): Promise<boolean> {
    const shared = this.#shared
    if (shared === undefined) return false
    return this.#serialised(log, async (slot) => {
      if (slot.state === seen) await this.#compare(log, slot, await shared.row(log))
      return slot.state !== seen
    })
  }

  /**
   * Freezes a log: nothing of it is signed until the hold is acknowledged. Holding twice with one id changes nothing.
   * Nor does holding a log whose state is disputed: nothing of it is signed anyway. `acked` notes one that the operator is
   * not to be asked about.
   */
  async hold(log: string, id: string, acked = false): Promise<void> {
    if (this.disagreement(log) !== undefined) return
    await this.#edit(log, (state) => {
      if (state.holds.some((hold) => hold.id === id)) return undefined
      if (isFrozen(state) && state.holds.length >= MAX_HOLDS) return undefined
      return { holds: [...state.holds, { id, acked }] }
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
   * Settles a disagreement on the operator's word: goes on from the larger of what the journal and the database know,
   * keeping every hold that either knows, and the larger floor. Nothing that does not extend the two will be signed.
   * Throws STATE_DISAGREES when they contradict each other, or neither knows a tree: then no home may go on with this
   * key.
   */
  async recover(log: string): Promise<void> {
    // One at a time, as the first mends the journal for all.
    await this.#serial.run('', () =>
      this.#serialised(log, async (slot) => {
        if (slot.disagreement === undefined) return
        if (knowsSomething(slot) || this.logs().length === 0) {
          const state = settled([slot.state, ...slot.others])
          await this.#mend()
          if ((await this.#write(log, slot, state)) === undefined)
            throw new GossumError('STATE_DISAGREES', 'another machine has changed the state meanwhile')
        } else await this.#mend()
        slot.others = []
        slot.disagreement = undefined
      }),
    )
  }

  /** Puts a whole journal in the place of a damaged one, in which every log stays disputed until it is settled. */
  async #mend(): Promise<void> {
    const why = this.#journal.damage
    if (why === undefined) return
    const known = [...this.#slots].filter(([, slot]) => knowsSomething(slot))
    try {
      await this.#journal.mend(known.map(([log, { state, others }]) => [log, encodeState(state, { why, others })]))
    } catch (error) {
      throw new GossumError('STORE_WRITE_FAILED', errorText(error), error)
    }
    for (const slot of this.#slots.values()) if (!knowsSomething(slot)) slot.disagreement = undefined
  }

  /** Undefined when another machine has changed the state: then that is the state here, too. */
  async #write(log: string, slot: Slot, state: LogState): Promise<LogState | undefined> {
    const text = encodeState(state)
    const shared = this.#shared
    if (shared === undefined) {
      await this.#keep(log, slot, state, text)
      return state
    }
    const row = stateRow(state.seq, text)
    // First where all machines look: what does not come into the journal then is taken up from there.
    const result = await shared.replace(log, slot.row, row)
    if (result === 'unknown') throw new GossumError('STATE_UNCONFIRMED')
    if (result === 'lost') {
      const before = slot.state
      await this.#compare(log, slot, await shared.row(log))
      if (slot.state === before && slot.disagreement === undefined) throw new GossumError('STATE_UNCONFIRMED')
      return undefined
    }
    await this.#keep(log, slot, state, text)
    slot.row = row
    slot.confirmed = state.seq
    return state
  }

  /** Into the journal, and then into the index. Throws STORE_WRITE_FAILED, with the state unchanged. */
  async #keep(log: string, slot: Slot, state: LogState, text: string): Promise<void> {
    try {
      await this.#journal.append(log, text)
      this.#failure = undefined
    } catch (error) {
      this.#failure = errorText(error)
      throw new GossumError('STORE_WRITE_FAILED', this.#failure, error)
    }
    slot.state = state
    // The journal has it: a database that cannot be written now is brought up at the next start.
    this.#table.putLazily(log, text).catch(() => undefined)
  }

  /** Holds what this machine has seen of a log against the row: takes up what goes on from it, and disputes anything else. */
  async #compare(log: string, slot: Slot, row: StateRow | undefined): Promise<void> {
    if (slot.disagreement !== undefined) {
      // What it is settled with, and what it replaces.
      const other = row === undefined ? undefined : decodeState(row.text)?.state
      if (other !== undefined) slot.others = [...slot.others, other]
      slot.row = row
      return
    }
    const mine = slot.row ?? this.#inJournal(log)
    if (row === undefined && mine === undefined) return
    const taken = await following(this.#shared!, log, mine, row)
    if (typeof taken === 'string') {
      const other = row === undefined ? undefined : decodeState(row.text)?.state
      slot.others = other === undefined ? [] : [other]
      slot.disagreement = taken
      slot.row = row
    } else {
      if (row!.hash !== mine?.hash) await this.#keep(log, slot, taken, row!.text)
      slot.row = row
    }
  }

  /** What the journal has of a log, as a row would have it. */
  #inJournal(log: string): StateRow | undefined {
    const text = this.#journal.states.get(log)
    return text === undefined ? undefined : stateRow(this.#slot(log).state.seq, text)
  }

  #slot(log: string): Slot {
    let slot = this.#slots.get(log)
    if (slot === undefined) {
      // Of a damaged journal nobody can tell which logs it has lost.
      slot = { state: NOTHING, others: [], disagreement: this.#journal.damage, confirmed: 0 }
      this.#slots.set(log, slot)
    }
    return slot
  }

  #serialised<T>(log: string, act: (slot: Slot) => Promise<T>): Promise<T> {
    return this.#serial.run(log, () => act(this.#slot(log)))
  }
}

function knowsSomething({ state, others }: Slot): boolean {
  return state.seq > 0 || others.length > 0
}

/** What the journal says of a log, compared with what the database says. */
function readSlot(inJournal: string | undefined, inDatabase: string | undefined, damage: string | undefined): Slot {
  const journal = inJournal === undefined ? { state: NOTHING } : decodeState(inJournal)
  const state = journal?.state ?? NOTHING
  const others = [...(journal?.dispute?.others ?? [])]
  const reasons = [damage, journal === undefined ? 'the state in the journal cannot be read' : journal.dispute?.why]
  if (inDatabase !== undefined && inDatabase !== inJournal) {
    // Nobody can go on from what cannot be read, but there was something.
    const indexed = decodeState(inDatabase)?.state ?? NOTHING
    // The database follows the journal: an older state is one behind which the journal has gone on.
    if (indexed.seq === 0 || indexed.seq >= state.seq || !mayFollow(state, indexed)) {
      others.push(indexed)
      reasons.push(whyNot(indexed.seq, state.seq))
    }
  }
  return { state, others, disagreement: reasons.find((reason) => reason !== undefined), confirmed: 0 }
}

function whyNot(inDatabase: number, inJournal: number): string {
  if (inDatabase === 0) return 'the state in the database cannot be read'
  if (inDatabase < inJournal)
    return `the journal at state ${inJournal} does not go on from the database at ${inDatabase}`
  if (inDatabase === inJournal) return `the database and the journal have different states ${inJournal}`
  return `the database is at state ${inDatabase}, the journal at ${inJournal}`
}
