/**
 * A checksum database with two faces: one key, and for each face a history that is served at a path of its own. Both are the same
 * until somebody asks for a fork; from then on each grows by itself. It lasts: key and histories are in its home.
 */
import { join } from 'node:path'
import { loadOrCreateLogKey } from '../../../keys/key-file.js'
import { Serial } from '../../../lib/serial.js'
import { obstacleIn } from '../../../store/obstacle.js'
import { openDatabase } from '../../../store/open-database.js'
import { SumdbServer, type LogReply } from '../../../sumdb/log-server.js'
import { toBase64 } from '../../../tlog/bytes.js'
import { records } from './made-up-records.js'

/** The faces, and the paths behind which they are. */
export const FACES = ['left', 'right'] as const

export type Face = (typeof FACES)[number]

/** What it shows now. */
export interface ForkableState {
  readonly log: string
  /** Whether the faces show two histories. */
  readonly forked: boolean
  /** Whether it takes no more records. */
  readonly full: boolean
  readonly faces: readonly { readonly face: Face; readonly size: number; readonly root: string }[]
}

/** Records of a new log. */
const FIRST_RECORDS = 100
/** Records that come with each head. */
const NEW_RECORDS = 12
/** Nobody watches it for ever: then it stops growing. */
const MOST_RECORDS = 500_000
/** What the records of the two histories are made of. */
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

  /** Opens the log of a home, or a new one with a key of this name. Throws STORE_LOCKED, and what else stands in the way. */
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

  /** Signs a new head with a few more records, for each face. Whether there was room for them. */
  publish(): Promise<boolean> {
    return this.#serial.run('', () => this.#grow())
  }

  /** From now on the right face shows another history. Whether that was a fork: there is one, and it needs room. */
  fork(): Promise<boolean> {
    return this.#serial.run('', async () => {
      if (this.#isForked || this.#isFull) return false
      this.#isForked = true
      return this.#grow()
    })
  }

  /** Answers a request for a path behind a face. */
  handle(face: Face, path: string): Promise<LogReply> {
    return this.#faces[face].handle(path)
  }

  /** Ends when the work in hand is done. */
  close(): Promise<void> {
    return this.#serial.run('', this.#close)
  }

  get #isFull(): boolean {
    return FACES.some((face) => this.#faces[face].size >= MOST_RECORDS)
  }

  /** Whether there are two histories, the databases say; where there is one, a face that was interrupted catches up. */
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
