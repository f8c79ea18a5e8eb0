/**
 * For each log and witness key, the largest head that was seen with a valid line by the key and is not known to be on
 * our history: a suspect, a refused head, one of a frozen log, or a fork. A witness that lost its memory is told of it
 * as of those on our history (signed-by.ts); nothing else is done with it here, and it never replaces a head that is on
 * our history. If two heads of one size have different roots, both are kept: they convict a key that signed both.
 *
 * A dishonest log can sign anything, but what is kept is limited per key; and anyone can make keys. So existing keys
 * stay: a stranger evicts none, and is evicted for keys that a neighbour or our policy counts, the newest first.
 */
import type { Table } from './disk.js'
import { allEnded } from '../lib/all-ended.js'
import { areCounts, areTexts } from '../lib/is-object.js'
import type { LastSigned, KeyStanding } from './signed-by.js'

/** Keys per log. */
export const MAX_SEEN_KEYS = 1024
/** Bytes of a head that is kept for a stranger's key. An honest one has a few hundred. */
export const MAX_STRANGER_BYTES = 4096
/** Heads of one size that are kept per key: two are as good as any number. */
const SAME_SIZE = 2

const WORTH: Readonly<Record<KeyStanding, number>> = { stranger: 0, relayed: 1, counted: 2 }

export interface SeenHead extends LastSigned {
  /** Base64. */
  readonly root: string
}

/** What was seen of a key. */
interface Seen {
  /** When the key was first seen, in milliseconds since 1970. */
  readonly since: number
  /** By root, all of one size. */
  readonly heads: Map<string, SeenHead>
}

type Kept = SeenHead & { readonly note: string; readonly since: number }

export class SeenLines {
  readonly #table: Table
  readonly #now: () => number
  /** By log; then by key, in the order in which they were first seen. */
  readonly #byLog = new Map<string, Map<string, Seen>>()

  constructor(table: Table, now: () => number = Date.now) {
    this.#table = table
    this.#now = now
  }

  /** Loads a log; unreadable records are skipped. */
  async load(log: string): Promise<void> {
    const known = this.#of(log)
    const found: (Kept & { readonly vkey: string })[] = []
    for (const [id, json] of await this.#table.entries({ gte: `${log} `, lt: `${log}!` })) {
      const seen = readSeen(json)
      if (seen !== undefined) found.push({ vkey: id.split(' ')[1]!, ...seen })
    }
    for (const { vkey, since, size, time, root } of found.sort((a, b) => a.since - b.since)) {
      const seen = known.get(vkey) ?? { since, heads: new Map<string, SeenHead>() }
      seen.heads.set(root, { size, time, root })
      known.set(vkey, seen)
    }
  }

  get(log: string, vkey: string): SeenHead[] {
    return [...(this.#byLog.get(log)?.get(vkey)?.heads.values() ?? [])]
  }

  /** The logs for which a head is kept. */
  logs(vkey: string): string[] {
    return [...this.#byLog].flatMap(([log, known]) => (known.has(vkey) ? log : []))
  }

  /** The heads as notes with the log's line and the key's: none, one, or two of one size. */
  async notes(log: string, vkey: string): Promise<string[]> {
    const kept = this.get(log, vkey).map(({ root }) => this.#table.get(idOf(log, vkey, root)))
    return (await Promise.all(kept)).flatMap((json) => (json === undefined ? [] : (readSeen(json)?.note ?? [])))
  }

  /**
   * Whether a head says more than what is kept: it is larger, or of the same size with another root or a later time.
   */
  isNews(log: string, vkey: string, { size, time, root }: SeenHead): boolean {
    const heads = this.#byLog.get(log)?.get(vkey)?.heads
    if (heads === undefined) return true
    // A key without heads is not kept.
    const [known] = heads.values()
    if (size !== known!.size) return size > known!.size
    const same = heads.get(root)
    return same === undefined ? heads.size < SAME_SIZE : time > same.time
  }

  /** Keeps a head if it is news and there is room for its key. Written to disk lazily. */
  async put(
    log: string,
    vkey: string,
    head: SeenHead & { readonly note: string },
    standings: (vkeys: readonly string[]) => readonly KeyStanding[],
  ): Promise<void> {
    if (!this.isNews(log, vkey, head)) return
    const known = this.#of(log)
    const [standing] = standings([vkey])
    if (standing === 'stranger' && head.note.length > MAX_STRANGER_BYTES) return
    const leaving = known.has(vkey) || known.size < MAX_SEEN_KEYS ? [] : this.#makeRoom(known, vkey, standings)
    if (leaving === undefined) return
    const gone = leaving.flatMap((its) => [...known.get(its)!.heads.keys()].map((root) => idOf(log, its, root)))
    for (const its of leaving) known.delete(its)
    const { size, time, root, note } = head
    const { since, heads } = known.get(vkey) ?? { since: this.#now(), heads: new Map<string, SeenHead>() }
    for (const smaller of [...heads.values()].filter((other) => other.size < size)) {
      heads.delete(smaller.root)
      gone.push(idOf(log, vkey, smaller.root))
    }
    known.set(vkey, { since, heads: heads.set(root, { size, time, root }) })
    await allEnded([
      ...gone.map((id) => this.#table.del(id)),
      this.#table.putLazily(idOf(log, vkey, root), JSON.stringify({ size, time, root, since, note })),
    ])
  }

  /** A head was found to be on our history: it is kept there. */
  async forget(log: string, vkey: string, { size, root }: Pick<SeenHead, 'size' | 'root'>): Promise<void> {
    const heads = this.#byLog.get(log)?.get(vkey)?.heads
    if (heads?.get(root)?.size !== size) return
    heads.delete(root)
    if (heads.size === 0) this.#of(log).delete(vkey)
    await this.#table.del(idOf(log, vkey, root))
  }

  /** The key to evict for a new one: among those with the lowest rank, below the newcomer's, the newest. */
  #makeRoom(
    known: ReadonlyMap<string, unknown>,
    newcomer: string,
    standings: (vkeys: readonly string[]) => readonly KeyStanding[],
  ): [string] | undefined {
    const keys = [...known.keys()].reverse()
    const [comes, ...are] = standings([newcomer, ...keys]).map((standing) => WORTH[standing])
    const least = Math.min(...are)
    return least < comes! ? [keys[are.indexOf(least)]!] : undefined
  }

  #of(log: string): Map<string, Seen> {
    let known = this.#byLog.get(log)
    if (known === undefined) this.#byLog.set(log, (known = new Map<string, Seen>()))
    return known
  }
}

/** Log ids, keys and base64 contain no spaces. */
function idOf(log: string, vkey: string, root: string): string {
  return `${log} ${vkey} ${root}`
}

function readSeen(json: string): Kept | undefined {
  try {
    const { size, time, root, note, since } = JSON.parse(json) as Kept
    return areCounts(size, time, since) && areTexts(root, note) ? { size, time, root, note, since } : undefined
  } catch {
    return undefined
  }
}
