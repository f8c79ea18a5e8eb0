/**
 * What the connected peers say about themselves in their hellos: whose cosignatures they count, which witness they are,
 * what their newest head is. All of it is forgotten when they disconnect.
 *
 * The cosignatures of keys that neighbours count are passed on for them; otherwise a mesh of nodes with different
 * policies would starve. Anyone who connects can name keys, so their number is limited, and keys are read and selected
 * alternating between neighbours.
 */
import { Lru } from '../../lib/lru.js'
import type { VerifierKey } from '../../tlog/note.js'
import { cosignatureLineSize } from '../../tlog/cosignature.js'
import { provenWitness, witnessKey } from '../sync/identity.js'
import type { Hello } from '../sync/messages.js'
import { peekHead } from '../sync/pages.js'

/** Keys of neighbours whose cosignatures are passed on. */
export const MAX_RELAYED = 256
/** Bytes of a cosignature line of such a key: longer ones would take the room of others. */
export const MAX_RELAYED_LINE_BYTES = 256
/** Milliseconds between two selections of keys. */
const SELECTION_INTERVAL_MS = 1000
/** New keys that are parsed in one selection: each costs half a millisecond. */
const NEW_KEYS_PER_SELECTION = 64
/** Parsed keys that are remembered. */
const MAX_READ_KEYS = 1024

/** The head in a neighbour's newest hello of the first log that it names and we follow. */
export interface NeighbourHead {
  /** Log id. */
  readonly log: string
  readonly size: number
  /** When the neighbour reported it: RFC 3339, in UTC. */
  readonly at: string
}

interface Neighbour {
  readonly counts: readonly string[]
  /** The claim in its hello, as text, and the verifier key that the claim proved. */
  readonly claim: string
  readonly witness: VerifierKey | null
  readonly head: NeighbourHead | null
}

export interface NeighboursOptions {
  /** Ids of the logs that we follow. */
  readonly logs: ReadonlySet<string>
  /** Verifier keys that we count ourselves. The set may change; then changed() is called. */
  readonly counts: ReadonlySet<string>
  /**
   * Key name and key id (`name+keyid`) of keys that have a meaning here. Another key with the same two is not passed
   * on: its lines could not be told from those of ours.
   */
  readonly reserved: ReadonlySet<string>
  /** Our own witness, if any. */
  readonly witness: string | undefined
  /** Called when relayed() has changed. */
  readonly onChange: () => void
  /** Called when a peer that is not us has proven our own witness key. */
  readonly onTwin: (peer: string) => void
}

export class Neighbours {
  readonly #options: NeighboursOptions
  /** By peer id, longest connected first. */
  readonly #neighbours = new Map<string, Neighbour>()
  /** Peers in the order in which their keys are read next. */
  readonly #queue = new Set<string>()
  /** Parsed keys by their text; undefined for one that is not a witness key. */
  #read = new Lru<VerifierKey | undefined>(MAX_READ_KEYS)
  #relayed: readonly VerifierKey[] = []
  #selectedAt = -Infinity
  #timer: NodeJS.Timeout | undefined

  constructor(options: NeighboursOptions) {
    this.#options = options
  }

  /** A connected peer has sent its hello. */
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

  /** The last connection of a peer has ended. */
  gone(peer: string): void {
    const before = this.#neighbours.get(peer)
    this.#neighbours.delete(peer)
    this.#queue.delete(peer)
    if (before !== undefined && before.counts.length > 0) this.#selectSoon()
  }

  /** The verifier key that a connected peer has proven, and its newest head. */
  about(peer: string): { readonly witness: string | null; readonly head: NeighbourHead | null } {
    const { witness, head } = this.#neighbours.get(peer) ?? { witness: null, head: null }
    return { witness: witness?.vkey ?? null, head }
  }

  /** The witness keys that connected peers have proven. */
  witnesses(): readonly VerifierKey[] {
    const known = [...this.#neighbours.values()].flatMap(({ witness }) => witness ?? [])
    return known.filter((key) => this.#options.counts.has(key.vkey) || !this.#isReserved(key))
  }

  /**
   * The keys of neighbours, without ours: at most MAX_RELAYED, alternating between neighbours, longest connected first.
   */
  relayed(): readonly VerifierKey[] {
    return this.#relayed
  }

  /**
   * Whether a connected neighbour counts a key, as written in its hello. This includes our own key, although it is
   * never in relayed().
   */
  counts(vkey: string): boolean {
    return [...this.#neighbours.values()].some(({ counts }) => counts.includes(vkey))
  }

  /** The keys that we count, or those that have a meaning here, have changed. */
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
   * Alternates between neighbours: from each, the key of its list that most neighbours count and that is not selected
   * yet. `isWhole` if no key was left unread.
   */
  #selection(): { keys: VerifierKey[]; isWhole: boolean } {
    // Keys selected before stay known, whatever else was read since.
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

  /** The keys that each neighbour counts and we do not, by peer; the ones that most neighbours count come last. */
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

  /**
   * How many keys of each neighbour are read this time: neighbours with new keys share the number, and one that had its
   * share goes to the end of the queue.
   */
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
