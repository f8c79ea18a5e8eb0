/**
 * What the connected peers say of themselves in their hellos: whose cosignatures they count, which witness they are,
 * where they stand. All of it is forgotten with the connection.
 *
 * The keys that neighbours count are passed on for them, or a mesh of nodes with different policies would starve.
 * Whoever connects can name keys; so they are bounded, and every neighbour gets its turn: in being read, and in being
 * taken.
 */
import { Lru } from '../../lib/lru.js'
import type { VerifierKey } from '../../tlog/note.js'
import { cosignatureLineSize } from '../../tlog/cosignature.js'
import { provenWitness, witnessKey } from '../sync/identity.js'
import type { Hello } from '../sync/messages.js'
import { peekHead } from '../sync/pages.js'

/** Keys of neighbours that are passed on. */
export const MAX_RELAYED = 256
/** Bytes of a cosignature line of a key that is passed on: longer ones would take the room of others. */
export const MAX_RELAYED_LINE_BYTES = 256
/** Milliseconds between two selections of keys. */
const SELECTION_INTERVAL_MS = 1000
/** Keys that are read for the first time in one selection: each costs half a millisecond. */
const NEW_KEYS_PER_SELECTION = 64
/** Keys that were read and are remembered. */
const MAX_READ_KEYS = 1024

/** Where a neighbour stands: the head in its newest hello of the first log that it names and we follow. */
export interface NeighbourHead {
  /** Log id. */
  readonly log: string
  readonly size: number
  /** When it said so: RFC 3339, in UTC. */
  readonly at: string
}

interface Neighbour {
  readonly counts: readonly string[]
  /** The claim of its hello, as text, and the verifier key that it proved. */
  readonly claim: string
  readonly witness: VerifierKey | null
  readonly head: NeighbourHead | null
}

export interface NeighboursOptions {
  /** Log ids that we follow. */
  readonly logs: ReadonlySet<string>
  /** Verifier keys that we count ourselves; what is in it may change, and then changed() is called. */
  readonly counts: ReadonlySet<string>
  /**
   * Key name and key id (`name+keyid`) of keys that mean something to us. Another key of the same two is not passed on:
   * its lines could not be told from those of ours.
   */
  readonly reserved: ReadonlySet<string>
  /** Our own witness, if any. */
  readonly witness: string | undefined
  /** relayed() has changed. */
  readonly onChange: () => void
  /** A peer that is not us has proven our own witness key. */
  readonly onTwin: (peer: string) => void
}

export class Neighbours {
  readonly #options: NeighboursOptions
  /** By peer id, those first that are connected for longest. */
  readonly #neighbours = new Map<string, Neighbour>()
  /** Peers in the order in which their keys are read next. */
  readonly #queue = new Set<string>()
  /** Keys by their spelling; undefined for what is no witness key. */
  #read = new Lru<VerifierKey | undefined>(MAX_READ_KEYS)
  #relayed: readonly VerifierKey[] = []
  #selectedAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(options: NeighboursOptions) {
    this.#options = options
  }

  /** A connected peer has said hello. */
  heard(peer: string, hello: Hello): void {
    const before = this.#neighbours.get(peer)
    const claim = hello.witness === undefined ? '' : `${hello.witness.key} ${String(hello.witness.signature)}`
    const isSame = before?.claim === claim
    const witness = isSame ? before.witness : ((hello.witness && provenWitness(hello.witness, peer)) ?? null)
    const head = this.#headOf(hello)
    this.#neighbours.set(peer, { counts: hello.counts, claim, witness, head })
    this.#queue.add(peer)
    if (!isSame && witness !== null && witness.vkey === this.#options.witness) this.#options.onTwin(peer)
    if (before?.counts.join() !== hello.counts.join()) this.#selectSoon()
  }

  /** The last connection of a peer is gone. */
  gone(peer: string): void {
    const before = this.#neighbours.get(peer)
    this.#neighbours.delete(peer)
    this.#queue.delete(peer)
    if (before !== undefined && before.counts.length > 0) this.#selectSoon()
  }

  /** The verifier key that a connected peer has proven, and where it stands. */
  about(peer: string): { readonly witness: string | null; readonly head: NeighbourHead | null } {
    const { witness, head } = this.#neighbours.get(peer) ?? { witness: null, head: null }
    return { witness: witness?.vkey ?? null, head }
  }

  /** The witness keys that connected peers have proven. */
  witnesses(): readonly VerifierKey[] {
    const known = [...this.#neighbours.values()].flatMap(({ witness }) => witness ?? [])
    return known.filter((key) => this.#options.counts.has(key.vkey) || !this.#isReserved(key))
  }

  /** The keys of neighbours, ours not among them: at most MAX_RELAYED, in turns, from who is connected for longest. */
  relayed(): readonly VerifierKey[] {
    return this.#relayed
  }

  /**
   * Whether a connected neighbour counts a key, in the spelling of its hello. Our own is among those, though it is never
   * in relayed().
   */
  counts(vkey: string): boolean {
    return [...this.#neighbours.values()].some(({ counts }) => counts.includes(vkey))
  }

  /** We count others than before, or other keys mean something to us. */
  changed(): void {
    this.#read = new Lru(MAX_READ_KEYS)
    this.#relayed = this.#relayed.filter((key) => this.#isPassedOn(key) && !this.#options.counts.has(key.vkey))
    this.#selectSoon()
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#neighbours.clear()
    this.#queue.clear()
  }

  /** At once, and then at most every second. */
  #selectSoon(): void {
    if (this.#timer !== undefined) return
    const wait = this.#selectedAt + SELECTION_INTERVAL_MS - performance.now()
    if (wait <= 0) return this.#select()
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#select()
    }, wait)
    this.#timer.unref()
  }

  #select(): void {
    this.#selectedAt = performance.now()
    const { keys, isWhole } = this.#selection()
    const before = this.#relayed
    this.#relayed = keys
    if (!isWhole) this.#selectSoon()
    if (before.length === keys.length && before.every((key, i) => key === keys[i])) return
    this.#options.onChange()
  }

  /**
   * In turns: of each neighbour the one of its keys that most neighbours count and that is not taken yet. Whole when
   * no key was left unread.
   */
  #selection(): { keys: VerifierKey[]; isWhole: boolean } {
    // What was taken before is known, whatever else was read since.
    const known = new Map<string, VerifierKey | undefined>(this.#relayed.map((key) => [key.vkey, key]))
    const find = (vkey: string): VerifierKey | undefined => known.get(vkey) ?? this.#read.get(vkey)
    const isRead = (vkey: string): boolean => known.has(vkey) || this.#read.has(vkey)
    const lists = this.#lists()
    const allowances = this.#allowances(lists, (vkey) => !isRead(vkey))
    const taken = new Map<string, VerifierKey>()
    let isWhole = true
    let waiting = [...lists]
    while (waiting.length > 0 && taken.size < MAX_RELAYED) {
      for (const [peer, list] of waiting) {
        for (let vkey = list.pop(); vkey !== undefined && taken.size < MAX_RELAYED; vkey = list.pop()) {
          if (taken.has(vkey)) continue
          if (!isRead(vkey)) {
            const left = allowances.get(peer) ?? 0
            if (left === 0) isWhole = false
            if (left === 0) continue
            allowances.set(peer, left - 1)
            this.#readKey(vkey)
          }
          const key = find(vkey)
          if (key === undefined) continue
          taken.set(vkey, key)
          break
        }
      }
      waiting = waiting.filter(([, list]) => list.length > 0)
    }
    return { keys: [...taken.values()], isWhole }
  }

  /** The keys that each neighbour counts and we do not, by peer, those last that most neighbours count. */
  #lists(): Map<string, string[]> {
    const votes = new Map<string, number>()
    const lists = new Map<string, string[]>()
    for (const [peer, { counts }] of this.#neighbours) {
      const list = [...new Set(counts)].filter((vkey) => !this.#options.counts.has(vkey))
      for (const vkey of list) votes.set(vkey, (votes.get(vkey) ?? 0) + 1)
      lists.set(peer, list)
    }
    for (const list of lists.values()) list.sort((a, b) => votes.get(a)! - votes.get(b)! || (a < b ? 1 : -1))
    return lists
  }

  /** How many keys of each neighbour are read this time: those that name new ones share; one that had its share goes to the end of the line. */
  #allowances(lists: ReadonlyMap<string, readonly string[]>, isNew: (vkey: string) => boolean): Map<string, number> {
    const served = [...this.#queue].filter((peer) => lists.get(peer)?.some(isNew)).slice(0, NEW_KEYS_PER_SELECTION)
    for (const peer of served) {
      this.#queue.delete(peer)
      this.#queue.add(peer)
    }
    return new Map(served.map((peer) => [peer, Math.floor(NEW_KEYS_PER_SELECTION / served.length)]))
  }

  #readKey(vkey: string): void {
    const key = witnessKey(vkey)
    this.#read.put(vkey, key !== undefined && this.#isPassedOn(key) ? key : undefined)
  }

  #isPassedOn(key: VerifierKey): boolean {
    return !this.#isReserved(key) && cosignatureLineSize(key) <= MAX_RELAYED_LINE_BYTES
  }

  #isReserved({ name, keyId }: VerifierKey): boolean {
    return this.#options.reserved.has(`${name}+${keyId}`)
  }

  /** For display only: what cannot be read is not shown. */
  #headOf(hello: Hello): NeighbourHead | null {
    for (const note of hello.heads) {
      const head = peekHead(note)
      if (head !== undefined && this.#options.logs.has(head.log)) return { ...head, at: new Date().toISOString() }
    }
    return null
  }
}
