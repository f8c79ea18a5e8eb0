/**
 * The words of SSH (RFC 4251, section 5): numbers of 32 bits and byte strings behind their length. Key files and agents
 * speak in them.
 *
 * Pure.
 */
import { GossumError } from '../../errors.js'
import { concatBytes, fromUtf8, readUint32, utf8 } from '../../tlog/bytes.js'

/** The only kind of key that is used: plain Ed25519. */
export const ED25519 = 'ssh-ed25519'

export function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

/** A byte string, or a text, behind its length. */
export function sshString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? utf8(value) : value
  return concatBytes(uint32(bytes.length), bytes)
}

/** An Ed25519 public key as SSH writes it. */
export function publicKeyBlob(publicKey: Uint8Array): Uint8Array {
  return concatBytes(sshString(ED25519), sshString(publicKey))
}

/** Reads such words, one after another. Every method throws KEY_MALFORMED where the bytes end too early. */
export class SshReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at
  }

  take(count: number): Uint8Array {
    if (count > this.left) throw new GossumError('KEY_MALFORMED', `${count} bytes expected, ${this.left} left`)
    this.#at += count
    return this.#bytes.slice(this.#at - count, this.#at)
  }

  uint32(): number {
    return readUint32(this.take(4), 0)
  }

  string(): Uint8Array {
    return this.take(this.uint32())
  }

  /** A string that is a text; undefined when it is not UTF-8. */
  text(): string | undefined {
    return fromUtf8(this.string())
  }
}
