/**
 * A primary and its synchronous standby, which switch roles; and a proxy that cuts connections at places that a test
 * chooses.
 */
import { connect, createServer, type Socket } from 'node:net'
import { startPostgres, type Postgres } from './postgres.js'

/** Each commit waits for the other server, whichever of the two is the primary. */
const CONF = ["synchronous_standby_names = 'FIRST 1 (other)'"]

export class Pair {
  #primary: Postgres
  #standby: Postgres
  /** A server that temporarily replaces the primary. */
  #older: Postgres | undefined

  private constructor(primary: Postgres, standby: Postgres) {
    this.#primary = primary
    this.#standby = standby
  }

  /** With `onSmallDisks` each server is on a small disk of its own until the test ends, if that is permitted. */
  static async start(onSmallDisks = false): Promise<Pair> {
    const conf = [...CONF, 'synchronous_commit = on', 'checkpoint_timeout = 30s']
    const primary = await startPostgres(conf, onSmallDisks)
    return new Pair(primary, await primary.standby('other'))
  }

  get primary(): Postgres {
    return this.#primary
  }

  get standby(): Postgres {
    return this.#standby
  }

  /** A URL with both servers, in the form for a node. */
  url(schema: string): string {
    return urlOf([this.#primary.port, this.#standby.port], schema)
  }

  /** The primary is lost as by a power failure, and the standby is promoted. It has no standby of its own yet. */
  async lose(): Promise<void> {
    await this.#primary.stop('kill')
    await this.#standby.promote()
  }

  /** The lost server returns as the standby of the other, from a copy of it. */
  async rejoin(): Promise<void> {
    const lost = this.#primary
    this.#primary = this.#standby
    this.#standby = await this.#primary.standby('other', lost.port)
    await lost.remove()
  }

  /** Replaces the primary with an earlier version of it, until `end` restores both. */
  async putBack(backup: { start(): Promise<Postgres> }): Promise<{ end(): Promise<void> }> {
    await Promise.all([this.#primary.stop('kill'), this.#standby.stop('kill')])
    this.#older = await backup.start()
    const end = async (): Promise<void> => {
      await this.#older?.remove()
      await this.#primary.start()
      await this.#standby.start()
    }
    return { end }
  }

  async remove(): Promise<void> {
    await Promise.all([this.#primary.remove(), this.#standby.remove(), this.#older?.remove()])
  }
}

function urlOf(ports: readonly number[], schema: string): string {
  const servers = ports.map((port) => `127.0.0.1:${port}`).join(',')
  return `postgres://gossum@${servers}/postgres?sslmode=disable&schema=${schema}`
}

/** A proxy between a node and its server. `cut` determines when the next connection with a write is cut. */
export class Cutter {
  readonly port: number
  readonly #close: () => void
  /** `before`: the write does not reach the server. `after`: its answer does not reach the node. */
  cut: 'before' | 'after' | undefined

  private constructor(port: number, close: () => void) {
    this.port = port
    this.#close = close
  }

  static async start(to: () => number): Promise<Cutter> {
    const sockets = new Set<Socket>()
    const server = createServer((client) => {
      const upstream = connect(to(), '127.0.0.1')
      for (const socket of [client, upstream]) {
        sockets.add(socket)
        socket.on('error', () => undefined)
        socket.on('close', () => {
          sockets.delete(socket)
          client.destroy()
          upstream.destroy()
        })
      }
      let isCut = false
      client.on('data', (bytes: Buffer) => {
        if (cutter.cut !== undefined && /UPDATE|INSERT/.test(bytes.toString('latin1'))) {
          const { cut } = cutter
          cutter.cut = undefined
          if (cut === 'before') return void client.destroy()
          isCut = true
        }
        upstream.write(bytes)
      })
      upstream.on('data', (bytes: Buffer) => {
        if (isCut) client.destroy()
        else client.write(bytes)
      })
    })
    const { promise, resolve } = Promise.withResolvers<number>()
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port))
    const cutter = new Cutter(await promise, () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    })
    return cutter
  }

  url(schema: string): string {
    return urlOf([this.port], schema)
  }

  close(): void {
    this.#close()
  }
}
