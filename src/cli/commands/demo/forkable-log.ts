/**
 * A checksum database with two faces: one key, and for each face a history served at a path of its own. Both histories
 * are the same until a fork is requested; from then on they grow independently. Key and histories persist in its home.
 */
import { join } from 'node:path'
import { loadOrCreateLogKey } from '../../../keys/key-file.js'
import { Serial } from '../../../lib/serial.js'
import { obstacleIn } from '../../../store/obstacle.js'
import { openDatabase } from '../../../store/open-database.js'
import { SumdbServer, type LogReply } from '../../../sumdb/log-server.js'
import { toBase64 } from '../../../tlog/bytes.js'
import { records } from './made-up-records.js'

/** The faces, which are also the first elements of their paths. */
export const FACES = ['left', 'right'] as const

export type Face = (typeof FACES)[number]

/** The state shown now. */
export interface ForkableState {
  readonly log: string
  /** Whether the faces show different histories. */
  readonly forked: boolean
  /** Whether it accepts no more records. */
  readonly full: boolean
  readonly faces: readonly { readonly face: Face; readonly size: number; readonly root: string }[]
}

/** The number of records in a new log. */
const FIRST_RECORDS = 100
/** The number of records that each head adds. */
const NEW_RECORDS = 12
/** The log stops growing at this size: it may run unattended. */
const MOST_RECORDS = 500_000
/** What the records of the two histories are derived from. */
const SALTS = { left: 'honest', right: 'forked' } as const

export class ForkableLog {
  readonly #faces: Readonly<Record<Face, SumdbServer>>
  readonly #serial = new Serial()
  readonly #close: () => Promise<void>
  #isForked = false

  private constructor(faces: Readonly<Record<Face, SumdbServer>>, close: () => Promise<void>) {
    this.#faces = faces
    this.#close = close
  }

  /**
   * Opens the log of a home, or creates one with a key of this name. Throws STORE_LOCKED, and other reasons of failure.
   */
  static async open(home: string, name: string): Promise<ForkableLog> {
    const { signer } = await loadOrCreateLogKey(join(home, 'log.key'), name)
    const open = async (face: Face) => {
      const db = await openDatabase(join(home, face), true).catch(async (error: unknown) => {
        throw await obstacleIn(home, error)
      })
      return { db, server: await SumdbServer.open({ db, signer }) }
    }
    const [left, right] = [await open('left'), await open('right')]
    const close = async (): Promise<void> => {
      await Promise.all([left.db.close(), right.db.close()])
    }
    const log = new ForkableLog({ left: left.server, right: right.server }, close)
    await log.#recover()
    return log
  }

  get vkey(): string {
    return this.#faces.left.vkey
  }

  async state(): Promise<ForkableState> {
    const faces = FACES.map(async (face) => {
      const { size } = this.#faces[face]
      return { face, size, root: toBase64(await this.#faces[face].root(size)) }
    })
    return { log: this.vkey, forked: this.#isForked, full: this.#isFull, faces: await Promise.all(faces) }
  }

  /** Signs a new head with a few more records, for each face. Returns whether there was room for them. */
  publish(): Promise<boolean> {
    return this.#serial.run('', () => this.#grow())
  }

  /**
   * From now on the right face shows another history. Returns whether it forked: it needs room, and can fork only once.
   */
  fork(): Promise<boolean> {
    return this.#serial.run('', async () => {
      if (this.#isForked || this.#isFull) return false
      this.#isForked = true
      return this.#grow()
    })
  }

  /** Answers a request for a path under a face. */
  handle(face: Face, path: string): Promise<LogReply> {
    return this.#faces[face].handle(path)
  }

  /** Resolves when pending work is done. */
  close(): Promise<void> {
    return this.#serial.run('', this.#close)
  }

  get #isFull(): boolean {
    return FACES.some((face) => this.#faces[face].size >= MOST_RECORDS)
  }

  /** Determines from the databases whether there are two histories; if not, an interrupted face catches up. */
  async #recover(): Promise<void> {
    const { left, right } = this.#faces
    const common = Math.min(left.size, right.size)
    this.#isForked = toBase64(await left.root(common)) !== toBase64(await right.root(common))
    const size = Math.max(left.size, right.size, FIRST_RECORDS)
    if (!this.#isForked) for (const face of FACES) await this.#append(face, size - this.#faces[face].size)
  }

  async #grow(): Promise<boolean> {
    if (this.#isFull) return false
    for (const face of FACES) await this.#append(face, NEW_RECORDS)
    return true
  }

  async #append(face: Face, count: number): Promise<void> {
    const log = this.#faces[face]
    await log.append(records(log.size, count, this.#isForked ? SALTS[face] : SALTS.left))
  }
}
