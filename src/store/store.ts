/**
 * Everything that a node keeps on disk: the journal, and next to it one level database. Single writer: the database
 * locks its directory, and a second process gets STORE_LOCKED.
 *
 * `heads` is what matters; the journal is its authoritative copy. `deposits` are promises by others, which must not be
 * lost either. Everything else can be had again from the log or from peers: the history of cosigned heads, quorum
 * heads, what each witness cosigned, suspects, evidence files (named by their own hash) and the witnesses they convict,
 * proven tiles and records.
 */
import { existsSync, readdirSync } from 'node:fs'
import { access, constants, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GossumError } from '../errors.js'
import { Disk, type Database, type Reopening, type Table } from './disk.js'
import { Convictions } from './convictions.js'
import { Covered } from './covered.js'
import { PromiseShelf } from './kept-promises.js'
import { isElsewhere, markElsewhere } from './elsewhere.js'
import { EvidenceStore } from './evidence-store.js'
import { TwoGenerationCache } from './two-generation-cache.js'
import { Heads } from './heads.js'
import { History } from './history.js'
import { Journal } from './journal.js'
import { DiskJournalFile, type JournalFile } from './journal-file.js'
import { LookupStore, LOOKUPS_PER_GENERATION } from './lookup-store.js'
import { obstacleIn } from './obstacle.js'
import { makeJournal } from './old-home.js'
import { openDatabase } from './open-database.js'
import { requireReadable, requireDiskSpace } from './room.js'
import { SeenLines } from './seen-lines.js'
import type { SharedState } from './shared-state.js'
import { SignedBy } from './signed-by.js'
import { ToldStore } from './told-store.js'
import { WatchStore } from './watch-store.js'
import { TileStore, TILES_PER_GENERATION } from './tile-store.js'

/** The layout of the database. A change to it needs a new number and a migration. */
export const SCHEMA_VERSION = '2'
/** The layout before the journal was introduced. */
const OLD_SCHEMA = '1'

export class Store {
  readonly heads: Heads
  readonly history: History
  /** Quorum heads: log id -> note. */
  readonly quorum: Table
  /** When records were first covered by a quorum head. */
  readonly covered: Covered
  readonly evidence: EvidenceStore
  readonly convictions: Convictions
  /** The largest head of our history that each witness cosigned. */
  readonly signedBy: SignedBy
  /** The largest that each cosigned and that is not known to be on our history. */
  readonly seenLines: SeenLines
  /** What witnesses promised to sign, kept for them. */
  readonly deposits: PromiseShelf
  /** Suspects: `<log id>!<id>` -> the suspect as JSON. */
  readonly suspects: Table
  readonly tiles: TileStore
  /** Records that the go command's lookups returned. */
  readonly lookups: LookupStore
  /** How far new records were searched for watched modules, and which of their versions are open. */
  readonly watched: WatchStore
  /** What was reported about suspects and watched modules. */
  readonly told: ToldStore
  /** Peers to return to after a restart: one record, `book`. */
  readonly peers: Table
  readonly #disk: Disk
  readonly #journal: Journal

  private constructor(disk: Disk, journal: Journal, heads: Heads, convictions: Convictions, deposits: PromiseShelf) {
    this.#disk = disk
    this.#journal = journal
    this.heads = heads
    this.history = new History(disk.table('history'))
    this.quorum = disk.table('quorum')
    this.covered = new Covered(disk.table('covered-sizes'), disk.table('covered-times'))
    this.evidence = new EvidenceStore(disk.table('evidence'))
    this.convictions = convictions
    this.signedBy = new SignedBy(disk.table('signed-by'))
    this.seenLines = new SeenLines(disk.table('seen-lines'))
    this.deposits = deposits
    this.suspects = disk.table('suspects')
    this.watched = new WatchStore(disk.table('watched'))
    this.told = new ToldStore(disk.table('told'))
    this.peers = disk.table('peers')
    this.tiles = new TileStore(generations(disk, 'tiles', TILES_PER_GENERATION))
    this.lookups = new LookupStore(generations(disk, 'lookups', LOOKUPS_PER_GENERATION))
  }

  /**
   * Opens the store of a home, creating it if the home is empty, and migrating one of an older version. A home whose
   * state is shared is opened only with that state, or in order to be moved. Throws STATE_ELSEWHERE, STATE_UNKNOWN,
   * STATE_UNREACHABLE.
   */
  static async open(home: string, shared?: SharedState | 'moving'): Promise<Store> {
    const location = join(home, 'db')
    const journalPath = join(home, 'journal')
    const guardPath = join(home, 'guard')
    try {
      await mkdir(home, { recursive: true, mode: 0o700 })
      await access(home, constants.W_OK)
      if (shared === undefined && isElsewhere(home)) throw new GossumError('STATE_ELSEWHERE', home)
      // LevelDB would make a new, empty database where one lost its CURRENT file: only an empty home may get one.
      const createIfMissing = !existsSync(journalPath) && !existsSync(guardPath) && !holdsData(location)
      await requireReadable(location)
      const db = await openDatabase(location, createIfMissing)
      const file = new DiskJournalFile(journalPath)
      try {
        await takeOver(new Disk(db), file, guardPath)
        const reopening = { ready: () => requireDiskSpace(location), open: () => openDatabase(location, false) }
        if (shared === undefined || shared === 'moving') return await Store.over(db, file, reopening)
        const store = await Store.over(db, file, reopening, shared)
        // From the first start on, the shared state is the only record of what the home signs.
        if (!isElsewhere(home)) await markElsewhere(home)
        return store
      } catch (error) {
        await file.close()
        await db.close()
        throw error
      }
    } catch (error) {
      throw await obstacleIn(home, error)
    }
  }

  /** A store over any open database and journal. `reopening` opens the database again after a write failed. */
  static async over(db: Database, file: JournalFile, reopening?: Reopening, shared?: SharedState): Promise<Store> {
    const disk = new Disk(db, reopening)
    await requireSchema(disk.table('meta'))
    const convictions = await Convictions.load(disk.table('convictions'))
    const journal = await Journal.open(file)
    const deposits = await PromiseShelf.load(disk.table('deposits'))
    return new Store(disk, journal, await Heads.load(disk.table('state'), journal, shared), convictions, deposits)
  }

  /** Why the home could not be written at the last attempt; undefined when it could. */
  get failure(): string | undefined {
    return this.heads.failure ?? this.#disk.failure
  }

  /** Resolves when all lazy writes were written, or could not be. */
  flush(): Promise<void> {
    return this.#disk.flush()
  }

  async close(): Promise<void> {
    await this.#journal.close()
    await this.#disk.close()
  }
}

/** Migrates a home of the previous version; leaves a new or current one unchanged. */
async function takeOver(disk: Disk, journal: JournalFile, guardPath: string): Promise<void> {
  const meta = disk.table('meta')
  const schema = await meta.get('schema')
  const isOld = schema === OLD_SCHEMA || (schema === undefined && existsSync(guardPath))
  if (isOld) {
    await makeJournal({ states: disk.table('state'), guardPath, journal })
    await meta.put('schema', SCHEMA_VERSION)
  }
  const isDone = isOld || (schema === SCHEMA_VERSION && (await journal.read()) !== undefined)
  // Also one that an older version created again before it noticed that it cannot use this home.
  if (isDone) await rm(guardPath, { force: true })
}

function generations(disk: Disk, name: string, most: number): TwoGenerationCache {
  return new TwoGenerationCache(disk.table(`${name}-0`), disk.table(`${name}-1`), most)
}

async function requireSchema(meta: Table): Promise<void> {
  const version = await meta.get('schema')
  if (version === undefined) await meta.put('schema', SCHEMA_VERSION)
  else if (version !== SCHEMA_VERSION)
    throw new GossumError('STORE_SCHEMA', `it has version ${version}, this is ${SCHEMA_VERSION}`)
}

/** Whether there may be records here: a crash during the very first opening leaves a directory without any. */
function holdsData(location: string): boolean {
  return existsSync(location) && readdirSync(location).some((name) => /\.(log|ldb|sst)$/.test(name))
}
