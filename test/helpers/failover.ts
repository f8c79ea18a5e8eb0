/** A primary and its synchronous standby, which take turns; and a proxy that cuts connections where a test says so. */
import { connect, createServer, type Socket } from 'node:net'
import { startPostgres, type Postgres } from './postgres.js'

/** Each commit waits for the other server, whichever of the two is the primary. */
const CONF = ["synchronous_standby_names = 'FIRST 1 (other)'"]

export class Pair {
  #primary: Postgres
  #standby: Postgres
  /** What stands in the place of the primary for a while. */
  #older: Postgres | undefined

  private constructor(primary: Postgres, standby: Postgres) {
    this.#primary = primary
    this.#standby = standby
  }

  /** `onSmallDisks`: until the test ends, each on one of its own, where that is allowed. */
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

  /** Names both, as a node is told of them. */
  url(schema: string): string {
    return urlOf([this.#primary.port, this.#standby.port], schema)
  }

  /** The primary is gone as by a power cut, and the standby takes its place. It has no standby of its own yet. */
  async lose(): Promise<void> {
    await this.#primary.stop('kill')
    await this.#standby.promote()
  }

  /** The server that was lost comes back as the standby of the other, from a copy of that. */
  async rejoin(): Promise<void> {
    const lost = this.#primary
    this.#primary = this.#standby
    this.#standby = await this.#primary.standby('other', lost.port)
    await lost.remove()
  }

  /** In the place of the primary stands what it was at an earlier time, until `end` puts both back as they were. */
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

/** Between a node and its server. `cut`: what ends the next connection over which a write goes. */
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
