/**
 * Signatures that were verified before. The same cosignatures reach a node again and again, from every neighbour and
 * from its own disk; verifying one costs a fifth of a millisecond, knowing it again a few microseconds.
 *
 * Only what held is remembered, by a hash of key, message and signature: nobody can make another line pass.
 */
import { concatBytes, uint64 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import type { VerifierKey } from '../tlog/note.js'

/** Signatures remembered for sure; up to twice as many are. About 100 bytes each. */
const REMEMBERED = 16_384

export class SignatureCache {
  readonly #limit: number
  #young = new Set<string>()
  #old: ReadonlySet<string> = new Set()
  readonly #keys = new WeakMap<VerifierKey, VerifierKey>()

  constructor(limit = REMEMBERED) {
    this.#limit = limit
  }

  /** The same keys, verifying the same; what one of them verified once, none of them computes again. */
  remembering(keys: readonly VerifierKey[]): VerifierKey[] {
    return keys.map((key) => this.#remembering(key))
  }

  #remembering(key: VerifierKey): VerifierKey {
    const known = this.#keys.get(key)
    if (known !== undefined) return known
    const remembering = { ...key, verify: this.#verifier(key) }
    this.#keys.set(key, remembering)
    // What is wrapped once stays as it is.
    this.#keys.set(remembering, remembering)
    return remembering
  }

  #verifier({ publicKey, verify }: VerifierKey): VerifierKey['verify'] {
    const prefix = concatBytes(uint64(publicKey.length), publicKey)
    return (message, signature) => {
      // Each part says how long it is: else a long key could be made to look like a short one and what it signed.
      const hash = sha256(concatBytes(prefix, uint64(signature.length), signature, message))
      const id = Buffer.from(hash).toString('latin1')
      if (this.#young.has(id)) return true
      const holds = this.#old.has(id) || verify(message, signature)
      if (holds) this.#remember(id)
      return holds
    }
  }

  #remember(id: string): void {
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young
      this.#young = new Set()
    }
    this.#young.add(id)
  }
}
