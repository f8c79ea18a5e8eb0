/** A log of given records, in memory: its signed heads, and the records in its trees. */
import { makeBadRecord, type BadRecord, type FoundRecord } from '../../src/evidence/evidence.js'
import { utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import { proveRecord, proveTree, treeRoot, type Tree } from '../../src/tlog/merkle.js'
import { formatNote, signNote, type Note, type SignerKey } from '../../src/tlog/note.js'
import { MemoryLog } from './tree.js'
import { pushBody } from './witness-client.js'

/** A hash in the form of go.sum, made from a word. */
export function h1(word: string): string {
  return `h1:${Buffer.from(word.padEnd(32, '.').slice(0, 32)).toString('base64')}`
}

/** The record of a module version, with hashes made from words. */
export function recordOf(name: string, files: string, goMod = 'go.mod'): string {
  const [path, version] = name.split('@') as [string, string]
  return `${path} ${version} ${h1(files)}\n${path} ${version}/go.mod ${h1(goMod)}\n`
}

export class RecordLog {
  readonly signer: SignerKey
  readonly origin: string
  readonly texts: readonly string[]
  readonly #log = new MemoryLog()

  constructor(signer: SignerKey, texts: readonly string[], origin = SUMDB_ORIGIN) {
    this.signer = signer
    this.origin = origin
    this.texts = texts
    for (const text of texts) this.#log.append(utf8(text))
  }

  tree(size = this.texts.length): Tree {
    return { size, root: treeRoot(size, this.#log.read) }
  }

  /** The signed head of a size. */
  head(size?: number): Note {
    return this.sign(formatCheckpoint({ origin: this.origin, ...this.tree(size) }))
  }

  sign(text: string): Note {
    return { text, signatures: [signNote(text, this.signer)] }
  }

  /** The body that pushes a head to a witness that holds a smaller one. */
  pushBody(from: number, to = this.texts.length): Uint8Array {
    const proof = from === 0 || from === to ? [] : proveTree(to, from, this.#log.read)
    return pushBody(from, proof, formatNote(this.head(to)))
  }

  /** A record under the head of a size. */
  found(id: number, size = this.texts.length): FoundRecord {
    return { id, record: utf8(this.texts[id]!), proof: proveRecord(size, id, this.#log.read) }
  }

  /** What these two records prove under the head of a size. */
  evidence(one: number, other: number, size = this.texts.length): BadRecord {
    return makeBadRecord(this.signer.verifier, this.head(size), [this.found(one, size), this.found(other, size)])
  }
}
