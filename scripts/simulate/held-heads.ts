/**
 * The heads that a node holds, with their known cosignatures and the quorum that these make: in memory what
 * src/witness/cosigned.ts keeps on disk. Equal heads are one object for all nodes. A head is only assembled when it is
 * read, which is rare: a hundred keys sign it, and their cosignatures arrive in another order at every node.
 */
import type { Cosignature } from '../../src/tlog/cosignature.js'
import type { Note, Signature } from '../../src/tlog/note.js'
import { cosignedHead, encodeCosigned, type CosignedHead } from '../../src/witness/cosigned-head.js'
import type { Quorum } from '../../src/witness/quorum.js'

const NONE: ReadonlyMap<string, Cosignature> = new Map()

/** All cosigned heads of a simulation that have been read, each once. */
export class CosignedTable {
  readonly #heads = new Map<string, CosignedHead>()
  readonly #encoded = new WeakMap<CosignedHead, Uint8Array>()
  readonly #areQuorum = new Map<string, boolean>()
  readonly #order: readonly string[]
  readonly #counted: ReadonlySet<string>
  readonly #quorum: Quorum

  constructor(quorum: Quorum) {
    this.#quorum = quorum
    this.#order = quorum.keys.map(({ vkey }) => vkey)
    this.#counted = new Set(this.#order)
  }

  counts(key: string): boolean {
    return this.#counted.has(key)
  }

  /** The cosignatures that count come first, in the order of the policy. */
  of(text: string, logLine: Signature, cosignatures: ReadonlyMap<string, Cosignature>): CosignedHead {
    const counted = this.#order.filter((key) => cosignatures.has(key))
    const others =
      counted.length === cosignatures.size ? [] : [...cosignatures.keys()].filter((key) => !this.counts(key)).sort()
    const keys = [...counted, ...others]
    const name = text + keys.map((key) => `${key} ${cosignatures.get(key)!.time}\n`).join('')
    let head = this.#heads.get(name)
    if (head === undefined) {
      head = cosignedHead(text, logLine, new Map(keys.map((key) => [key, cosignatures.get(key)!])))
      this.#heads.set(name, head)
    }
    return head
  }

  encoded(head: CosignedHead): Uint8Array {
    let bytes = this.#encoded.get(head)
    if (bytes === undefined) this.#encoded.set(head, (bytes = encodeCosigned(head)))
    return bytes
  }

  areQuorum(cosignatures: ReadonlyMap<string, Cosignature>): boolean {
    const counting = this.#order.filter((key) => cosignatures.has(key))
    const name = counting.join('\n')
    let are = this.#areQuorum.get(name)
    if (are === undefined) this.#areQuorum.set(name, (are = this.#quorum.satisfiedBy(new Set(counting))))
    return are
  }
}

class HeldHead {
  readonly cosignatures = new Map<string, Cosignature>()
  #seen: CosignedHead | undefined

  constructor(
    readonly text: string,
    readonly logLine: Signature,
    readonly size: number,
    readonly table: CosignedTable,
  ) {}

  get head(): CosignedHead {
    return (this.#seen ??= this.table.of(this.text, this.logLine, this.cosignatures))
  }

  add(cosignatures: readonly (readonly [string, Cosignature])[]): void {
    for (const [key, cosignature] of cosignatures) this.cosignatures.set(key, cosignature)
    this.#seen = undefined
  }
}

export class HeldHeads {
  /** The size of the newest head with a quorum; -1 without one. */
  quorumSize = -1
  readonly #table: CosignedTable
  readonly #bySize = new Map<number, HeldHead>()
  readonly #onQuorum: (size: number) => void
  #current: HeldHead | undefined

  constructor(table: CosignedTable, onQuorum: (size: number) => void) {
    this.#table = table
    this.#onQuorum = onQuorum
  }

  get current(): CosignedHead | undefined {
    return this.#current?.head
  }

  at(size: number): CosignedHead | undefined {
    return this.#bySize.get(size)?.head
  }

  /** The cosignature of a key on the current head, if the head has this size. */
  cosignatureOf(key: string, size: number | undefined): Cosignature | undefined {
    return this.#current?.size === size ? this.#current?.cosignatures.get(key) : undefined
  }

  install(logNote: Note, size: number, cosignatures: ReadonlyMap<string, Cosignature>): void {
    this.#take(logNote, size, cosignatures)
    const held = this.#bySize.get(size)
    if (held?.text === logNote.text && size >= (this.#current?.size ?? 0)) this.#current = held
  }

  /** Adds cosignatures to a head that is or will be held. Returns those by keys that had not cosigned it yet. */
  merge(
    logNote: Note,
    size: number,
    cosignatures: ReadonlyMap<string, Cosignature>,
    isOnItsWay: boolean,
  ): ReadonlyMap<string, Cosignature> {
    if (!this.#bySize.has(size) && !isOnItsWay) return NONE
    return this.#take(logNote, size, cosignatures)
  }

  #take(
    { text, signatures }: Note,
    size: number,
    cosignatures: ReadonlyMap<string, Cosignature>,
  ): ReadonlyMap<string, Cosignature> {
    const before = this.#bySize.get(size)
    if (before !== undefined && before.text !== text) return NONE
    const known = before?.cosignatures ?? NONE
    const newer = [...cosignatures].filter(([key, { time }]) => time > (known.get(key)?.time ?? 0))
    if (before !== undefined && newer.length === 0) return NONE
    const fresh = new Map(newer.filter(([key]) => !known.has(key)))
    const held = before ?? new HeldHead(text, signatures[0]!, size, this.#table)
    held.add(newer)
    this.#bySize.set(size, held)
    const mayBeQuorum = size > this.quorumSize && newer.some(([key]) => this.#table.counts(key))
    if (mayBeQuorum && this.#table.areQuorum(held.cosignatures)) {
      this.quorumSize = size
      this.#onQuorum(size)
    }
    return fresh
  }
}
