/**
 * Promises that this node keeps for others (witness/depositary.ts): one per witness key and log, that of the largest
 * tree. It is on disk before the peer is told that it is kept, so a promise that was accepted is never evicted for a
 * key that ranks lower.
 *
 * Anyone can make keys, and any number of promises per key. So there are three rooms, and none takes space from
 * another. In a full room the newest key is evicted for one that has been there longer; it gets no place itself. A
 * flood finds the room full of itself. Only keys that were silent for half a year go first.
 */
import type { Table } from './disk.js'
import { allEnded } from '../lib/all-ended.js'
import { Serial } from '../lib/serial.js'
import { areCounts, areTexts } from '../lib/is-object.js'

/** The rank of a key: our policy counts it, a chosen peer brought its promise, or neither. */
export type Bearer = 'counted' | 'chosen' | 'stranger'

/** The limits of a room: promises, bytes of their records, and promises per key. */
export interface Room {
  readonly promises: number
  readonly bytes: number
  readonly ofOneKey: number
}

/** A higher rank is never evicted for a lower one. */
const WORTH: Readonly<Record<Bearer, number>> = { stranger: 0, chosen: 1, counted: 2 }

export const ROOMS: Readonly<Record<Bearer, Room>> = {
  counted: { promises: 32_768, bytes: 64 * 1024 * 1024, ofOneKey: 4_096 },
  chosen: { promises: 32_768, bytes: 64 * 1024 * 1024, ofOneKey: 4_096 },
  stranger: { promises: 8_192, bytes: 16 * 1024 * 1024, ofOneKey: 256 },
}

/** Milliseconds of silence after which a key may be evicted for any other. */
const SILENT_MS = 180 * 24 * 3_600_000

/** A promise as it is stored. */
export interface KeptPromise {
  /** Verifier key. */
  readonly witness: string
  /** Log id. */
  readonly log: string
  readonly seq: number
  /** POSIX seconds, according to the promise. */
  readonly time: number
  readonly size: number
  /** Hex. */
  readonly root: string
  /** The head as a note with the log's line. */
  readonly head: string
  /** Base64. */
  readonly signature: string
}

/** The part of a promise that is held in memory. */
type Held = Pick<KeptPromise, 'size' | 'root' | 'time'> & { readonly bytes: number }

interface Key {
  bearer: Bearer
  /**
   * When the key got its place, and when a promise by it was last accepted: milliseconds since 1970, by our own clock.
   */
  since: number
  heardAt: number
  readonly logs: Map<string, Held>
}

type Encoded = Omit<KeptPromise, 'witness' | 'log'> & {
  readonly bearer: Bearer
  readonly since: number
  readonly heardAt: number
}

export class PromiseShelf {
  readonly #table: Table
  readonly #now: () => number
  readonly #rooms: Readonly<Record<Bearer, Room>>
  readonly #keys = new Map<string, Key>()
  readonly #used: Record<Bearer, { promises: number; bytes: number }> = {
    counted: { promises: 0, bytes: 0 },
    chosen: { promises: 0, bytes: 0 },
    stranger: { promises: 0, bytes: 0 },
  }
  readonly #serial = new Serial()

  private constructor(table: Table, now: () => number, rooms: Readonly<Record<Bearer, Room>>) {
    this.#table = table
    this.#now = now
    this.#rooms = rooms
  }

  /** Loads the promises; unreadable records are skipped. */
  static async load(table: Table, now: () => number = Date.now, rooms = ROOMS): Promise<PromiseShelf> {
    const shelf = new PromiseShelf(table, now, rooms)
    for (const [key, json] of await table.entries()) {
      const kept = readEncoded(json)
      const [witness, log] = key.split(' ')
      if (kept !== undefined && log !== undefined) shelf.#hold(witness!, log, kept, json.length)
    }
    return shelf
  }

  /** What is kept for a key and a log, without its head. */
  get(witness: string, log: string): Pick<KeptPromise, 'size' | 'root' | 'time'> | undefined {
    return this.#keys.get(witness)?.logs.get(log)
  }

  /** The logs for which a promise by a key is kept. */
  logs(witness: string): string[] {
    return [...(this.#keys.get(witness)?.logs.keys() ?? [])]
  }

  async read(witness: string, log: string): Promise<KeptPromise | undefined> {
    const json = await this.#table.get(`${witness} ${log}`)
    const kept = json === undefined ? undefined : readEncoded(json)
    if (kept === undefined) return undefined
    const { seq, time, size, root, head, signature } = kept
    return { witness, log, seq, time, size, root, head, signature }
  }

  /**
   * Keeps a promise. True when it, or one for the same tree with no earlier time, is on disk. False when there is no
   * room, or when a kept promise supersedes it: one for a larger tree, or for another tree of its size, which stays.
   * Throws STORE_WRITE_FAILED.
   */
  put(promise: KeptPromise, bearer: Bearer): Promise<boolean> {
    // One at a time, so that what counts as kept is on disk. Promises for other logs and keys share the write.
    return this.#serial.run(`${promise.witness} ${promise.log}`, () => this.#put(promise, bearer))
  }

  async #put({ witness, log, ...promise }: KeptPromise, bearer: Bearer): Promise<boolean> {
    const before = this.#keys.get(witness)?.logs.get(log)
    if (before !== undefined && before.size >= promise.size) {
      if (before.size > promise.size || before.root !== promise.root) return false
      if (before.time >= promise.time) return true
    }
    const now = this.#now()
    const key = this.#keys.get(witness)
    // Any peer may bring what a key has promised: that never lowers the key's rank.
    const room = key === undefined || WORTH[bearer] > WORTH[key.bearer] ? bearer : key.bearer
    const kept = { ...promise, bearer: room, since: key?.since ?? now, heardAt: now }
    const json = JSON.stringify(kept satisfies Encoded)
    const leaving = this.#makeRoom(witness, log, room, json.length)
    if (leaving === undefined) return false
    // In memory before it is on disk, so that the place is not given away in the meantime.
    this.#hold(witness, log, kept, json.length)
    const id = `${witness} ${log}`
    try {
      await allEnded([...leaving.map((left) => this.#table.del(left)), this.#table.put(id, json)])
    } catch (error) {
      // If its place was given away in the meantime, what was kept before is no longer on disk either.
      const isStillHere = this.#release(witness, log)
      if (isStillHere && before !== undefined) this.#hold(witness, log, { ...kept, ...before }, before.bytes)
      throw error
    }
    return true
  }

  /** Makes room for a record: returns the records to evict, or undefined when there is no room and none can be made. */
  #makeRoom(witness: string, log: string, bearer: Bearer, bytes: number): string[] | undefined {
    const { promises, bytes: most, ofOneKey } = this.#rooms[bearer]
    const key = this.#keys.get(witness)
    const held = key?.logs.get(log)
    if (held === undefined && (key?.logs.size ?? 0) >= ofOneKey) return undefined
    // A key that changes rooms takes all its promises along.
    const comes = key === undefined || key.bearer === bearer ? [] : [...key.logs.values()]
    const more = sum(comes.map((one) => one.bytes)) + bytes - (held?.bytes ?? 0)
    const one = comes.length + (held === undefined ? 1 : 0)
    const used = this.#used[bearer]
    let tooMany = used.promises + one - promises
    let tooLarge = used.bytes + more - most
    const leaving: [witness: string, log: string][] = []
    for (const [vkey, { logs }] of tooMany > 0 || tooLarge > 0 ? this.#leaving(bearer, witness) : []) {
      for (const [log, { bytes }] of [...logs].reverse()) {
        if (tooMany <= 0 && tooLarge <= 0) break
        leaving.push([vkey, log])
        tooMany -= 1
        tooLarge -= bytes
      }
    }
    if (tooMany > 0 || tooLarge > 0) return undefined
    for (const [vkey, log] of leaving) this.#release(vkey, log)
    return leaving.map(([vkey, log]) => `${vkey} ${log}`)
  }

  /**
   * The keys to evict: those that were silent for too long, then those that came later than this one, the newest first.
   */
  #leaving(bearer: Bearer, witness: string): [vkey: string, key: Key][] {
    const since = this.#keys.get(witness)?.since ?? Infinity
    const silent = this.#now() - SILENT_MS
    const others = [...this.#keys].filter(([vkey, key]) => key.bearer === bearer && vkey !== witness)
    const gone = others.filter(([, { heardAt }]) => heardAt < silent)
    const later = others.filter(([, key]) => key.heardAt >= silent && key.since > since)
    return [...gone, ...later.sort(([, a], [, b]) => b.since - a.since)]
  }

  /** False when it had been released before. */
  #release(witness: string, log: string): boolean {
    const key = this.#keys.get(witness)
    const held = key?.logs.get(log)
    if (key === undefined || held === undefined) return false
    key.logs.delete(log)
    this.#count(key.bearer, -1, -held.bytes)
    if (key.logs.size === 0) this.#keys.delete(witness)
    return true
  }

  /** A key whose rank has risen takes all its promises along. */
  #move(key: Key, bearer: Bearer): void {
    if (WORTH[bearer] <= WORTH[key.bearer]) return
    const bytes = sum([...key.logs.values()].map((held) => held.bytes))
    this.#count(key.bearer, -key.logs.size, -bytes)
    this.#count(bearer, key.logs.size, bytes)
    key.bearer = bearer
  }

  #hold(witness: string, log: string, { size, root, time, bearer, since, heardAt }: Encoded, bytes: number): void {
    let key = this.#keys.get(witness)
    if (key === undefined) this.#keys.set(witness, (key = { bearer, since, heardAt, logs: new Map<string, Held>() }))
    this.#move(key, bearer)
    key.since = Math.min(key.since, since)
    key.heardAt = Math.max(key.heardAt, heardAt)
    const held = key.logs.get(log)
    this.#count(key.bearer, held === undefined ? 1 : 0, bytes - (held?.bytes ?? 0))
    key.logs.set(log, { size, root, time, bytes })
  }

  #count(bearer: Bearer, promises: number, bytes: number): void {
    this.#used[bearer].promises += promises
    this.#used[bearer].bytes += bytes
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

function readEncoded(json: string): Encoded | undefined {
  try {
    const kept = JSON.parse(json) as Encoded
    const { seq, time, size, root, head, signature, bearer, since, heardAt } = kept
    // Inherited property names are not ranks.
    const isBearer = typeof bearer === 'string' && Object.hasOwn(WORTH, bearer)
    return isBearer && areCounts(seq, time, size, since, heardAt) && areTexts(root, head, signature) ? kept : undefined
  } catch {
    return undefined
  }
}
