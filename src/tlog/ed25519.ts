/**
 * Which Ed25519 signatures are valid: exactly those that Go's crypto/ed25519 accepts, on every platform.
 *
 * A signature that Go accepts and we refuse would be a place to hide a fork from us; one that we accept and Go refuses
 * would make evidence that nobody else accepts. Implementations differ on points of low order, on non-canonical
 * encodings, and on the cofactor. Go's rule, for public key A, message M and signature R || S:
 *
 *   - A is decoded leniently (y may be at least p, and a negative zero x is a point), R is never decoded;
 *   - S is below the group order L;
 *   - with k = SHA-512(R || A || M), the canonical encoding of [S]B - [k]A equals the bytes of R.
 *
 * This file implements the rule with @noble/ed25519's points. native.node.ts answers with OpenSSL where that provably
 * agrees, and uses this file where it may not. Test vectors: test/vectors/ed25519.json, made with Go.
 *
 * Pure.
 */
import { Point, hashes } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import { concatBytes, equalBytes, toHex } from './bytes.js'

hashes.sha512 = sha512

/** The order of the base point. */
const L = Point.CURVE().n

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${toHex(bytes.slice().reverse())}`)
}

/** Decodes a point as Go does: every encoding of a point on the curve, canonical or not; undefined otherwise. */
function decodePoint(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes, true)
  } catch {
    return undefined
  }
}

/** Go's verification rule, computed point by point: about 1 ms. The public key is 32 bytes, the signature 64. */
export function equationHolds(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  const r = signature.subarray(0, 32)
  const s = littleEndian(signature.subarray(32))
  if (s >= L) return false
  const a = decodePoint(publicKey)
  if (a === undefined) return false
  const k = littleEndian(sha512(concatBytes(r, publicKey, message))) % L
  const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k))
  return equalBytes(expected.toBytes(), r)
}

/**
 * Why bytes are no public key to rely on; undefined for a usable one. `no point`: they are not 32 bytes that encode a
 * point on the curve. `low order`: a point of order 1, 2, 4 or 8, for which anyone can sign.
 */
export function faultOfKey(publicKey: Uint8Array): 'no point' | 'low order' | undefined {
  const point = publicKey.length === 32 ? decodePoint(publicKey) : undefined
  if (point === undefined) return 'no point'
  return point.isSmallOrder() ? 'low order' : undefined
}

/**
 * The canonical encodings (hex) of the eight points of low order. As the R of a signature, platforms disagree about
 * them; other encodings of these points never equal a canonical encoding, so Go refuses those.
 */
export const LOW_ORDER_R: ReadonlySet<string> = new Set(lowOrderEncodings())

function lowOrderEncodings(): string[] {
  // A point of order 8 (RFC 8032 coordinates); its multiples are the whole torsion subgroup.
  const generator = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05')
  const encodings: string[] = []
  for (let point = Point.ZERO, i = 0; i < 8; i++, point = point.add(generator)) encodings.push(point.toHex())
  return encodings
}
