/**
 * The signed state of one witness key in PostgreSQL (store/shared-state.ts): one row per log, replaced by one statement
 * that names the current content. That statement is the fence; an unknown result never counts as success.
 */
import type { PoolClient } from 'pg'
import { GossumError, HintedError } from '../errors.js'
import type { StateSetting } from '../config/state-setting.js'
import { decodeState, type LogState } from '../store/log-state.js'
import {
  claimOf,
  type Claim,
  type SharedState,
  type StatePlace,
  type StateRow,
  type Taken,
  type WriteResult,
} from '../store/shared-state.js'
import { StateDatabase } from './database.js'
import { isSafe, promiseOf } from './life.js'
import { claimValues, stateRowOf, statements, type ReadRow, type Statements } from './tables.js'

interface Written {
  readonly written: number
}

/** Milliseconds between two checks of the database while nothing is written. */
const LOOK_MS = 5_000
/** Checks between two announcements of this instance and removals of old lineage. */
const LOOKS_PER_SAYING = 12

export interface PostgresStateOptions {
  readonly setting: StateSetting
  /** The verifier key of the witness. */
  readonly key: string
  /** Called once when the database is not the one that it was at the start: what it had committed may be lost. */
  readonly onMoved?: (how: string) => void
  /** Called when the database cannot be used, once until it can be used again. */
  readonly onFailure?: (why: string) => void
}

export class PostgresState implements SharedState {
  readonly #database: StateDatabase
  readonly #sql: Statements
  readonly #options: PostgresStateOptions
  #timer: NodeJS.Timeout | undefined
  #peer: string | undefined
  #looks = 0
  #hasTold = false
  #isAway = false

  constructor(options: PostgresStateOptions) {
    this.#options = options
    this.#database = new StateDatabase(options.setting)
    this.#sql = statements(options.setting.schema)
  }

  /** Why the last use of the database failed; undefined if it succeeded. */
  get failure(): string | undefined {
    return this.#database.failure
  }

  /** What a commit there survives, as a sentence. */
  get promise(): string {
    const { server } = this.#database
    return server === undefined ? 'not reached yet' : promiseOf(server)
  }

  /** Whether a commit survives the loss of the server; false before the server was reached. */
  get isSafe(): boolean {
    const { server } = this.#database
    return server !== undefined && isSafe(server)
  }

  async rows(): Promise<ReadonlyMap<string, StateRow> | undefined> {
    const { key } = this.#options
    const known = await this.#known()
    if (known?.open !== true) return undefined
    if (!known.complete)
      throw new HintedError(
        new GossumError('STATE_UNKNOWN', 'its tables are those of an earlier version'),
        'update all machines with this key, stop them, and run gossum state init on one of them',
      )
    const rows = await this.#database.read<ReadRow>(this.#sql.rows, [key])
    return new Map(rows.map((row) => [row.log, stateRowOf(row)]))
  }

  async row(log: string): Promise<StateRow | undefined> {
    const [row] = await this.#confirmed(this.#database.read<ReadRow>(this.#sql.row, [this.#options.key, log]))
    return row && stateRowOf(row)
  }

  async wentThrough(log: string, { seq, hash }: StatePlace): Promise<boolean> {
    const asked = this.#database.read(this.#sql.wentThrough, [this.#options.key, log, seq, hash])
    return (await this.#confirmed(asked)).length > 0
  }

  async replace(log: string, from: StatePlace | undefined, to: StateRow, claim?: Claim): Promise<WriteResult | Taken> {
    const [origin, keys] = claimValues(claim)
    const values = [this.#options.key, log, to.seq, to.hash, to.text, origin, keys]
    const [sql, all] =
      from === undefined ? [this.#sql.first, values] : [this.#sql.next, [...values, from.seq, from.hash]]
    const written = await this.#database.transaction(async (client) => {
      try {
        return resultOf((await client.query<Written>(sql, all)).rows)
      } catch (error) {
        // The statement has failed as a whole: this is certain.
        if (!isBoundElsewhere(error)) throw error
        return (await client.query<Taken>(this.#sql.boundTo, [keys, origin, log])).rows[0] ?? 'lost'
      }
    })
    const result = written ?? 'unknown'
    // It may have been written all the same: only a write of our own that finds it there can confirm it.
    return result === 'unknown' && (await this.confirm(log, to)) === 'won' ? 'won' : result
  }

  async confirm(log: string, { seq, hash }: StatePlace): Promise<WriteResult> {
    const result = resultOf(await this.#database.write<Written>(this.#sql.touch, [this.#options.key, log, seq, hash]))
    this.#tell()
    return result
  }

  /** Starts to check the database regularly. */
  start(): void {
    this.#timer = setInterval(() => void this.#look(), LOOK_MS).unref()
  }

  /** Records there, now and regularly, which peer of the mesh we are. */
  async introduce(peer: string): Promise<void> {
    this.#peer = peer
    await this.#database.write(this.#sql.seen, [this.#options.key, peer])
  }

  /** Whether a peer is another machine that shares this state. Throws STATE_UNREACHABLE. */
  async isInstance(peer: string): Promise<boolean> {
    return (await this.#database.read(this.#sql.isInstance, [this.#options.key, peer])).length > 0
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#database.close()
  }

  // ---- for the operator -----------------------------------------------------------------------------------------

  /** Creates missing tables. Throws STATE_UNREACHABLE. */
  async make(): Promise<void> {
    await this.#must(this.#database.transaction((client) => client.query(this.#sql.make)))
  }

  /** Whether the database knows the key, and machines may sign with it. Throws STATE_UNREACHABLE. */
  async isOpen(): Promise<boolean> {
    return (await this.#known())?.open === true
  }

  /** Creates missing tables, and registers the key and what it has signed. Throws STATE_UNREACHABLE. */
  async init(): Promise<void> {
    await this.make()
    await this.#register(() => Promise.resolve())
  }

  /**
   * Puts the states of a home into the tables, in one transaction; the key is open from then on. Throws
   * STATE_UNREACHABLE.
   */
  async put(rows: ReadonlyMap<string, StateRow>): Promise<void> {
    const { key } = this.#options
    await this.#register(async (client) => {
      for (const [log, { seq, hash, text }] of rows) {
        await client.query(this.#sql.put, [key, log, seq, hash, text])
        await client.query(this.#sql.putLineage, [key, log, seq, hash])
      }
    })
  }

  /**
   * Closes the key: from here on no state of it can be written, and writes in progress have ended. Throws
   * STATE_UNREACHABLE.
   */
  async closeKey(): Promise<void> {
    await this.#must(
      this.#database.transaction(async (client) => {
        await client.query('BEGIN')
        await client.query(this.#sql.lock)
        await client.query(this.#sql.closeKey, [this.#options.key])
        await client.query('COMMIT')
        return true
      }),
    )
  }

  /** All rows of the key, whether it is open or not. Throws STATE_UNREACHABLE. */
  async allRows(): Promise<ReadonlyMap<string, StateRow>> {
    const rows = await this.#database.read<ReadRow>(this.#sql.rows, [this.#options.key])
    return new Map(rows.map((row) => [row.log, stateRowOf(row)]))
  }

  /** Opens the key in one transaction, and binds the signing keys to the logs for which the rows say that they signed. */
  async #register(write: (client: Pick<PoolClient, 'query'>) => Promise<void>): Promise<void> {
    const { key } = this.#options
    await this.#must(
      this.#database.transaction(async (client) => {
        await client.query('BEGIN')
        await client.query(this.#sql.lock)
        await client.query(this.#sql.addKey, [key])
        await write(client)
        const { rows } = await client.query<ReadRow>(this.#sql.rows, [key])
        const states = rows.flatMap(({ log, state }) => ({ log, state: decodeState(state)?.state }))
        // Of several logs that a key has signed, which older versions allowed, it stays with the one that it went on with.
        for (const { log, state } of states.toSorted((a, b) => hasOrigin(b.state) - hasOrigin(a.state))) {
          const claim = state && claimOf(state)
          if (claim === undefined) continue
          const [origin, keys] = claimValues(claim)
          await client.query(this.#sql.bind, [keys, origin, log])
        }
        await client.query('COMMIT')
        return true
      }),
    )
  }

  async #known(): Promise<{ readonly open: boolean; readonly complete: boolean } | undefined> {
    const { key } = this.#options
    return (await this.#database.read<{ open: boolean; complete: boolean }>(this.#sql.key, [key]))[0]
  }

  // ---- helpers ---------------------------------------------------------------------------------------------------

  async #look(): Promise<void> {
    const { key } = this.#options
    const turn = this.#looks++ % LOOKS_PER_SAYING
    if (turn === 0 && this.#peer !== undefined) await this.#database.write(this.#sql.seen, [key, this.#peer])
    else if (turn === 1) await this.#database.write(this.#sql.prune, [key])
    else await this.#database.read(this.#sql.key, [key]).catch(() => undefined)
    this.#tell()
  }

  #tell(): void {
    const { moved, failure } = this.#database
    if (failure !== undefined && !this.#isAway) this.#options.onFailure?.(failure)
    this.#isAway = failure !== undefined
    if (moved === undefined || this.#hasTold) return
    this.#hasTold = true
    this.#options.onMoved?.(moved)
  }

  async #confirmed<T>(asked: Promise<T>): Promise<T> {
    try {
      return await asked
    } catch (error) {
      throw new GossumError('STATE_UNCONFIRMED', this.failure ?? '', error)
    } finally {
      this.#tell()
    }
  }

  async #must<T>(act: Promise<T | undefined>): Promise<void> {
    if ((await act) === undefined)
      throw new GossumError('STATE_UNREACHABLE', this.failure ?? 'it is unknown whether it was written')
  }
}

function hasOrigin(state: LogState | undefined): number {
  return state?.origin === undefined ? 0 : 1
}

function resultOf(rows: readonly Written[] | undefined): WriteResult {
  return rows === undefined ? 'unknown' : rows[0]?.written === 1 ? 'won' : 'lost'
}

/** Whether a statement failed because a key is bound to another log: a violated primary key, of the table of origins. */
function isBoundElsewhere(error: unknown): boolean {
  const { code, table } = error as { readonly code?: unknown; readonly table?: unknown }
  return code === '23505' && table === 'gossum_origins'
}
