/**
 * The log: real trees, heads with real signatures, and as many histories under one key as it shows to different nodes.
 * Every signature, computation and verification is cached for the whole simulation.
 */
import { formatHash } from '../../src/tlog/hash.js'
import { logId, SUMDB_ORIGIN } from '../../src/tlog/checkpoint.js'
import type { Tree } from '../../src/tlog/merkle.js'
import { makeSignerKey, SIGNATURE_TYPES, type SignerKey } from '../../src/tlog/note.js'
import type { Prefix } from '../../src/witness/decide.js'
import type { LogIdentity } from '../../src/witness/head.js'
import type { SignatureCache } from '../../src/witness/signature-cache.js'
import { History } from '../../test/helpers/history.js'

/** Records that the log has at the beginning, and gains with each head. */
const AT_FIRST = 1_000
const PER_HEAD = 20

/** One history, as the log shows it. */
export class View {
  readonly #history: History
  readonly #heads = new Map<number, Uint8Array>()
  readonly #prefixes = new Map<string, Prefix | undefined>()
  size: number

  constructor(history: History, size: number) {
    this.#history = history
    this.size = size
  }

  grow(): number {
    return (this.size += PER_HEAD)
  }

  /** Another history with the records of this one until now, or without those of the last head. */
  fork(isWithoutLast: boolean): View {
    const at = isWithoutLast ? this.size - PER_HEAD : this.size
    return new View(this.#history.fork(at, 'another'), this.size)
  }

  /** The newest head, signed; always the same bytes. */
  head(): Uint8Array {
    let head = this.#heads.get(this.size)
    if (head === undefined) this.#heads.set(this.size, (head = this.#history.head(this.size)))
    return head
  }

  /** The first records of a tree, if the tree is of this history. */
  prefix(of: Tree, size: number): Prefix | undefined {
    if (of.size > this.size) return undefined
    const key = `${of.size} ${formatHash(of.root)} ${size}`
    if (!this.#prefixes.has(key)) this.#prefixes.set(key, this.#history.prefix(of, size))
    return this.#prefixes.get(key)
  }
}

export class SimulatedLog {
  readonly identity: LogIdentity
  readonly truth: View
  /** The other history, once there is one. */
  lie: View | undefined

  constructor(known: SignatureCache) {
    const signer: SignerKey = makeSignerKey('log.example', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(1))
    const [key] = known.remembering([signer.verifier])
    this.identity = { id: logId(signer.verifier.name, SUMDB_ORIGIN), key: key!, origin: SUMDB_ORIGIN }
    this.truth = new View(new History(signer), AT_FIRST)
  }
}
