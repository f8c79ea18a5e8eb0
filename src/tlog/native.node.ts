/**
 * Cryptographic primitives for Node: SHA-256 and Ed25519 by OpenSSL, about ten times as fast as portable code.
 * package.json (`imports`, "#native") picks this file or native.portable.ts; both export the same names and are tested
 * with the same vectors.
 *
 * Pure.
 */
import {
  createPrivateKey,
  createPublicKey,
  hash,
  sign as nodeSign,
  verify as nodeVerify,
  type KeyObject,
} from 'node:crypto'
import { equationHolds, faultOfKey, LOW_ORDER_R } from './ed25519.js'
import { toHex } from './bytes.js'

/**
 * SHA-256 of the bytes as 32 characters, one per byte (U+0000 to U+00FF). For hashing millions of inputs: one-shot
 * hashing with this output ("binary") is the fastest way through Node's binding (docs/benchmarks.md).
 */
export function sha256Text(data: Uint8Array): string {
  return hash('sha256', data, 'binary')
}

/** SHA-256 of the bytes: 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  const text = sha256Text(data)
  const out = new Uint8Array(32)
  for (let i = 0; i < 32; i++) out[i] = text.charCodeAt(i)
  return out
}

/** DER prefixes of the raw 32 bytes (RFC 8410), the form in which OpenSSL reads keys. */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A verifier for one 32-byte public key that gives Go's answer (see ed25519.ts). */
export function ed25519Verifier(publicKey: Uint8Array): (message: Uint8Array, signature: Uint8Array) => boolean {
  // Created on first use: most of the keys that neighbours name never verify anything here.
  let key: KeyObject | undefined
  let isLowOrder: boolean | undefined
  return (message, signature) => {
    if (signature.length !== 64) return false
    key ??= createPublicKey({ key: Buffer.concat([SPKI_PREFIX, publicKey]), format: 'der', type: 'spki' })
    if (nodeVerify(null, message, key, signature)) return true
    // OpenSSL 3.5 (Node 24) refuses points of low order, while Go does not: the exact rule decides those.
    isLowOrder ??= faultOfKey(publicKey) === 'low order'
    const isUndecided = isLowOrder || LOW_ORDER_R.has(toHex(signature.subarray(0, 32)))
    return isUndecided && equationHolds(publicKey, message, signature)
  }
}

/** The 32-byte public key of a 32-byte seed. */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  return publicKeyOf(privateKey(seed))
}

/** The public key of a 32-byte seed, and its 64-byte deterministic signatures (RFC 8032). */
export function ed25519Signer(seed: Uint8Array): { publicKey: Uint8Array; sign: (message: Uint8Array) => Uint8Array } {
  const key = privateKey(seed)
  return { publicKey: publicKeyOf(key), sign: (message) => new Uint8Array(nodeSign(null, message, key)) }
}

function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' })
}

function publicKeyOf(key: KeyObject): Uint8Array {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return new Uint8Array(spki.subarray(SPKI_PREFIX.length))
}
