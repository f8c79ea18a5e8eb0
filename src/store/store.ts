/**
 * Everything that a node keeps on disk: one level database and the guard file beside it. One writer: the database
 * locks its directory, and a second process gets STORE_LOCKED.
 *
 * `heads` is what matters and is guarded. The rest can be had again from the log or from peers: history of cosigned
 * heads, quorum heads, suspects, evidence files (named by their own hash), proven tiles.
 */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Level } from 'level'
import { GossumError, errorText } from '../errors.js'
import { EvidenceShelf } from './evidence-shelf.js'
import { GuardFile, type Guard } from './guard.js'
import { Heads, type Database } from './heads.js'
import { History } from './history.js'
import { TileStore } from './tile-store.js'

/** The layout of the database. A change to it needs a new number and a migration. */
export const SCHEMA_VERSION = '1'

export class Store {
  readonly heads: Heads
  readonly history: History
  /** Quorum heads: log id -> note. */
  readonly quorum: Database
  readonly evidence: EvidenceShelf
  /** Suspects: `<log id>!<id>` -> the suspect as JSON. */
  readonly suspects: Database
  readonly tiles: TileStore
  readonly #db: Database
  readonly #guard: Guard

  private constructor(db: Database, guard: Guard, heads: Heads) {
    this.#db = db
    this.#guard = guard
    this.heads = heads
    this.history = new History(sub(db, 'history'))
    this.quorum = sub(db, 'quorum')
    this.evidence = new EvidenceShelf(sub(db, 'evidence'))
    this.suspects = sub(db, 'suspects')
    this.tiles = new TileStore(sub(db, 'tiles-0'), sub(db, 'tiles-1'))
  }

  /** Opens the store of a home directory, making it when the home is empty. */
  static async open(home: string): Promise<Store> {
    await mkdir(home, { recursive: true, mode: 0o700 })
    const location = join(home, 'db')
    const guardPath = join(home, 'guard')
    // LevelDB would make a new, empty database where one lost its CURRENT file: only an empty home may get one.
    const createIfMissing = !existsSync(location) && !existsSync(guardPath)
    const db = new Level(location, { createIfMissing })
    await openDatabase(db, location)
    let guard: GuardFile | undefined
    try {
      guard = await GuardFile.open(guardPath)
      return await Store.over(db, guard)
    } catch (error) {
      await guard?.close()
      await db.close()
      throw error
    }
  }

  /** A store over any open database and guard. */
  static async over(db: Database, guard: Guard): Promise<Store> {
    await requireSchema(sub(db, 'meta'))
    try {
      return new Store(db, guard, await Heads.load(sub(db, 'state'), guard))
    } catch (error) {
      throw error instanceof GossumError ? error : new GossumError('STORE_DAMAGED', errorText(error), error)
    }
  }

  async close(): Promise<void> {
    await this.#db.close()
    await this.#guard.close()
  }
}

function sub(db: Database, name: string): Database {
  return db.sublevel(name) as unknown as Database
}

async function openDatabase(db: Level, location: string): Promise<void> {
  try {
    await db.open()
  } catch (error) {
    const cause = (error as Error).cause as (Error & { code?: string }) | undefined
    if (cause?.code === 'LEVEL_LOCKED') throw new GossumError('STORE_LOCKED', location, error)
    throw new GossumError('STORE_DAMAGED', `${location}: ${errorText(cause ?? error)}`, error)
  }
}

async function requireSchema(meta: Database): Promise<void> {
  const version = await meta.get('schema')
  if (version === undefined) await meta.put('schema', SCHEMA_VERSION, { sync: true } as object)
  else if (version !== SCHEMA_VERSION)
    throw new GossumError('STORE_SCHEMA', `it has version ${version}, this is ${SCHEMA_VERSION}`)
}
