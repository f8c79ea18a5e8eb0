/**
 * The small state that matters, one record per log: the newest tree that we proved, what we signed, and why the log is
 * frozen. It is compared and written as one step, into the journal; the database follows, and is only an index.
 *
 * A record is on disk before the signature that it describes is made. Ed25519 is deterministic, so a crash after the
 * write loses nothing: the same text and time give the same cosignature again.
 */
import { GossumError, errorText } from '../errors.js'
import type { Table } from './disk.js'
import type { Journal } from './journal.js'
import { decodeState, encodeState, isFrozen, mayFollow, NOTHING, type LogState } from './log-state.js'
import { Serial } from '../lib/serial.js'
import { settled } from './settle.js'
import {
  claimOf,
  following,
  stateRow,
  type Claim,
  type SharedState,
  type StateRow,
  type Taken,
} from './shared-state.js'

export { isFrozen, originOf, unmetFloor } from './log-state.js'
export type { Audited, FirstUse, Floor, Hold, LogState, Signed } from './log-state.js'

/** What a change may set. */
export type Change = Partial<Omit<LogState, 'seq'>>

interface Slot {
  state: LogState
  /** What sources other than the journal know of a log whose state is disputed. */
  others: readonly LogState[]
  /** Why nothing of this log may be signed, as a sentence. */
  disagreement?: string | undefined
  /** With a shared state: the row as last seen, which matches `state`. */
  row?: StateRow | undefined
  /** With a shared state: the sequence number of the last state that one of our own writes has found there. */
  confirmed: number
}

/** Holds kept for a log that is already frozen, so that its record stays small. */
const MAX_HOLDS = 256

export class Heads {
  readonly #table: Table
  readonly #journal: Journal
  readonly #shared: SharedState | undefined
  readonly #slots = new Map<string, Slot>()
  readonly #serial = new Serial()
  #appeared = 0
  #failure: string | undefined

  private constructor(table: Table, journal: Journal, shared: SharedState | undefined) {
    this.#table = table
    this.#journal = journal
    this.#shared = shared
  }

  /**
   * Loads the state of every log, and compares the database with the journal, and the journal with the state shared
   * with other machines. A disagreement is recorded per log and does not throw. Throws STATE_UNKNOWN,
   * STATE_UNREACHABLE.
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

  /** Grows when a log gets its first state: a cheap sign that logs() has more. */
  get appeared(): number {
    return this.#appeared
  }

  /** All logs of which something is known, whether or not they are followed. */
  logs(): string[] {
    return [...this.#slots].flatMap(([log, slot]) => (knowsSomething(slot) ? log : []))
  }

  /** The state of each log as a row of a shared state. Throws STATE_DISAGREES. */
  rows(): Map<string, StateRow> {
    return new Map(
      [...this.#slots].flatMap(([log, { state, disagreement }]) => {
        if (disagreement !== undefined) throw new GossumError('STATE_DISAGREES', disagreement)
        return state.seq === 0 ? [] : [[log, this.#inJournal(log)!] as const]
      }),
    )
  }

  /** Why the last write of the journal failed; undefined if it succeeded. */
  get failure(): string | undefined {
    return this.#failure
  }

  get(log: string): LogState {
    return this.#slot(log).state
  }

  /** Why nothing of this log may be signed, as a sentence; undefined when all is well. */
  disagreement(log: string): string | undefined {
    return this.#slot(log).disagreement
  }

  /**
   * Changes the state of a log if it still is `from`, durably and as one step. Returns the new state, or undefined if
   * it was changed first by another caller, on this machine or another. Throws STATE_DISAGREES or, with the state
   * unchanged, STORE_WRITE_FAILED, STATE_UNCONFIRMED and ORIGIN_TAKEN.
   */
  async change(log: string, from: LogState, change: Change): Promise<LogState | undefined> {
    const result = await this.#serialised(log, async (slot) => {
      if (slot.disagreement !== undefined) throw new GossumError('STATE_DISAGREES', slot.disagreement)
      if (slot.state !== from) return undefined
      return this.#write(log, slot, { ...from, ...change, seq: from.seq + 1 }, claimOf(change))
    })
    if (result === undefined || !('by' in result)) return result
    // From now on it is known here as well which log the key is bound to.
    await this.refresh(result.by)
    throw new GossumError('ORIGIN_TAKEN', `the log ${result.by.slice(0, 12)}, on another machine with this key`)
  }

  /**
   * Resolves when a write by this machine has found the state, or a later one, in the shared database: only then may
   * what it describes be signed here. Throws STATE_DISAGREES, STATE_UNCONFIRMED, STORE_WRITE_FAILED.
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
   * Takes up what another machine has written about a log. Returns whether the state now differs from `seen`, whichever
   * caller took it up; always false without a shared state. Throws STATE_UNCONFIRMED, STORE_WRITE_FAILED.
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
   * Freezes a log: nothing of it is signed until the hold is acknowledged. Holding twice with one id changes nothing,
   * nor does holding a log whose state is disputed, since nothing of it is signed anyway. `acked` records a hold that
   * does not need the operator.
   */
  async hold(log: string, id: string, acked = false): Promise<void> {
    if (this.disagreement(log) !== undefined) return
    await this.#edit(log, (state) => {
      if (state.holds.some((hold) => hold.id === id)) return undefined
      if (isFrozen(state) && state.holds.length >= MAX_HOLDS) return undefined
      return { holds: [...state.holds, { id, acked }] }
    })
  }

  /** Acknowledges a hold on the operator's behalf. False when the log has no hold with this id. */
  async acknowledge(log: string, id: string): Promise<boolean> {
    if (!this.get(log).holds.some((hold) => hold.id === id)) return false
    await this.#edit(log, (state) => ({
      holds: state.holds.map((hold) => (hold.id === id ? { id, acked: true } : hold)),
    }))
    return true
  }

  /** Applies a change that is computed from the current state, retrying until it wins. */
  async #edit(log: string, change: (state: LogState) => Change | undefined): Promise<void> {
    for (;;) {
      const state = this.get(log)
      const wanted = change(state)
      if (wanted === undefined || (await this.change(log, state, wanted)) !== undefined) return
    }
  }

  /**
   * Settles a disagreement on the operator's behalf: continues from the larger of what the journal and the database
   * know, with every hold that either knows, and with the larger floor. Nothing is signed that does not extend both.
   * Throws STATE_DISAGREES when they contradict each other, or neither knows a tree: then no home may continue with
   * this key.
   */
  async recover(log: string): Promise<void> {
    // One at a time, as the first one repairs the journal for all.
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

  /** Replaces a damaged journal with an intact one, in which every log stays disputed until it is settled. */
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

  /** Undefined when another machine has changed the state: then its state is adopted here. */
  async #write(log: string, slot: Slot, state: LogState, claim?: Claim): Promise<LogState | Taken | undefined> {
    const text = encodeState(state)
    const shared = this.#shared
    if (shared === undefined) {
      await this.#keep(log, slot, state, text)
      return state
    }
    const row = stateRow(state.seq, text)
    // First into the shared database: if the journal then fails, the state is taken up from there.
    const result = await shared.replace(log, slot.row, row, claim)
    if (typeof result === 'object') return result
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

  /** Writes to the journal, and then to the index. Throws STORE_WRITE_FAILED, with the state unchanged. */
  async #keep(log: string, slot: Slot, state: LogState, text: string): Promise<void> {
    try {
      await this.#journal.append(log, text)
      this.#failure = undefined
    } catch (error) {
      this.#failure = errorText(error)
      throw new GossumError('STORE_WRITE_FAILED', this.#failure, error)
    }
    if (slot.state.seq === 0) this.#appeared++
    slot.state = state
    // The journal has it: a database that cannot be written now is brought up to date at the next start.
    this.#table.putLazily(log, text).catch(() => undefined)
  }

  /**
   * Compares what this machine has seen of a log with the row: adopts a row that continues it, and disputes any other.
   */
  async #compare(log: string, slot: Slot, row: StateRow | undefined): Promise<void> {
    if (slot.disagreement !== undefined) {
      // The state to settle with, and the one that the row replaces.
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

  /** What the journal has of a log, in the form of a row. */
  #inJournal(log: string): StateRow | undefined {
    const text = this.#journal.states.get(log)
    return text === undefined ? undefined : stateRow(this.#slot(log).state.seq, text)
  }

  #slot(log: string): Slot {
    let slot = this.#slots.get(log)
    if (slot === undefined) {
      // A damaged journal does not tell which logs it has lost.
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

/** What the journal has for a log, compared with what the database has. */
function readSlot(inJournal: string | undefined, inDatabase: string | undefined, damage: string | undefined): Slot {
  const journal = inJournal === undefined ? { state: NOTHING } : decodeState(inJournal)
  const state = journal?.state ?? NOTHING
  const others = [...(journal?.dispute?.others ?? [])]
  const reasons = [damage, journal === undefined ? 'the state in the journal cannot be read' : journal.dispute?.why]
  if (inDatabase !== undefined && inDatabase !== inJournal) {
    // An unreadable state cannot be continued, but there was one.
    const indexed = decodeState(inDatabase)?.state ?? NOTHING
    // The database follows the journal: if its state is older, the journal must be able to follow from it.
    if (indexed.seq === 0 || indexed.seq >= state.seq || !mayFollow(state, indexed)) {
      others.push(indexed)
      reasons.push(whyNot(indexed.seq, state.seq))
    }
  }
  return { state, others, disagreement: reasons.find((reason) => reason !== undefined), confirmed: 0 }
}

function whyNot(inDatabase: number, inJournal: number): string {
  if (inDatabase === 0) return 'the state in the database cannot be read'
  if (inDatabase < inJournal) return `the journal at state ${inJournal} does not continue the database at ${inDatabase}`
  if (inDatabase === inJournal) return `the database and the journal have different states ${inJournal}`
  return `the database is at state ${inDatabase}, the journal at ${inJournal}`
}
