/**
 * The journal: the authoritative record of what was signed. A state is in it, on disk, before the signature that it
 * describes is made; the database follows when it can, and is only an index.
 *
 * Appends that wait together share one write and one fdatasync, whichever logs they are about. When the file has grown
 * long it is replaced by one with a line per log: no log is ever dropped, whether or not it is followed.
 */
import { utf8 } from '../tlog/bytes.js'
import type { JournalFile } from './journal-file.js'
import { CHAIN_START, formatJournal, formatWrite, readJournal, type Chain, type StateText } from './journal-text.js'

/** A file that has grown by so many bytes, and to more than twice its initial size, is replaced by a short one. */
const LONG_BYTES = 1024 * 1024

interface Waiting {
  readonly state: StateText
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Journal {
  readonly #file: JournalFile
  /** Log id -> the last state on disk. */
  readonly #states: Map<string, string>
  #chain: Chain
  #damage: string | undefined
  /** Bytes on disk, and how many of them the file began with. */
  #length = 0
  #short = 0
  /**
   * What a failure left. `tail`: a write failed, and part of it may follow #length. `doubtful`: a sync failed; the
   * system may have dropped what was to be written, and the next sync would not report that.
   */
  #left: 'nothing' | 'tail' | 'doubtful' = 'doubtful'
  #waiting: Waiting[] = []
  /** Ends when all requested appends have ended. */
  #writing: Promise<void> | undefined

  private constructor(file: JournalFile, states: Map<string, string>, chain: Chain, damage: string | undefined) {
    this.#file = file
    this.#states = states
    this.#chain = chain
    this.#damage = damage
  }

  /**
   * Reads a journal, or begins a new one. An intact one is replaced by a short one at once, so that everything that was
   * read is on disk, whatever the previous process had synced; a damaged one is left as it is. Rejects with what the
   * file throws.
   */
  static async open(file: JournalFile): Promise<Journal> {
    const bytes = await file.read()
    const { states, chain, damage } =
      bytes === undefined ? { states: new Map(), chain: CHAIN_START } : readJournal(bytes)
    const journal = new Journal(file, states, chain, damage)
    if (damage === undefined) await journal.#shorten()
    return journal
  }

  /** Log id -> its last state, as JSON. If the journal is damaged, what is readable. */
  get states(): ReadonlyMap<string, string> {
    return this.#states
  }

  /** What is wrong with the file, as a sentence; undefined when it is intact. A damaged one cannot be appended to. */
  get damage(): string | undefined {
    return this.#damage
  }

  /** Resolves when the state of a log is on disk. Rejects when it may not be; then the previous state counts. */
  append(log: string, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ state: [log, text], resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  /** Replaces a damaged journal with an intact one that has these states and, for other logs, its own. */
  async mend(states: readonly StateText[]): Promise<void> {
    await this.#writing
    const all = new Map([...this.#states, ...states])
    await this.#replace([...all])
    for (const [log, text] of all) this.#states.set(log, text)
    this.#damage = undefined
  }

  async #writeAll(): Promise<void> {
    // Appends requested together are written together; later ones wait for the sync and share the next.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const group = this.#waiting
      this.#waiting = []
      try {
        await this.#write(group.map(({ state }) => state))
        for (const { resolve } of group) resolve()
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
      // After the write that made it too long: the states are on disk, and nothing has to wait.
      const grown = this.#length - this.#short
      if (grown > Math.max(LONG_BYTES, this.#short)) await this.#shorten().catch(() => undefined)
    }
    this.#writing = undefined
  }

  async #write(states: readonly StateText[]): Promise<void> {
    if (this.#damage !== undefined) throw new Error(this.#damage)
    if (this.#left === 'doubtful') await this.#shorten()
    if (this.#left === 'tail') await this.#file.truncate(this.#length)
    const { text, chain } = formatWrite(states, this.#chain)
    const bytes = utf8(text)
    this.#left = 'tail'
    const taken = this.#file.append(bytes)
    if (taken !== bytes.length) throw new Error(`${taken} of ${bytes.length} bytes were written`)
    this.#left = 'doubtful'
    await this.#file.datasync()
    this.#left = 'nothing'
    this.#length += bytes.length
    this.#chain = chain
    for (const [log, state] of states) this.#states.set(log, state)
  }

  #shorten(): Promise<void> {
    return this.#replace([...this.#states])
  }

  async #replace(states: readonly StateText[]): Promise<void> {
    const { text, chain } = formatJournal(states, this.#chain)
    const bytes = utf8(text)
    this.#left = 'doubtful'
    await this.#file.replace(bytes)
    this.#left = 'nothing'
    this.#chain = chain
    this.#short = this.#length = bytes.length
  }

  async close(): Promise<void> {
    await this.#writing
    await this.#file.close()
  }
}
