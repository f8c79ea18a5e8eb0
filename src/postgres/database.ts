/**
 * Connections to whichever of the configured servers takes writes. Each connection checks which life of the database it
 * has reached before it is used. The result of a write is reported honestly: `undefined` if it is unknown whether it
 * was committed.
 */
import { readFileSync } from 'node:fs'
import { Client, Pool, type PoolClient, type PoolConfig, type QueryResultRow } from 'pg'
import { errorText, GossumError } from '../errors.js'
import { within } from '../lib/timed.js'
import type { StateServer, StateSetting } from '../config/state-setting.js'
import { lifeOf, type ServerRow } from './life.js'
import { ABOUT } from './tables.js'

/** Milliseconds: to connect; for a statement, as limited by the server, and as limited here. */
const CONNECT_MS = 3_000
const STATEMENT_MS = 4_000
const ANSWER_MS = 6_000
/** The most milliseconds in total: connecting to each server, and the answer. */
const MOST_MS = 20_000
/** Connections per node. */
const MOST = 4

export class StateDatabase {
  readonly #setting: StateSetting
  #pool: Promise<Pool> | undefined
  #server: ServerRow | undefined
  #life: string | undefined
  #moved: string | undefined
  #failure: string | undefined
  #isClosed = false

  constructor(setting: StateSetting) {
    this.#setting = setting
  }

  /** What the server reported about itself at the last connection. */
  get server(): ServerRow | undefined {
    return this.#server
  }

  /** Why the last use failed; undefined if it succeeded. */
  get failure(): string | undefined {
    return this.#moved ?? this.#failure
  }

  /** How the database has changed identity since the first connection; it is no longer used then. */
  get moved(): string | undefined {
    return this.#moved
  }

  /** The rows that a statement returns. Throws STATE_UNREACHABLE. */
  async read<R extends QueryResultRow>(statement: string, values: readonly unknown[]): Promise<R[]> {
    try {
      return await this.#use(async (client) => (await client.query<R>(statement, [...values])).rows)
    } catch (error) {
      throw new GossumError('STATE_UNREACHABLE', this.#failure ?? errorText(error), error)
    }
  }

  /**
   * The rows that a writing statement returns, once it is committed as the server promises; undefined when that is
   * unknown. A server that stops waiting for its standby reports it only as a warning.
   */
  async write<R extends QueryResultRow>(statement: string, values: readonly unknown[]): Promise<R[] | undefined> {
    return this.transaction(async (client) => (await client.query<R>(statement, [...values])).rows)
  }

  /** The result of an act that writes; undefined when it is unknown whether it was committed. */
  async transaction<T>(act: (client: Pick<PoolClient, 'query'>) => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#use(async (client) => {
        let warning: string | undefined
        const onNotice = ({ message }: { message?: string | undefined }): void =>
          void (warning ??= message ?? 'a warning')
        client.on('notice', onNotice)
        try {
          const result = await act(client)
          if (warning !== undefined) throw new Error(warning)
          return result
        } finally {
          client.off('notice', onNotice)
        }
      })
    } catch {
      return undefined
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await within(CONNECT_MS, this.#drop())
  }

  /** Ends in any case: we do not wait for whatever the library does with a connection that broke at a bad moment. */
  async #use<T>(act: (client: PoolClient) => Promise<T>): Promise<T> {
    const { promise: late, reject } = Promise.withResolvers<never>()
    const timer = setTimeout(() => reject(new Error(`no answer in ${MOST_MS} ms`)), MOST_MS)
    const using = this.#try(act)
    try {
      return await Promise.race([using, late])
    } catch (error) {
      using.catch(() => undefined)
      this.#failure = errorText(error)
      // Whatever the reason: the next statement uses a new connection, and perhaps another server.
      void this.#drop()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  async #try<T>(act: (client: PoolClient) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('the connection is closed')
    if (this.#moved !== undefined) throw new Error(this.#moved)
    let client: PoolClient | undefined
    try {
      client = await (await (this.#pool ??= this.#open())).connect()
      const result = await act(client)
      client.release()
      this.#failure = undefined
      return result
    } catch (error) {
      client?.release(true)
      throw error
    }
  }

  /** Resolves when what is in progress on the connections has ended. */
  async #drop(): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    await pool?.then((its) => its.end()).catch(() => undefined)
  }

  /** Connections to the first server that takes writes. */
  async #open(): Promise<Pool> {
    const obstacles: string[] = []
    for (const server of this.#setting.servers) {
      for (const ssl of sslChoices(this.#setting, server)) {
        const options = this.#optionsOf(server, ssl)
        const client = new Client(options)
        client.on('error', () => undefined)
        try {
          await client.connect()
          const { standby } = (await client.query<ServerRow>(ABOUT)).rows[0]!
          if (!standby) return this.#poolOf(options)
          obstacles.push(`${server.host}:${server.port}: a standby`)
          break
        } catch (error) {
          obstacles.push(`${server.host}:${server.port}: ${errorText(error)}`)
          if (!/does not support SSL/.test(errorText(error))) break
        } finally {
          // Not awaited: the library may never report the end of a failed connection.
          void client.end().catch(() => undefined)
        }
      }
    }
    throw new Error(obstacles.join('; '))
  }

  #poolOf(options: PoolConfig): Pool {
    const pool = new Pool({
      ...options,
      max: MOST,
      verify: (client, done) => {
        this.#look(client).then(
          () => done(),
          (error: unknown) => done(error instanceof Error ? error : new Error(errorText(error))),
        )
      },
    })
    // The user of a connection is told when it ends; without a listener the error would end the process as well.
    pool.on('connect', (client) => client.on('error', () => undefined))
    // An idle one: the next use opens another.
    pool.on('error', (error) => (this.#failure = errorText(error)))
    return pool
  }

  /** Checks that it is still the same database. Throws when it is not, or when it takes no writes. */
  async #look(client: Pick<PoolClient, 'query'>): Promise<void> {
    const server = (await client.query<ServerRow>(ABOUT)).rows[0]!
    if (server.standby) throw new Error('it has become a standby')
    const life = lifeOf(server)
    this.#life ??= life
    if (life !== this.#life) {
      this.#moved = `the database was replaced or restarted: it was ${this.#life}, and is ${life}`
      throw new Error(this.#moved)
    }
    this.#server = server
    // A crash would lose a commit that is not even on the server's disk.
    if (server.commit === 'off' || server.commit === 'local') await client.query("SET synchronous_commit = 'on'")
  }

  #optionsOf(server: StateServer, ssl: object | false): PoolConfig {
    const { database, user, password } = this.#setting
    return {
      ...{ host: server.host, port: server.port, ssl },
      ...(database !== undefined && { database }),
      ...(user !== undefined && { user }),
      ...(password !== undefined && { password }),
      application_name: 'gossum',
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: STATEMENT_MS,
      query_timeout: ANSWER_MS,
      keepAlive: true,
    }
  }
}

/** The encryption settings to try, in order. */
function sslChoices({ ssl: { mode, rootCert } }: StateSetting, { host }: StateServer): (object | false)[] {
  if (mode === 'disable' || host.startsWith('/')) return [false]
  const ca = rootCert === undefined ? {} : { ca: readFileSync(rootCert, 'utf8') }
  switch (mode) {
    case 'prefer':
      return [{ rejectUnauthorized: false }, false]
    case 'require':
      // Like libpq: with a root certificate the server is verified, without one it is not.
      return [rootCert === undefined ? { rejectUnauthorized: false } : { ...ca, checkServerIdentity: () => undefined }]
    case 'verify-ca':
      return [{ ...ca, checkServerIdentity: () => undefined }]
    case 'verify-full':
      return [ca]
  }
}
