/**
 * What the connected peers say of themselves in their hellos: whose cosignatures they count, which witness they are,
 * where they stand. All of it is forgotten with the connection.
 *
 * The keys that neighbours count are passed on for them, or a mesh of nodes with different policies would starve.
 * Whoever connects can name keys; so they are bounded, and every neighbour gets its turn.
 */
import { logId, parseCheckpoint } from '../tlog/checkpoint.js'
import { parseNote, type VerifierKey } from '../tlog/note.js'
import { provenWitness, witnessKey } from './identity.js'
import type { Hello } from './messages.js'

/** Keys of neighbours that are passed on. */
export const MAX_RELAYED = 256
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
  /** Verifier keys that we count ourselves. */
  readonly counts: ReadonlySet<string>
  /** Our own witness, if any. */
  readonly witness: string | undefined
  /** relayed() has changed. */
  readonly onChange: () => void
  /** A peer that is not us has proven our own witness key. */
  readonly onTwin: (peer: string) => void
}

export class Neighbours {
  readonly #options: NeighboursOptions
  readonly #neighbours = new Map<string, Neighbour>()
  /** Keys by their spelling; undefined for what is no witness key. */
  readonly #read = new Map<string, VerifierKey | undefined>()
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
    if (!isSame && witness !== null && witness.vkey === this.#options.witness) this.#options.onTwin(peer)
    if (before?.counts.join() !== hello.counts.join()) this.#selectSoon()
  }

  /** The last connection of a peer is gone. */
  gone(peer: string): void {
    const before = this.#neighbours.get(peer)
    this.#neighbours.delete(peer)
    if (before !== undefined && before.counts.length > 0) this.#selectSoon()
  }

  /** The verifier key that a connected peer has proven, and where it stands. */
  about(peer: string): { readonly witness: string | null; readonly head: NeighbourHead | null } {
    const { witness, head } = this.#neighbours.get(peer) ?? { witness: null, head: null }
    return { witness: witness?.vkey ?? null, head }
  }

  /** The witness keys that connected peers have proven. */
  witnesses(): readonly VerifierKey[] {
    return [...this.#neighbours.values()].flatMap(({ witness }) => witness ?? [])
  }

  /** The keys of neighbours, ours not among them: at most MAX_RELAYED, those that most of them count first. */
  relayed(): readonly VerifierKey[] {
    return this.#relayed
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#neighbours.clear()
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

  /** In turns: of each neighbour the one of its keys that most neighbours count and that is not taken yet. */
  #selection(): { keys: VerifierKey[]; isWhole: boolean } {
    const votes = new Map<string, number>()
    const lists = [...this.#neighbours.values()].map(({ counts }) => [...new Set(counts)])
    for (const list of lists) for (const vkey of list) votes.set(vkey, (votes.get(vkey) ?? 0) + 1)
    const byVotes = (a: string, b: string): number => votes.get(b)! - votes.get(a)! || (a < b ? -1 : 1)
    for (const list of lists) list.sort(byVotes).reverse()
    const taken = new Map<string, VerifierKey>()
    let budget = NEW_KEYS_PER_SELECTION
    let waiting = lists
    while (waiting.length > 0 && taken.size < MAX_RELAYED) {
      for (const list of waiting) {
        for (let vkey = list.pop(); vkey !== undefined; vkey = list.pop()) {
          if (this.#options.counts.has(vkey) || taken.has(vkey)) continue
          if (!this.#read.has(vkey) && budget-- <= 0) continue
          const key = this.#readKey(vkey)
          if (key === undefined) continue
          if (taken.size < MAX_RELAYED) taken.set(vkey, key)
          break
        }
      }
      waiting = waiting.filter((list) => list.length > 0)
    }
    return { keys: [...taken.values()].sort((a, b) => byVotes(a.vkey, b.vkey)), isWhole: budget >= 0 }
  }

  #readKey(vkey: string): VerifierKey | undefined {
    if (this.#read.has(vkey)) return this.#read.get(vkey)
    const [oldest] = this.#read.keys()
    if (this.#read.size >= MAX_READ_KEYS && oldest !== undefined) this.#read.delete(oldest)
    const key = witnessKey(vkey)
    this.#read.set(vkey, key)
    return key
  }

  /** For display only: what cannot be read is not shown. */
  #headOf(hello: Hello): NeighbourHead | null {
    for (const note of hello.heads) {
      const head = readHead(note)
      if (head !== undefined && this.#options.logs.has(head.log)) return { ...head, at: new Date().toISOString() }
    }
    return null
  }
}

function readHead(bytes: Uint8Array): { log: string; size: number } | undefined {
  try {
    const { text, signatures } = parseNote(bytes)
    const { origin, size } = parseCheckpoint(text)
    return signatures[0] && { log: logId(signatures[0].name, origin), size }
  } catch {
    return undefined
  }
}
