/**
 * A checksum database that lies: one key, two histories. Everybody sees the honest one, but for one victim, who has a
 * door of their own. Until the fork both show the same.
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Level } from 'level'
import { SumdbServer, type Listening, type NewRecord } from '../../sumdb/server.js'
import { toBase64, utf8 } from '../../tlog/bytes.js'
import { sha256 } from '../../tlog/hash.js'
import type { SignerKey } from '../../tlog/note.js'

/** Two go.sum lines of a made-up module; `salt` makes another history of it. */
function record(n: number, salt: string): NewRecord {
  const path = `example.com/module${n}`
  const version = 'v1.0.0'
  const hash = toBase64(sha256(utf8(`${salt} ${n}`)))
  return { path, version, text: `${path} ${version} h1:${hash}\n${path} ${version}/go.mod h1:${hash}\n` }
}

function records(from: number, count: number, salt: string): NewRecord[] {
  return Array.from({ length: count }, (_, i) => record(from + i, salt))
}

export class TwoFacedLog {
  /** What everybody sees. */
  readonly honestUrl: string
  /** What the victim sees. */
  readonly victimUrl: string
  readonly #honest: SumdbServer
  readonly #forked: SumdbServer
  readonly #close: () => Promise<void>
  readonly #shown: Map<number, (at: number) => void>

  private constructor(parts: {
    honest: SumdbServer
    forked: SumdbServer
    everybody: Listening
    victim: Listening
    shown: Map<number, (at: number) => void>
    close: () => Promise<void>
  }) {
    this.honestUrl = parts.everybody.url
    this.victimUrl = parts.victim.url
    this.#honest = parts.honest
    this.#forked = parts.forked
    this.#shown = parts.shown
    this.#close = parts.close
  }

  static async start(directory: string, signer: SignerKey): Promise<TwoFacedLog> {
    const databases = ['honest', 'forked'].map((name) => new Level(join(directory, name)))
    const [honest, forked] = await Promise.all(databases.map((db) => SumdbServer.open({ db, signer })))
    const shown = new Map<number, (at: number) => void>()
    const everybody = await honest!.listen({ host: '127.0.0.1', port: 0 })
    const victim = await listenFor(forked!, shown)
    const close = async (): Promise<void> => {
      await Promise.all([everybody.close(), victim.close()])
      await Promise.all(databases.map((db) => db.close()))
    }
    return new TwoFacedLog({ honest: honest!, forked: forked!, everybody, victim, shown, close })
  }

  /** Adds records to the one history that everybody sees. Returns the new size. */
  async append(count: number): Promise<number> {
    const added = records(this.#honest.size, count, 'honest')
    await Promise.all([this.#honest.append(added), this.#forked.append(added)])
    return this.#honest.size
  }

  /** Adds records that only the honest view gets. Returns its new size. */
  async appendHonest(count: number): Promise<number> {
    await this.#honest.append(records(this.#honest.size, count, 'honest'))
    return this.#honest.size
  }

  /**
   * Adds other records to the victim's view and signs them. Returns the size of the fork, and the moment (ms since
   * 1970) when the victim was first shown that head.
   */
  async fork(count: number): Promise<{ size: number; shown: Promise<number> }> {
    const size = this.#forked.size + count
    const shown = new Promise<number>((resolve) => this.#shown.set(size, resolve))
    await this.#forked.append(records(this.#forked.size, count, 'forked'))
    return { size, shown }
  }

  close(): Promise<void> {
    return this.#close()
  }
}

/** Serves a log to the victim and notes when each head was shown first. */
async function listenFor(log: SumdbServer, shown: Map<number, (at: number) => void>): Promise<Listening> {
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const { size } = log
    void log.handle(path).then(({ status, type, body }) => {
      response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body)
      if (path === '/latest') shown.get(size)?.(Date.now())
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
