/** Histories of one log in memory, fast enough for hundreds of runs: trees, signed heads, and proofs over them. */
import { GossumError } from '../../src/errors.js'
import { equalBytes, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { proveTree, treeRoot, type Tree } from '../../src/tlog/merkle.js'
import { formatNote, signNote, type SignerKey } from '../../src/tlog/note.js'
import type { Prefix } from '../../src/witness/decide.js'
import { MemoryLog } from './tree.js'

/** One history: the records of another up to a size, and its own after that. */
export class History {
  readonly #signer: SignerKey
  readonly #log = new MemoryLog()
  readonly #salt: string
  readonly #origin: { readonly of: History; readonly at: number } | undefined
  /** The notes that were signed, by their text: tests show the same heads again and again. */
  readonly #signed = new Map<string, Uint8Array>()

  constructor(signer: SignerKey, salt = 'a', origin?: { of: History; at: number }) {
    this.#signer = signer
    this.#salt = salt
    this.#origin = origin
  }

  /** Another history that shares the first `at` records. */
  fork(at: number, salt: string): History {
    return new History(this.#signer, salt, { of: this, at })
  }

  #record(index: number): string {
    return this.#origin !== undefined && index < this.#origin.at
      ? this.#origin.of.#record(index)
      : `record ${index} of ${this.#salt}\n`
  }

  #grow(size: number): void {
    for (let i = this.#log.leaves.length; i < size; i++) this.#log.append(utf8(this.#record(i)))
  }

  tree(size: number): Tree {
    this.#grow(size)
    return { size, root: treeRoot(size, this.#log.read) }
  }

  /** The checkpoint text of a size. */
  text(size: number): string {
    return formatCheckpoint({ origin: SUMDB_ORIGIN, ...this.tree(size) })
  }

  /** The signed head of a size. */
  head(size: number): Uint8Array {
    return this.sign(this.text(size))
  }

  /** Any text with the log's signature. */
  sign(text: string): Uint8Array {
    const note = this.#signed.get(text) ?? formatNote({ text, signatures: [signNote(text, this.#signer)] })
    this.#signed.set(text, note)
    // A copy, since some tests change what they get.
    return note.slice()
  }

  /** The first `size` records of the tree `of`, if that is a tree of this history. */
  prefix(of: Tree, size: number): Prefix | undefined {
    if (of.size < size || !equalBytes(this.tree(of.size).root, of.root)) return undefined
    return { root: this.tree(size).root, proof: proveTree(of.size, size, this.#log.read) }
  }
}

/** A source of proofs that knows the tiles of these histories, and of no other. */
export function showing(...histories: readonly History[]): (of: Tree, size: number) => Promise<Prefix> {
  return (of, size) => {
    for (const history of histories) {
      const prefix = history.prefix(of, size)
      if (prefix !== undefined) return Promise.resolve(prefix)
    }
    return Promise.reject(new GossumError('TILE_INVALID', `no tiles of this tree of ${of.size}`))
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

/** The same bytes in non-canonical base64: the lowest unused bit of the last character, before one "=", is set. */
export function setUnusedBit(base64: string): string {
  const last = base64.length - 2
  return base64.slice(0, last) + ALPHABET[ALPHABET.indexOf(base64[last]!) + 1]! + base64.slice(last + 1)
}
