/**
 * For each log and witness key, the largest head of our history that carries its cosignature: it is sent to a witness
 * that lost its memory, and shows for how long one has been silent. Sizes and times are held in memory, the heads on
 * disk.
 */
import type { Table } from './disk.js'
import { areCounts } from '../lib/is-object.js'

/** Keys per log. Anyone can make keys; only those that a neighbour counts, or signs with, get here. */
export const MAX_SIGNERS = 1024

/** The rank of a key now: our policy counts it, a neighbour does, or neither. */
export type KeyStanding = 'counted' | 'relayed' | 'stranger'

/** The largest head that a key cosigned. */
export interface LastSigned {
  readonly size: number
  /** POSIX seconds, according to the witness. */
  readonly time: number
}

/**
 * The same, with the time at which we learnt of it, in milliseconds since 1970: so long ago by our clock as it is set
 * now, even if it was set differently then.
 */
export interface LastHeard extends LastSigned {
  readonly heardAt: number
  /** Base64. */
  readonly root: string
}

/** The form held in memory: when we learnt of it by the monotonic clock. */
interface Held extends LastSigned {
  readonly heard: number
  /** Base64. */
  readonly root: string
}

export interface LastSignedHead extends LastSigned {
  /** The head as a note with the log's line and the key's. */
  readonly note: string
}

export class SignedBy {
  readonly #table: Table
  readonly #now: () => number
  readonly #monotonic: () => number
  /** By log; then by key, the one that was silent for longest first. */
  readonly #byLog = new Map<string, Map<string, Held>>()

  constructor(table: Table, now: () => number = Date.now, monotonic: () => number = () => performance.now()) {
    this.#table = table
    this.#now = now
    this.#monotonic = monotonic
  }

  /** Loads a log; unreadable records are skipped: the next cosignature replaces them. */
  async load(log: string): Promise<void> {
    const known = this.#of(log)
    const found: [vkey: string, last: Held][] = []
    const [now, monotonic] = [this.#now(), this.#monotonic()]
    for (const [key, json] of await this.#table.entries({ gte: `${log}!`, lt: `${log}"` })) {
      const kept = readKept(json, now)
      if (kept !== undefined) {
        const { size, time, heardAt, root } = kept
        found.push([key.slice(log.length + 1), { size, time, heard: monotonic - (now - heardAt), root }])
      }
    }
    for (const [vkey, last] of found.sort(([, a], [, b]) => a.heard - b.heard)) known.set(vkey, last)
  }

  get(log: string, vkey: string): LastHeard | undefined {
    const held = this.#byLog.get(log)?.get(vkey)
    if (held === undefined) return undefined
    const { size, time, heard, root } = held
    return { size, time, root, heardAt: Math.round(this.#now() - (this.#monotonic() - heard)) }
  }

  /** The logs for which a head is kept. */
  logs(vkey: string): string[] {
    return [...this.#byLog].flatMap(([log, known]) => (known.has(vkey) ? log : []))
  }

  /** The head as a note with the log's line and the key's. */
  async note(log: string, vkey: string): Promise<string | undefined> {
    const json = await this.#table.get(`${log}!${vkey}`)
    return json === undefined ? undefined : readKept(json, this.#now())?.note
  }

  /** Whether a cosigned head says more than what is known: it is larger, or of the same size and later. */
  isNews(log: string, vkey: string, { size, time }: LastSigned): boolean {
    const known = this.#byLog.get(log)?.get(vkey)
    return known === undefined || size > known.size || (size === known.size && time > known.time)
  }

  /**
   * Keeps a cosigned head if it is news. Written to disk lazily. If there are too many keys, one that ranks lower is
   * evicted, the one that by our own clock was silent for longest; the times that keys claim do not matter.
   */
  async put(
    log: string,
    vkey: string,
    { size, time, note }: LastSignedHead,
    standings: (vkeys: readonly string[]) => readonly KeyStanding[],
  ): Promise<void> {
    if (!this.isNews(log, vkey, { size, time })) return
    const known = this.#of(log)
    if (!known.has(vkey) && known.size >= MAX_SIGNERS && !(await this.#makeRoom(log, vkey, standings))) return
    known.delete(vkey)
    known.set(vkey, { size, time, heard: this.#monotonic(), root: rootOf(note) })
    await this.#table.putLazily(`${log}!${vkey}`, JSON.stringify({ size, time, heardAt: this.#now(), note }))
  }

  /** A stranger is evicted for any key, one that a neighbour counts for all but strangers, one that we count never. */
  async #makeRoom(
    log: string,
    newcomer: string,
    standings: (vkeys: readonly string[]) => readonly KeyStanding[],
  ): Promise<boolean> {
    const known = this.#of(log)
    const keys = [...known.keys()]
    const [comes, ...are] = standings([newcomer, ...keys])
    const first = (standing: KeyStanding): string | undefined => keys.find((_, i) => are[i] === standing)
    const leaving = first('stranger') ?? (comes === 'stranger' ? undefined : first('relayed'))
    if (leaving === undefined) return false
    known.delete(leaving)
    await this.#table.del(`${log}!${leaving}`)
    return true
  }

  #of(log: string): Map<string, Held> {
    let known = this.#byLog.get(log)
    if (known === undefined) this.#byLog.set(log, (known = new Map<string, Held>()))
    return known
  }
}

/** The third line of a head. */
function rootOf(note: string): string {
  return note.split('\n', 3)[2] ?? ''
}

/** Older versions did not record when they learnt of it: then the witness's time is used. */
function readKept(json: string, now: number): (LastSignedHead & LastHeard) | undefined {
  try {
    const { size, time, note, heardAt } = JSON.parse(json) as LastSignedHead & Partial<LastHeard>
    if (!areCounts(size, time, heardAt ?? 0) || typeof note !== 'string') return undefined
    return {
      size,
      time,
      note,
      root: rootOf(note),
      heardAt: Math.min(now, heardAt ?? time * 1000),
    }
  } catch {
    return undefined
  }
}
