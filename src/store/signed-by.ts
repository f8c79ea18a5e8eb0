/**
 * Per log and witness key the largest head that carries a cosignature by it: what a witness that lost its memory is
 * told about itself, and how long one has been silent. A number and a time are held in memory, the heads on disk.
 */
import type { Table } from './disk.js'

/** Keys per log. Anybody can make keys; only those that somebody counts come this far. */
export const MAX_SIGNERS = 1024

/** The largest head that a key cosigned. */
export interface LastSigned {
  readonly size: number
  /** POSIX seconds, as the witness says. */
  readonly time: number
}

export interface SignedHead extends LastSigned {
  /** The head as a note with the log's line and that of the key. */
  readonly note: string
}

export class SignedBy {
  readonly #table: Table
  readonly #byLog = new Map<string, Map<string, LastSigned>>()

  constructor(table: Table) {
    this.#table = table
  }

  /** Loads a log. A record that cannot be read is none: the next cosignature makes it anew. */
  async load(log: string): Promise<void> {
    const known = this.#of(log)
    for (const [key, json] of await this.#table.entries({ gte: `${log}!`, lt: `${log}"` })) {
      const kept = readKept(json)
      if (kept !== undefined) known.set(key.slice(log.length + 1), { size: kept.size, time: kept.time })
    }
  }

  get(log: string, vkey: string): LastSigned | undefined {
    return this.#byLog.get(log)?.get(vkey)
  }

  /** The logs of which a head is kept. */
  logs(vkey: string): string[] {
    return [...this.#byLog].flatMap(([log, known]) => (known.has(vkey) ? log : []))
  }

  /** The head as a note with the log's line and that of the key. */
  async note(log: string, vkey: string): Promise<string | undefined> {
    const json = await this.#table.get(`${log}!${vkey}`)
    return json === undefined ? undefined : readKept(json)?.note
  }

  /** Whether a cosigned head says more than what is known: it is larger, or as large and later. */
  isNews(log: string, vkey: string, { size, time }: LastSigned): boolean {
    const known = this.get(log, vkey)
    return known === undefined || size > known.size || (size === known.size && time > known.time)
  }

  /**
   * Keeps a cosigned head if it is news. On disk sooner or later. Where there are too many keys the one that was silent for longest makes room, but none that `counts`.
   */
  async put(log: string, vkey: string, signed: SignedHead, counts: (vkey: string) => boolean): Promise<void> {
    if (!this.isNews(log, vkey, signed)) return
    const known = this.#of(log)
    if (!known.has(vkey) && known.size >= MAX_SIGNERS && !(await this.#makeRoom(log, counts))) return
    known.set(vkey, { size: signed.size, time: signed.time })
    await this.#table.putLazily(`${log}!${vkey}`, JSON.stringify(signed))
  }

  async #makeRoom(log: string, counts: (vkey: string) => boolean): Promise<boolean> {
    const known = this.#of(log)
    const [oldest] = [...known].filter(([vkey]) => !counts(vkey)).sort(([, a], [, b]) => a.time - b.time)
    if (oldest === undefined) return false
    known.delete(oldest[0])
    await this.#table.del(`${log}!${oldest[0]}`)
    return true
  }

  #of(log: string): Map<string, LastSigned> {
    let known = this.#byLog.get(log)
    if (known === undefined) this.#byLog.set(log, (known = new Map<string, LastSigned>()))
    return known
  }
}

function readKept(json: string): SignedHead | undefined {
  try {
    const { size, time, note } = JSON.parse(json) as Partial<SignedHead>
    const isWhole = typeof size === 'number' && typeof time === 'number' && typeof note === 'string'
    return isWhole ? { size, time, note } : undefined
  } catch {
    return undefined
  }
}
