/**
 * The heads that a node holds, with the cosignatures that it knows of them, and the quorum head that they make: what
 * src/witness/cosigned.ts keeps on a disk, kept in memory. Equal ones are one object for all nodes.
 */
import type { Cosignature } from '../../src/tlog/cosignature.js'
import type { Note } from '../../src/tlog/note.js'
import { cosignedHead, encodeCosigned, type CosignedHead } from '../../src/witness/cosigned-head.js'
import type { Quorum } from '../../src/witness/quorum.js'

const NONE: ReadonlyMap<string, Cosignature> = new Map()

/** All cosigned heads of a simulation, each once. */
export class CosignedTable {
  readonly #heads = new Map<string, CosignedHead>()
  readonly #encoded = new WeakMap<CosignedHead, Uint8Array>()
  readonly #areQuorum = new WeakMap<CosignedHead, boolean>()
  readonly #order: readonly string[]
  readonly #quorum: Quorum

  constructor(quorum: Quorum) {
    this.#quorum = quorum
    this.#order = quorum.keys.map(({ vkey }) => vkey)
  }

  /** Those that count first, in the order of the policy. */
  of({ text, signatures }: Note, cosignatures: ReadonlyMap<string, Cosignature>): CosignedHead {
    const counted = this.#order.filter((key) => cosignatures.has(key))
    const others = [...cosignatures.keys()].filter((key) => !this.#order.includes(key)).sort()
    const keys = [...counted, ...others]
    const name = text + keys.map((key) => `${key} ${cosignatures.get(key)!.time}\n`).join('')
    let head = this.#heads.get(name)
    if (head === undefined) {
      head = cosignedHead(text, signatures[0]!, new Map(keys.map((key) => [key, cosignatures.get(key)!])))
      this.#heads.set(name, head)
    }
    return head
  }

  encoded(head: CosignedHead): Uint8Array {
    let bytes = this.#encoded.get(head)
    if (bytes === undefined) this.#encoded.set(head, (bytes = encodeCosigned(head)))
    return bytes
  }

  isQuorum(head: CosignedHead): boolean {
    let is = this.#areQuorum.get(head)
    if (is === undefined) {
      const counting = [...head.cosignatures.keys()].filter((key) => this.#order.includes(key))
      this.#areQuorum.set(head, (is = this.#quorum.satisfiedBy(new Set(counting))))
    }
    return is
  }
}

export class HeldHeads {
  current: CosignedHead | undefined
  quorum: CosignedHead | undefined
  readonly #table: CosignedTable
  readonly #bySize = new Map<number, CosignedHead>()
  readonly #onQuorum: (head: CosignedHead) => void

  constructor(table: CosignedTable, onQuorum: (head: CosignedHead) => void) {
    this.#table = table
    this.#onQuorum = onQuorum
  }

  at(size: number): CosignedHead | undefined {
    return this.#bySize.get(size)
  }

  install(logNote: Note, cosignatures: ReadonlyMap<string, Cosignature>): void {
    const head = this.#take(logNote, cosignatures).head
    if (head !== undefined && head.size >= (this.current?.size ?? 0)) this.current = head
  }

  /** Adds cosignatures to a head that is held, or is about to be. Returns those by keys that had not cosigned it yet. */
  merge(
    logNote: Note,
    size: number,
    cosignatures: ReadonlyMap<string, Cosignature>,
    isOnItsWay: boolean,
  ): ReadonlyMap<string, Cosignature> {
    if (!this.#bySize.has(size) && !isOnItsWay) return NONE
    const { head, fresh } = this.#take(logNote, cosignatures)
    if (head !== undefined && head.size === this.current?.size) this.current = head
    return fresh
  }

  #take(
    logNote: Note,
    cosignatures: ReadonlyMap<string, Cosignature>,
  ): { head?: CosignedHead; fresh: ReadonlyMap<string, Cosignature> } {
    const cosigned = this.#table.of(logNote, cosignatures)
    const before = this.#bySize.get(cosigned.size)
    if (before !== undefined && before.note.text !== logNote.text) return { fresh: NONE }
    const known = before?.cosignatures ?? NONE
    const newer = [...cosignatures].filter(([key, { time }]) => time > (known.get(key)?.time ?? 0))
    if (before !== undefined && newer.length === 0) return { head: before, fresh: NONE }
    const head = before === undefined ? cosigned : this.#table.of(logNote, new Map([...known, ...newer]))
    this.#bySize.set(head.size, head)
    if (head.size >= (this.quorum?.size ?? 0) && this.#table.isQuorum(head)) {
      const isNew = this.quorum?.size !== head.size
      this.quorum = head
      if (isNew) this.#onQuorum(head)
    }
    return { head, fresh: new Map(newer.filter(([key]) => !known.has(key))) }
  }
}
