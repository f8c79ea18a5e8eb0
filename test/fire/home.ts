/** A home on a disk that drops or tears at a crash what was not synced: the journal and the database. */
import type { JournalFile } from '../../src/store/journal-file.js'
import { readJournal } from '../../src/store/journal-text.js'
import { decodeState, type LogState } from '../../src/store/log-state.js'
import { MemoryJournal, VolatileDatabase, type Chance, type Content, type Place } from '../helpers/volatile-disk.js'
import { never, type CrashPoint, type Fate } from './fate.js'
import { LOG } from './log.js'

/** How the disk fails. */
export type DiskFault = 'none' | 'journal full' | 'journal torn' | 'journal unsynced' | 'database full'

/** A copy of a home. */
export interface HomeCopy {
  readonly journal: Uint8Array | undefined
  readonly database: Content
}

export const EMPTY_HOME: HomeCopy = { journal: undefined, database: [] }

/** The database's state of the log; undefined for none. */
export function indexed(database: Content): LogState | undefined {
  const text = database.find(([key]) => key === `!state!${LOG}`)?.[1]
  return text === undefined ? undefined : decodeState(text)?.state
}

export class Home {
  readonly #journal: MemoryJournal
  readonly #database: VolatileDatabase
  readonly #batch: (...args: unknown[]) => Promise<void>
  fault: DiskFault = 'none'

  private constructor(journal: MemoryJournal, database: VolatileDatabase) {
    this.#journal = journal
    this.#database = database
    this.#batch = database.db.batch.bind(database.db) as (...args: unknown[]) => Promise<void>
    journal.fault = (place) => this.#faultAt(place)
  }

  static async of({ journal, database }: HomeCopy): Promise<Home> {
    return new Home(new MemoryJournal(journal), await VolatileDatabase.make(database))
  }

  get db(): VolatileDatabase['db'] {
    return this.#database.db
  }

  /** Makes it usable again after a store over it was closed. */
  async reopen(): Promise<void> {
    await this.db.open()
  }

  /** A copy of the home, as of its files. */
  async copy(): Promise<HomeCopy> {
    return { journal: this.#journal.content, database: await this.db.iterator().all() }
  }

  /** The home after a crash now; what was not synced is dropped or torn. This object cannot be used any more. */
  crash(chance: Chance): Promise<Home> {
    const journal = this.#journal.crash(chance)
    return this.#database.crash(chance).then((database) => new Home(journal, database))
  }

  /** The state of the log that is on disk whatever happens. */
  durable(): LogState | undefined {
    const file = this.#journal.afterCrash(() => 0).content
    const text = file && readJournal(file).states.get(LOG)
    return text === undefined ? undefined : decodeState(text)?.state
  }

  /** The journal, as used by a life. */
  journalFor(fate: Fate): JournalFile {
    const file = this.#journal
    const around = async (before: CrashPoint, after: CrashPoint, act: () => Promise<void>): Promise<void> => {
      await fate.passing(before)
      await act()
      await fate.passing(after)
    }
    return {
      read: () => (fate.isDead ? never() : file.read()),
      append: (bytes) => {
        fate.pass('before an append')
        const taken = file.append(bytes)
        fate.pass('after an append')
        return taken
      },
      datasync: () => around('before a sync', 'after a sync', () => file.datasync()),
      truncate: (length) => around('before a replacement', 'after a replacement', () => file.truncate(length)),
      replace: (bytes) => around('before a replacement', 'after a replacement', () => file.replace(bytes)),
      close: () => file.close(),
    }
  }

  /** Makes the writes of the database pass through a life. */
  bind(fate: Fate): void {
    const { db } = this
    const batch = this.#batch
    const passing = async (operations: unknown, options?: unknown): Promise<void> => {
      await fate.passing('before a database write')
      if (this.fault === 'database full') throw Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })
      await batch(operations, options)
      await fate.passing('after a database write')
    }
    db.batch = passing as typeof db.batch
  }

  #faultAt(place: Place): 'EIO' | 'ENOSPC' | 'short' | undefined {
    switch (this.fault) {
      case 'journal full':
        return place === 'append' || place === 'replace' ? 'ENOSPC' : undefined
      case 'journal torn':
        return place === 'append' ? 'short' : undefined
      case 'journal unsynced':
        return place === 'datasync' || place === 'renamed' ? 'EIO' : undefined
      default:
        return undefined
    }
  }
}
