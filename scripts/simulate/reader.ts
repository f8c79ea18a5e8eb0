/**
 * Reading of heads by the production code, once for all nodes that have the same keys: repeating the verification of
 * one signature for ten thousand nodes would give the same result.
 */
import { GossumError } from '../../src/errors.js'
import type { VerifierKey } from '../../src/tlog/note.js'
import { readHead, type Head, type LogIdentity } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import type { SignatureCache } from '../../src/witness/signature-cache.js'

export class Reader {
  readonly #logs: ReadonlyMap<string, LogIdentity>
  readonly #counted: readonly VerifierKey[]
  readonly #known: SignatureCache
  /** By the keys that neighbours count, which many nodes share, and by the bytes. */
  readonly #read = new WeakMap<readonly VerifierKey[], WeakMap<Uint8Array, Head | Outcome>>()

  constructor(log: LogIdentity, counted: readonly VerifierKey[], known: SignatureCache) {
    this.#logs = new Map([[log.id, log]])
    this.#counted = known.remembering(counted)
    this.#known = known
  }

  /** The head in these bytes, or why it is refused. `relayed` are keys that neighbours count. */
  read(note: Uint8Array, relayed: readonly VerifierKey[]): Head | Outcome {
    let known = this.#read.get(relayed)
    if (known === undefined) this.#read.set(relayed, (known = new WeakMap()))
    let read = known.get(note)
    if (read === undefined) known.set(note, (read = this.#readAnew(note, relayed)))
    return read
  }

  #readAnew(note: Uint8Array, relayed: readonly VerifierKey[]): Head | Outcome {
    const [log] = this.#logs.keys()
    const keys = { counted: this.#counted, relayed: this.#known.remembering(relayed), neighbours: [] }
    try {
      return readHead(note, this.#logs, log, keys)
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      return { kind: 'refused', news: false, code: error.code, log: log! }
    }
  }
}
