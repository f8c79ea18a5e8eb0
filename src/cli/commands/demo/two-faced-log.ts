/**
 * A checksum database that lies: one key, two histories. Everyone sees the honest one except a single victim, which has
 * an address of its own. Until the fork both show the same.
 */
import { createServer } from 'node:http'
import { join } from 'node:path'
import { Level } from 'level'
import { listen, urlOf } from '../../../lib/listen.js'
import { SumdbServer, type Listening } from '../../../sumdb/log-server.js'
import { parseNote, type SignerKey } from '../../../tlog/note.js'
import { record, records } from './made-up-records.js'

/** A head of another history, as first shown to the victim. */
export interface Lie {
  readonly text: string
  /** Milliseconds since 1970. */
  readonly shownAt: number
}

/** The folders of the histories: the honest one, what the victim sees before any lie, and one for each lie. */
export const VIEWS = ['honest', 'shown', 'forked', 'forked-again'] as const

export class TwoFacedLog {
  /** The URL that everyone else uses. */
  readonly honestUrl: string
  /** The URL that the victim uses. */
  readonly victimUrl: string
  readonly #honest: SumdbServer
  readonly #victim: VictimView
  /** Records that all histories have in common. */
  #common = 0
  #lies = 0
  readonly #open: (name: string) => Promise<SumdbServer>
  readonly #close: () => Promise<void>

  private constructor(parts: {
    honest: SumdbServer
    everybody: Listening
    victim: VictimView & Listening
    open: (name: string) => Promise<SumdbServer>
    close: () => Promise<void>
  }) {
    this.honestUrl = parts.everybody.url
    this.victimUrl = parts.victim.url
    this.#honest = parts.honest
    this.#victim = parts.victim
    this.#open = parts.open
    this.#close = parts.close
  }

  static async start(directory: string, signer: SignerKey): Promise<TwoFacedLog> {
    const databases: Level[] = []
    const open = (name: string): Promise<SumdbServer> => {
      const db = new Level(join(directory, name))
      databases.push(db)
      return SumdbServer.open({ db, signer })
    }
    const [honest, shown] = [await open(VIEWS[0]), await open(VIEWS[1])]
    const everybody = await honest.listen({ host: '127.0.0.1', port: 0 })
    const victim = await listenFor(shown)
    const close = async (): Promise<void> => {
      await Promise.all([everybody.close(), victim.close()])
      await Promise.all(databases.map((db) => db.close()))
    }
    return new TwoFacedLog({ honest, everybody, victim, open, close })
  }

  /** Adds records to the one history that everyone sees. Returns the new size. */
  async append(count: number): Promise<number> {
    const added = records(this.#honest.size, count, 'honest')
    await Promise.all([this.#honest.append(added), this.#victim.log.append(added)])
    this.#common = this.#honest.size
    return this.#honest.size
  }

  /** Adds records that only the honest view gets. Returns its new size. */
  async appendHonest(count: number): Promise<number> {
    await this.#honest.append(records(this.#honest.size, count, 'honest'))
    return this.#honest.size
  }

  /**
   * Adds to the honest view a second record of a module version, with another hash. A server that follows the rules
   * gives each module version one record, so this one is filed under another name. Returns the module version.
   */
  async contradict(): Promise<string> {
    const { path, version, text } = record(0, 'another')
    const other = record(this.#honest.size, 'honest')
    await this.#honest.append([{ ...other, text: text + other.text }])
    return `${path}@${version}`
  }

  /**
   * Shows the victim a new history: `count` records of its own after those that all have in common. Resolves when the
   * victim has been shown its head.
   */
  async fork(count: number): Promise<Lie> {
    const lie = ++this.#lies
    const other = await this.#open(VIEWS[1 + lie]!)
    await other.append([...records(0, this.#common, 'honest'), ...records(this.#common, count, `lie ${lie}`)])
    const { text } = parseNote(await other.head(other.size))
    this.#victim.log = other
    return { text, shownAt: await this.#victim.shown(other) }
  }

  close(): Promise<void> {
    return this.#close()
  }
}

/** The view of the victim. */
interface VictimView {
  /** The history that is shown. */
  log: SumdbServer
  /** Resolves to the time (ms since 1970) at which the head of this history was first shown. */
  shown(log: SumdbServer): Promise<number>
}

/** Serves a log to the victim, and notes when its head was first shown. */
async function listenFor(first: SumdbServer): Promise<VictimView & Listening> {
  const waiting = new Map<SumdbServer, (at: number) => void>()
  const server = createServer((request, response) => {
    const path = request.url ?? ''
    const { log } = view
    void log.handle(path).then(({ status, type, body }) => {
      // Noted before the answer is sent, and so before anyone can catch the lie.
      if (path === '/latest') waiting.get(log)?.(Date.now())
      response.writeHead(status, { 'content-type': type, 'content-length': body.length }).end(body)
    })
  })
  await listen(server, { host: '127.0.0.1', port: 0 })
  const view = {
    log: first,
    shown: (log: SumdbServer) => new Promise<number>((resolve) => waiting.set(log, resolve)),
    url: urlOf(server),
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
  return view
}
