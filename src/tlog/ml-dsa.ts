/**
 * ML-DSA-44 (FIPS 204), as cosignatures of type 0x06 use it: with an empty context and deterministic signatures.
 *
 * Pure; runs in a browser.
 */
import { ml_dsa44 } from '@noble/post-quantum/ml-dsa.js'

/** Bytes of a public key. */
export const ML_DSA_KEY_SIZE = 1312
/** Bytes of a signature. */
export const ML_DSA_SIGNATURE_SIZE = 2420

/** A verifier for one public key of ML_DSA_KEY_SIZE bytes. */
export function mlDsaVerifier(publicKey: Uint8Array): (message: Uint8Array, signature: Uint8Array) => boolean {
  return (message, signature) =>
    signature.length === ML_DSA_SIGNATURE_SIZE && ml_dsa44.verify(signature, message, publicKey)
}

/** The public key of a 32-byte seed, and a signer for it. */
export function mlDsaSigner(seed: Uint8Array): { publicKey: Uint8Array; sign: (message: Uint8Array) => Uint8Array } {
  const { publicKey, secretKey } = ml_dsa44.keygen(seed)
  // Without randomness, so that a promised cosignature that is made again is the same.
  return { publicKey, sign: (message) => ml_dsa44.sign(message, secretKey, { extraEntropy: false }) }
}
