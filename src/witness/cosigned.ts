/**
 * Cosigned heads: what we hold of each log, with every cosignature that we know and have verified, and the quorum head
 * that they make. Lines that do not verify never get here.
 */
import { allEnded } from '../lib/all-ended.js'
import { Lru } from '../lib/lru.js'
import type { Store } from '../store/store.js'
import { Serial } from '../lib/serial.js'
import { utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { keptCosignatures, verifiedCosignatures, type Cosignature } from '../tlog/cosignature.js'
import type { Tree } from '../tlog/merkle.js'
import { formatSignature, MAX_SIGNATURES, parseNote, spellNote, type Note, type VerifierKey } from '../tlog/note.js'
import { cosignedHead, type CosignedHead, type ProvenHead } from './cosigned-head.js'
import { SignatureCache } from './signature-cache.js'
import type { Quorum } from './quorum.js'
import { QuorumHeads } from './quorum-heads.js'
import { Renewals } from './renewals.js'
import { Signers } from './signers.js'

/** Bytes per head for all lines by keys that only neighbours count: as much as the most lines that a note may have. */
const MAX_RELAYED_BYTES = 25 * 1024
/** Older heads kept in memory, over all logs. */
const MAX_RECENT = 64

const NONE: ReadonlyMap<string, Cosignature> = new Map()

/** Whether a cosignature of the same text is newer than the one known of its key. */
function mayAdd(known: CosignedHead, { text }: Note, cosignatures: ReadonlyMap<string, Cosignature>): boolean {
  if (known.note.text !== text) return false
  return [...cosignatures].some(([key, { time }]) => time > (known.cosignatures.get(key)?.time ?? 0))
}

/** Cosignatures that arrived while others were being written. */
interface Arrivals {
  /** By vkey, the newest of each. */
  readonly lines: Map<string, Cosignature>
  /** The ones by keys that had not cosigned the head yet. */
  readonly merged: Promise<ReadonlyMap<string, Cosignature>>
}

export class CosignedHeads {
  /** Who last cosigned what. */
  readonly signers: Signers
  readonly #store: Store
  readonly #quorum: Quorum
  readonly #quorumHeads: QuorumHeads
  readonly #counted: ReadonlySet<string>
  readonly #relayed: () => readonly VerifierKey[]
  readonly #current = new Map<string, CosignedHead>()
  /** Older heads as they are on disk, by log and size, least recently used first. */
  readonly #recent = new Lru<CosignedHead>(MAX_RECENT)
  readonly #known: SignatureCache
  readonly #renewals = new Renewals()
  readonly #serial = new Serial()
  /** By log and text of the head. */
  readonly #arrivals = new Map<string, Arrivals>()

  /**
   * `relayed` are the keys that this node's neighbours count: their cosignatures are kept next to those of the quorum's
   * keys, as far as there is room, and never count. `onQuorum` is called when a log has a new quorum head. `known`
   * caches the lines that were verified before, here or where heads come in.
   */
  constructor(
    store: Store,
    quorum: Quorum,
    onQuorum: (log: string, head: CosignedHead) => void,
    relayed: () => readonly VerifierKey[] = () => [],
    known = new SignatureCache(),
  ) {
    this.#store = store
    this.#quorum = quorum
    this.#counted = new Set(quorum.keys.map(({ vkey }) => vkey))
    this.#relayed = relayed
    this.#known = known
    this.#quorumHeads = new QuorumHeads({ store, quorum, onQuorum, read: (text) => this.#decode(text) })
    this.signers = new Signers({ kept: store.signedBy, seen: store.seenLines, counted: quorum.keys, relayed, known })
  }

  /** Loads what was kept of a log, and applies the current policy and convictions to it. */
  load(log: string): Promise<void> {
    return this.#serial.run(log, async () => {
      const newest = this.#store.heads.get(log)
      const kept = newest.tree && ((await this.#store.history.get(log, newest.tree.size)) ?? newest.note)
      if (kept !== undefined) this.#current.set(log, this.#decode(kept))
      await Promise.all([this.#store.signedBy.load(log), this.#store.seenLines.load(log)])
      // What an older version did not write, or what did not reach the disk.
      const current = this.#current.get(log)
      if (current !== undefined) await this.signers.remember(log, current.note, current.cosignatures)
      await this.#quorumHeads.load(log)
    })
  }

  /** The newest head that we proved. */
  current(log: string): CosignedHead | undefined {
    return this.#current.get(log)
  }

  /** The largest head that satisfies the policy, with only the cosignatures that count. */
  quorum(log: string): CosignedHead | undefined {
    return this.#quorumHeads.of(log)
  }

  /** Whether a head, given as a note with any lines, is one that we proved and still keep. */
  async holds(log: string, head: string): Promise<boolean> {
    const { text } = parseNote(utf8(head))
    return (await this.at(log, parseCheckpoint(text).size))?.note.text === text
  }

  /** The head of exactly this size that we proved, if it is still kept. */
  async at(log: string, size: number): Promise<ProvenHead | undefined> {
    const recent = this.#recentHead(log, size)
    const kept = recent === undefined ? await this.#store.history.get(log, size) : undefined
    if (kept === undefined) return recent
    const note = parseNote(utf8(kept))
    return { ...parseCheckpoint(note.text), note }
  }

  /** The same, with the cosignatures that are known of it. */
  async cosignedAt(log: string, size: number): Promise<CosignedHead | undefined> {
    return this.#recentHead(log, size) ?? (await this.#find(log, size))
  }

  /**
   * The newest heads of a log that are smaller than `below`, newest first, as they were kept; they are not verified
   * again.
   */
  async history(log: string, limit: number, below = Infinity): Promise<CosignedHead[]> {
    const keys = [...this.#quorum.keys, ...this.#relayed()]
    return (await this.#store.history.latest(log, limit, below)).map(({ note: text }) => {
      const note = parseNote(utf8(text))
      return cosignedHead(note.text, note.signatures[0]!, this.#ordered(keptCosignatures(note, keys)))
    })
  }

  // ---- changes ---------------------------------------------------------------------------------------------------

  /**
   * Makes a proven head the current one. Returns what merge() returns. It reaches the disk with the next durable write:
   * what our cosignature promises is durable already, and the head can be rebuilt from that.
   */
  install(
    log: string,
    logNote: Note,
    cosignatures: ReadonlyMap<string, Cosignature>,
  ): Promise<ReadonlyMap<string, Cosignature>> {
    return this.#serial.run(log, () => this.#keep(log, logNote, cosignatures, true))
  }

  /**
   * Adds verified cosignatures to a head that is proven to be on our history; durably, if one that counts is new.
   * Returns those by keys that had not cosigned it yet. A head that we never held ourselves is not kept.
   */
  async merge(
    log: string,
    logNote: Note,
    cosignatures: ReadonlyMap<string, Cosignature>,
  ): Promise<ReadonlyMap<string, Cosignature>> {
    const arrivals = this.#arrivalsOf(log, logNote)
    for (const [key, cosignature] of cosignatures) {
      if (cosignature.time > (arrivals.lines.get(key)?.time ?? 0)) arrivals.lines.set(key, cosignature)
    }
    const fresh = await arrivals.merged
    // If several callers bring the same line at once, it is news only from the first.
    return new Map([...fresh].filter(([key, cosignature]) => cosignatures.get(key) === cosignature))
  }

  /**
   * The cosignatures of a head that wait to be written: those of a burst arrive one by one and are written together.
   */
  #arrivalsOf(log: string, logNote: Note): Arrivals {
    const head = `${log} ${logNote.text}`
    const waiting = this.#arrivals.get(head)
    if (waiting !== undefined) return waiting
    const lines = new Map<string, Cosignature>()
    const merged = this.#serial.run(log, () => {
      this.#arrivals.delete(head)
      return this.#keep(log, logNote, lines, false)
    })
    const arrivals = { lines, merged }
    this.#arrivals.set(head, arrivals)
    return arrivals
  }

  async #keep(
    log: string,
    logNote: Note,
    cosignatures: ReadonlyMap<string, Cosignature>,
    install: boolean,
  ): Promise<ReadonlyMap<string, Cosignature>> {
    const tree = parseCheckpoint(logNote.text)
    // Both are requested at once, so that they share one write.
    const remembered = this.signers.remember(log, logNote, cosignatures, tree)
    const merged = this.#merge(log, logNote, tree, cosignatures, install)
    await allEnded<unknown>([remembered, merged])
    return merged
  }

  async #merge(
    log: string,
    logNote: Note,
    tree: Tree,
    cosignatures: ReadonlyMap<string, Cosignature>,
    install: boolean,
  ): Promise<ReadonlyMap<string, Cosignature>> {
    const held = this.#current.get(log)
    const recent = this.#recentHead(log, tree.size)
    if (!install && recent !== undefined && !mayAdd(recent, logNote, cosignatures)) return NONE
    const kept = held?.size === tree.size ? held : await this.#find(log, tree.size)
    if (kept === undefined && !install && !this.#isOnItsWay(log, logNote)) return NONE
    if (kept !== undefined && kept.note.text !== logNote.text) return NONE

    const known = kept?.cosignatures ?? NONE
    const newer = [...cosignatures]
      .filter(([key, { time }]) => time > (known.get(key)?.time ?? 0))
      .filter(([key]) => install || !known.has(key) || this.#renewals.mayTake(log, key))
    const merged = this.#ordered(new Map([...known, ...newer]))
    const taken = newer.filter(([key, cosignature]) => merged.get(key) === cosignature)
    if (kept !== undefined && taken.length === 0) {
      if (install) this.#setCurrent(log, kept)
      return NONE
    }
    const head = cosignedHead(logNote.text, logNote.signatures[0]!, merged, tree)
    // Only what can affect a quorum is worth an fsync.
    const isForQuorum = taken.some(([key]) => this.#counted.has(key) && !known.has(key))
    const how = !install && isForQuorum ? 'durably' : 'lazily'
    const note = spellNote(head.note)
    const quorumHead = this.#quorumHeads.in(log, head)
    // Mostly all lines count, and it is the same head.
    const quorumNote = quorumHead && (quorumHead === head ? note : spellNote(quorumHead.note))
    await allEnded([
      this.#store.history.put(log, head.size, note, how),
      ...(quorumNote === undefined ? [] : [this.#quorumHeads.keep(log, quorumNote, how)]),
    ])
    this.#keepRecent(log, head)
    if (install || head.size === held?.size) this.#setCurrent(log, head)
    if (quorumHead !== undefined) this.#quorumHeads.take(log, quorumHead)
    return new Map(taken.filter(([key]) => !known.has(key)))
  }

  /**
   * Whether this is our newest head, whose own cosignature is still being deposited and made: others' may arrive first.
   */
  #isOnItsWay(log: string, { text }: Note): boolean {
    return this.#store.heads.get(log).note?.startsWith(`${text}\n`) === true
  }

  /** Finds the quorum head again, after a witness was convicted or is counted again. There may be none any more. */
  reconsider(log: string): Promise<void> {
    return this.#serial.run(log, () => this.#quorumHeads.reconsider(log))
  }

  #setCurrent(log: string, head: CosignedHead): void {
    // Never backwards: two heads may be installed at once, the larger proven to extend the smaller.
    if (head.size >= (this.#current.get(log)?.size ?? 0)) this.#current.set(log, head)
  }

  /** Reads from disk: memory may lack lines of a key that a neighbour has begun to count since. */
  async #find(log: string, size: number): Promise<CosignedHead | undefined> {
    const note = await this.#store.history.get(log, size)
    if (note === undefined) return undefined
    const head = this.#decode(note)
    this.#keepRecent(log, head)
    return head
  }

  #recentHead(log: string, size: number): CosignedHead | undefined {
    const current = this.#current.get(log)
    if (current?.size === size) return current
    return this.#recent.get(`${log} ${size}`)
  }

  #keepRecent(log: string, head: CosignedHead): void {
    this.#recent.put(`${log} ${head.size}`, head)
  }

  /**
   * The cosignatures in the order of the keys: first those that may count, then as many of the others as a note has
   * room for, alternating between neighbours.
   */
  #ordered(cosignatures: ReadonlyMap<string, Cosignature>): ReadonlyMap<string, Cosignature> {
    const counted = this.#quorum.keys.map(({ vkey }) => vkey).filter((key) => cosignatures.has(key))
    const relayed = this.#relayed().map(({ vkey }) => vkey)
    const others = new Set([...relayed, ...cosignatures.keys()].filter((key) => cosignatures.has(key)))
    const ordered = new Map(counted.map((key) => [key, cosignatures.get(key)!]))
    let bytes = 0
    for (const key of others) {
      if (this.#counted.has(key)) continue
      const cosignature = cosignatures.get(key)!
      const length = utf8(formatSignature(cosignature.signature)).length
      // One line is the log's.
      if (ordered.size + 1 >= MAX_SIGNATURES || bytes + length > MAX_RELAYED_BYTES) continue
      bytes += length
      ordered.set(key, cosignature)
    }
    return ordered
  }

  #decode(text: string): CosignedHead {
    const note = parseNote(utf8(text))
    const keys = this.#known.remembering([...this.#quorum.keys, ...this.#relayed()])
    return cosignedHead(note.text, note.signatures[0]!, this.#ordered(verifiedCosignatures(note, keys)))
  }
}
