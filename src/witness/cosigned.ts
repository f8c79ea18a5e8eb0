/**
 * Cosigned heads: what we hold of each log with every cosignature that we know and verified, and the quorum head that
 * they make. Lines that do not verify never get here.
 */
import type { Store } from '../store/store.js'
import { Serial } from '../store/serial.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { parseCheckpoint } from '../tlog/checkpoint.js'
import { verifiedCosignatures, type Cosignature } from '../tlog/cosignature.js'
import type { Tree } from '../tlog/merkle.js'
import { formatNote, parseNote, type Note, type VerifierKey } from '../tlog/note.js'

/** Whose cosignatures count, and when they are enough. */
export interface Quorum {
  /** Keys (type 0x04) whose cosignatures are verified and kept; our own is among them. */
  readonly keys: readonly VerifierKey[]
  /** Whether these keys (vkeys) satisfy the policy. */
  readonly satisfiedBy: (signedBy: ReadonlySet<string>) => boolean
}

/** A head with the log's line, and the newest verified cosignature of each counted key (by vkey). */
export interface CosignedHead extends Tree {
  readonly note: Note
  readonly cosignatures: ReadonlyMap<string, Cosignature>
}

/** The head as it is shown and sent: the log's line first, then the cosignatures in the order of the keys. */
export function encodeCosigned(head: CosignedHead): Uint8Array {
  return formatNote(head.note)
}

function build(
  text: string,
  logLine: Note['signatures'][0],
  cosignatures: Map<string, Cosignature>,
  quorum: Quorum,
): CosignedHead {
  const lines = quorum.keys.flatMap((key) => cosignatures.get(key.vkey)?.signature ?? [])
  const { size, root } = parseCheckpoint(text)
  return { size, root, note: { text, signatures: [logLine, ...lines] }, cosignatures }
}

export class CosignedHeads {
  readonly #store: Store
  readonly #quorum: Quorum
  readonly #current = new Map<string, CosignedHead>()
  readonly #quorumHeads = new Map<string, CosignedHead>()
  readonly #serial = new Serial()
  readonly #onQuorum: (log: string, head: CosignedHead) => void

  constructor(store: Store, quorum: Quorum, onQuorum: (log: string, head: CosignedHead) => void) {
    this.#store = store
    this.#quorum = quorum
    this.#onQuorum = onQuorum
  }

  /** Loads what was held of a log. A policy that changed since is applied anew. */
  async load(log: string): Promise<void> {
    const newest = this.#store.heads.get(log)
    const kept = newest.tree && ((await this.#store.history.get(log, newest.tree.size)) ?? newest.note)
    if (kept !== undefined) this.#current.set(log, this.#decode(kept))
    const quorumNote = await this.#store.quorum.get(log)
    const quorumHead = quorumNote === undefined ? undefined : this.#decode(quorumNote)
    if (quorumHead && this.#isQuorum(quorumHead)) this.#quorumHeads.set(log, quorumHead)
  }

  /** The newest head that we proved. */
  current(log: string): CosignedHead | undefined {
    return this.#current.get(log)
  }

  /** The largest head that the policy is satisfied with. */
  quorum(log: string): CosignedHead | undefined {
    return this.#quorumHeads.get(log)
  }

  /** Whether a head, as a note of any lines, is one that we proved and still keep. */
  async holds(log: string, head: string): Promise<boolean> {
    const { text } = parseNote(utf8(head))
    return (await this.#find(log, parseCheckpoint(text).size))?.note.text === text
  }

  /** The newest heads of a log, newest first. */
  async history(log: string, limit: number): Promise<CosignedHead[]> {
    return (await this.#store.history.latest(log, limit)).map(({ note }) => this.#decode(note))
  }

  /** Makes a proven head the current one. */
  install(log: string, bare: Note, cosignatures: ReadonlyMap<string, Cosignature>): Promise<boolean> {
    return this.merge(log, bare, cosignatures, true)
  }

  /**
   * Adds verified cosignatures to a head that is proven to be on our history, durably. Returns whether one of them is
   * by a key that had not cosigned it yet. A head that we never held ourselves is only kept when `install` says so.
   */
  merge(log: string, bare: Note, cosignatures: ReadonlyMap<string, Cosignature>, install = false): Promise<boolean> {
    return this.#serial.run(log, async () => {
      const tree = parseCheckpoint(bare.text)
      const held = this.#current.get(log)
      const kept = held?.size === tree.size ? held : await this.#find(log, tree.size)
      if (kept === undefined && !install) return false
      if (kept !== undefined && kept.note.text !== bare.text) return false

      const merged = new Map(kept?.cosignatures)
      let fresh = false
      let changed = kept === undefined
      for (const [key, cosignature] of cosignatures) {
        const before = merged.get(key)
        if (before !== undefined && before.time >= cosignature.time) continue
        fresh ||= before === undefined
        changed = true
        merged.set(key, cosignature)
      }
      if (!changed) {
        if (install && kept) this.#setCurrent(log, kept)
        return false
      }
      const head = build(bare.text, bare.signatures[0]!, merged, this.#quorum)
      await this.#store.history.put(log, head.size, fromUtf8(encodeCosigned(head))!)
      if (install || head.size === held?.size) this.#setCurrent(log, head)
      await this.#noteQuorum(log, head)
      return fresh
    })
  }

  #setCurrent(log: string, head: CosignedHead): void {
    // Never backwards: two heads may be installed at once, the larger proven on top of the smaller.
    if (head.size >= (this.#current.get(log)?.size ?? 0)) this.#current.set(log, head)
  }

  async #find(log: string, size: number): Promise<CosignedHead | undefined> {
    const note = await this.#store.history.get(log, size)
    return note === undefined ? undefined : this.#decode(note)
  }

  async #noteQuorum(log: string, head: CosignedHead): Promise<void> {
    const before = this.#quorumHeads.get(log)
    if (head.size < (before?.size ?? 0) || !this.#isQuorum(head)) return
    this.#quorumHeads.set(log, head)
    await this.#store.quorum.put(log, fromUtf8(encodeCosigned(head))!)
    if (before?.size !== head.size || before.cosignatures.size !== head.cosignatures.size) this.#onQuorum(log, head)
  }

  #isQuorum(head: CosignedHead): boolean {
    return this.#quorum.satisfiedBy(new Set(head.cosignatures.keys()))
  }

  #decode(text: string): CosignedHead {
    const note = parseNote(utf8(text))
    return build(note.text, note.signatures[0]!, verifiedCosignatures(note, this.#quorum.keys), this.#quorum)
  }
}
