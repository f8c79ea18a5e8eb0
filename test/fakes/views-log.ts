/**
 * A log with several faces: one key, and an address of its own for each view. All views show one history until one of
 * them is forked; each can be stopped and started again. The records are generated; the trees, signatures and tiles are
 * real.
 */
import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import type { SumdbServer, NewRecord } from '../../src/sumdb/log-server.js'
import { makeSignerKey, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import { madeUpRecords, memoryLog } from './lying-log.js'

/** One tree that the log has signed, or could sign. */
export class History {
  readonly server: SumdbServer
  readonly #records: NewRecord[]
  readonly #salt: string

  private constructor(server: SumdbServer, records: NewRecord[], salt: string) {
    this.server = server
    this.#records = records
    this.#salt = salt
  }

  static async begin(signer: SignerKey, records: NewRecord[], salt: string): Promise<History> {
    return new History(await memoryLog(signer, records), records, salt)
  }

  /** Appends records. Returns the new size. */
  async grow(count: number): Promise<number> {
    const { size } = this.server
    const added = madeUpRecords(size, size + count, this.#salt)
    this.#records.push(...added)
    await this.server.append(added)
    return this.server.size
  }

  /** Another history with the same first records, under the same key. */
  branch(signer: SignerKey, salt: string): Promise<History> {
    return History.begin(signer, [...this.#records], salt)
  }
}

/** An address at which the log shows a history. */
export class View {
  history: History
  /** The number of requests so far. */
  requests = 0
  readonly #host: string
  readonly #shown = new Map<number, (at: number) => void>()
  #server: Server | undefined
  #port = 0

  constructor(history: History, host: string) {
    this.history = history
    this.#host = host
  }

  get url(): string {
    return `http://${this.#host}:${this.#port}`
  }

  /** Listens, on a free port the first time, later on the same one again. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const path = request.url ?? ''
      this.requests++
      const { server: log } = this.history
      const { size } = log
      void log.handle(path).then(({ status, type, body }) => {
        response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body)
        if (path === '/latest') this.#shown.get(size)?.(Date.now())
      })
    })
    await new Promise<void>((resolve, reject) =>
      server.once('error', reject).listen(this.#port, this.#host, () => resolve()),
    )
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Resolves to the time, in ms since 1970, at which a head of this size was first served here. */
  shown(size: number): Promise<number> {
    return new Promise((resolve) => this.#shown.set(size, resolve))
  }

  async stop(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise((resolve) => server.close(resolve))
    server.closeAllConnections()
    await closed
  }
}

export class ViewsLog {
  readonly signer: SignerKey
  /** Log id. */
  readonly id: string
  readonly views: readonly View[]
  #forks = 0

  private constructor(signer: SignerKey, views: readonly View[]) {
    this.signer = signer
    this.id = logId(signer.verifier.name, SUMDB_ORIGIN)
    this.views = views
  }

  /** A log with one view on each of these addresses, all of them showing `size` records. */
  static async start(name: string, size: number, hosts: readonly string[] = ['127.0.0.1']): Promise<ViewsLog> {
    const signer = makeSignerKey(name, SIGNATURE_TYPES.ed25519, randomBytes(32))
    const history = await History.begin(signer, madeUpRecords(0, size, name), name)
    const log = new ViewsLog(
      signer,
      hosts.map((host) => new View(history, host)),
    )
    for (const view of log.views) await view.start()
    return log
  }

  /** The value of `gossum run --log` for a node that uses this view. */
  setting(view = 0): string {
    return `${this.signer.verifier.vkey} ${this.views[view]!.url}`
  }

  /** Appends records to the history that the first view shows. Returns its new size. */
  grow(count: number): Promise<number> {
    return this.views[0]!.history.grow(count)
  }

  /** Gives the view a history of its own, which is still the same; the log lies as soon as that one grows. */
  async fork(view: number): Promise<History> {
    const { history } = this.views[view]!
    return (this.views[view]!.history = await history.branch(this.signer, `fork ${++this.#forks}`))
  }

  async close(): Promise<void> {
    await Promise.all(this.views.map((view) => view.stop()))
  }
}
