/**
 * Signatures that were verified before. The same cosignatures reach a node again and again, from every neighbour and
 * from its own disk. Verifying one takes a fifth of a millisecond, recognising it a few microseconds.
 *
 * Only valid signatures are remembered, by a hash of key, message and signature, so nobody can make another line pass.
 */
import { concatBytes, uint64 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import type { VerifierKey } from '../tlog/note.js'

/** Signatures that are certainly remembered; up to twice as many are. About 100 bytes each. */
const REMEMBERED = 16_384

export class SignatureCache {
  readonly #limit: number
  #young = new Set<string>()
  #old: ReadonlySet<string> = new Set()
  readonly #keys = new WeakMap<VerifierKey, VerifierKey>()

  constructor(limit = REMEMBERED) {
    this.#limit = limit
  }

  /** The same keys, verifying through the cache: what one of them has verified, none of them verifies again. */
  remembering(keys: readonly VerifierKey[]): VerifierKey[] {
    return keys.map((key) => this.#remembering(key))
  }

  #remembering(key: VerifierKey): VerifierKey {
    const known = this.#keys.get(key)
    if (known !== undefined) return known
    const remembering = { ...key, verify: this.#verifier(key) }
    this.#keys.set(key, remembering)
    // A wrapped key is not wrapped again.
    this.#keys.set(remembering, remembering)
    return remembering
  }

  #verifier({ publicKey, verify }: VerifierKey): VerifierKey['verify'] {
    const prefix = concatBytes(uint64(publicKey.length), publicKey)
    return (message, signature) => {
      // Each part is prefixed with its length: otherwise a long key could pass for a short one plus its message.
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
