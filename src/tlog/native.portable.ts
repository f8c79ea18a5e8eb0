/**
 * The primitives as portable code, for browsers and for comparison in tests. Same names as native.node.ts, same
 * answers.
 *
 * Pure.
 */
import { getPublicKey, sign } from '@noble/ed25519'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import { equationHolds } from './ed25519.js'

/** SHA-256 of the bytes as 32 characters, one per byte (U+0000 to U+00FF). */
export function sha256Text(data: Uint8Array): string {
  return String.fromCharCode(...nobleSha256(data))
}

/** SHA-256 of the bytes: 32 bytes. */
export function sha256(data: Uint8Array): Uint8Array {
  return nobleSha256(data)
}

/** A verifier for one 32-byte public key that gives Go's answer (see ed25519.ts). */
export function ed25519Verifier(publicKey: Uint8Array): (message: Uint8Array, signature: Uint8Array) => boolean {
  return (message, signature) => equationHolds(publicKey, message, signature)
}

/** The 32-byte public key of a 32-byte seed. */
export function ed25519PublicKey(seed: Uint8Array): Uint8Array {
  return getPublicKey(seed)
}

/** The public key of a 32-byte seed, and its 64-byte deterministic signatures (RFC 8032). */
export function ed25519Signer(seed: Uint8Array): { publicKey: Uint8Array; sign: (message: Uint8Array) => Uint8Array } {
  return { publicKey: getPublicKey(seed), sign: (message) => sign(message, seed) }
}
