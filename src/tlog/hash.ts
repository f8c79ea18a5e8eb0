/**
 * The hashes of a Merkle tree log (RFC 6962, section 2.1): SHA-256 with a prefix byte that keeps leaves and inner
 * nodes apart. Every hash is a 32-byte Uint8Array.
 *
 * Pure.
 */
import { sha256 } from '#native'
import { ProofError } from '../errors.js'
import { toBase64, fromBase64 } from './bytes.js'

/** A 32-byte SHA-256 hash. */
export type Hash = Uint8Array

/** Bytes in a hash. */
export const HASH_SIZE = 32

export { sha256 }

/** The root of the tree without records: SHA-256 of nothing. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array())

/** The hash of a record's bytes as a leaf: SHA-256(0x00 || record). */
export function hashLeaf(record: Uint8Array): Hash {
  const input = new Uint8Array(1 + record.length)
  input.set(record, 1)
  return sha256(input)
}

/** What inner nodes are hashed from. One for all, as hashing does not wait: a tile has 255 of them, and it doubles the rate. */
const nodeInput = new Uint8Array(1 + 2 * HASH_SIZE)
nodeInput[0] = 1

/** The hash of an inner node: SHA-256(0x01 || left || right). Throws ProofError unless both are 32 bytes. */
export function hashNode(left: Hash, right: Hash): Hash {
  if (left.length !== HASH_SIZE || right.length !== HASH_SIZE) {
    throw new ProofError('PROOF_INVALID', `a node of ${left.length} and ${right.length} bytes`)
  }
  nodeInput.set(left, 1)
  nodeInput.set(right, 1 + HASH_SIZE)
  return sha256(nodeInput)
}

/** The base64 spelling of a hash (44 characters). */
export function formatHash(hash: Hash): string {
  return toBase64(hash)
}

/** A hash of its canonical base64 spelling; undefined for anything else. */
export function parseHash(text: string): Hash | undefined {
  const hash = fromBase64(text)
  return hash?.length === HASH_SIZE && toBase64(hash) === text ? hash : undefined
}
