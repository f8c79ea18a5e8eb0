/**
 * The data types of SSH (RFC 4251, section 5): 32-bit numbers and length-prefixed byte strings. Used by key files and
 * agents.
 *
 * Pure.
 */
import { GossumError } from '../../errors.js'
import { concatBytes, fromUtf8, readUint32, utf8 } from '../../tlog/bytes.js'

/** The only supported type of key: plain Ed25519. */
export const ED25519 = 'ssh-ed25519'

export function uint32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

/** A length-prefixed byte string or text. */
export function sshString(value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? utf8(value) : value
  return concatBytes(uint32(bytes.length), bytes)
}

/** An Ed25519 public key as SSH writes it. */
export function publicKeyBlob(publicKey: Uint8Array): Uint8Array {
  return concatBytes(sshString(ED25519), sshString(publicKey))
}

/** Reads such values in sequence. Every method throws KEY_MALFORMED if the bytes end too early. */
export class SshReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /** The number of bytes left. */
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

  /** A string as text; undefined if it is not UTF-8. */
  text(): string | undefined {
    return fromUtf8(this.string())
  }
}
