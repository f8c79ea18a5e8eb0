/**
 * The journal: the truth about what was signed. A state is in it, on the disk, before the signature that it speaks of
 * is made; the database follows when it can, and is an index.
 *
 * Appends that wait together share one write and one fdatasync, whatever logs they are of. When the file has grown
 * long it is replaced by one with a line per log: no log is ever dropped, whether it is followed or not.
 */
import { utf8 } from '../tlog/bytes.js'
import type { JournalFile } from './journal-file.js'
import { CHAIN_START, formatJournal, formatWrite, readJournal, type Chain, type StateText } from './journal-text.js'

/** A file that has grown by so many bytes, and to more than twice what it began with, is replaced by a short one. */
const LONG_BYTES = 1024 * 1024

interface Waiting {
  readonly state: StateText
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class Journal {
  readonly #file: JournalFile
  /** Log id -> the last state that is on the disk. */
  readonly #states: Map<string, string>
  #chain: Chain
  #damage: string | undefined
  /** Bytes on the disk, and how many of them the file began with. */
  #length = 0
  #short = 0
  /**
   * What a failure left. `tail`: a write failed, and some of it may stand behind #length. `doubtful`: a sync failed;
   * the system may have dropped what was to be written, and the next sync would say nothing of it.
   */
  #left: 'nothing' | 'tail' | 'doubtful' = 'doubtful'
  #waiting: Waiting[] = []
  /** Ends when all appends that were asked for have ended. */
  #writing: Promise<void> | undefined

  private constructor(file: JournalFile, states: Map<string, string>, chain: Chain, damage: string | undefined) {
    this.#file = file
    this.#states = states
    this.#chain = chain
    this.#damage = damage
  }

  /**
   * Reads a journal, or begins a new one. A whole one is replaced at once by a short one, so that all that was read is
   * on the disk, whatever the syncs of the process before it did; a damaged one is left as it is. Rejects with what the
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

  /** Log id -> its last state, as JSON. Of a damaged journal, what can be read. */
  get states(): ReadonlyMap<string, string> {
    return this.#states
  }

  /** What is wrong with the file, in words; undefined when it is whole. Nothing can be appended to a damaged one. */
  get damage(): string | undefined {
    return this.#damage
  }

  /** Resolves when the state of a log is on the disk. Rejects when it may not be; then the state before it counts. */
  append(log: string, text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ state: [log, text], resolve, reject })
      this.#writing ??= this.#writeAll()
    })
  }

  /** Puts a whole journal with these states, and those it has of other logs, in the place of a damaged one. */
  async mend(states: readonly StateText[]): Promise<void> {
    await this.#writing
    const all = new Map([...this.#states, ...states])
    await this.#replace([...all])
    for (const [log, text] of all) this.#states.set(log, text)
    this.#damage = undefined
  }

  async #writeAll(): Promise<void> {
    // What is asked for together is written together; what comes later waits for the sync, and shares the next one.
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
      // Behind the write that made it too long: the states are on the disk, and nobody has to wait.
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
