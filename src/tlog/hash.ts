/**
 * The hashes of a Merkle tree log (RFC 6962, section 2.1): SHA-256 with a prefix byte that distinguishes leaves from
 * inner nodes. Every hash is a 32-byte Uint8Array.
 *
 * Pure.
 */
import { sha256, sha256Text } from '#native'
import { ProofError } from '../errors.js'
import { toBase64, fromBase64, writeLatin1 } from './bytes.js'

/** A 32-byte SHA-256 hash. */
export type Hash = Uint8Array

/** Bytes in a hash. */
export const HASH_SIZE = 32

export { sha256 }

/** The root of the tree without records: SHA-256 of nothing. */
export const EMPTY_ROOT: Hash = sha256(new Uint8Array())

/**
 * Where hash inputs are assembled: the bytes of a record or a tile, with room for a prefix. Shared, since hashing is
 * synchronous; larger inputs, which no honest tile has, get their own.
 */
const scratch = new Uint8Array(256 * 1024)

function scratchFor(bytes: Uint8Array): Uint8Array {
  const space = bytes.length < scratch.length ? scratch : new Uint8Array(1 + bytes.length)
  space.set(bytes, 1)
  return space
}

/** The hash of a record's bytes as a leaf: SHA-256(0x00 || record). */
export function hashLeaf(record: Uint8Array): Hash {
  const space = scratchFor(record)
  space[0] = 0
  return sha256(space.subarray(0, 1 + record.length))
}

/**
 * The input of inner nodes. Shared, since hashing is synchronous: a tile has 255 of them, and this doubles the rate.
 */
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

/**
 * The hashes of the leaves in `data`, concatenated as text (toLatin1). `spans` has the beginning and end of each; none
 * begins before the previous one ends. Three times as fast as calling hashLeaf for each.
 */
export function leafHashes(data: Uint8Array, spans: Int32Array): string {
  // The prefix overwrites the byte before the leaf, which was hashed by then if it belonged to a leaf at all.
  const space = scratchFor(data)
  let text = ''
  for (let i = 0; i < spans.length; i += 2) {
    const start = spans[i]!
    space[start] = 0
    text += sha256Text(space.subarray(start, 1 + spans[i + 1]!))
  }
  return text
}

/** The inputs of nodes in `scratch`, two hashes each after a prefix byte: for a tile of 256 hashes. */
const NODES = Array.from({ length: 128 }, (_, i) => scratch.subarray(2 * HASH_SIZE * i, 1 + 2 * HASH_SIZE * (i + 1)))

/** The root of the perfect tree above 2^k concatenated hashes. Throws ProofError for any other number. */
export function perfectRoot(hashes: Uint8Array): Hash {
  let count = hashes.length / HASH_SIZE
  if (!Number.isInteger(Math.log2(count))) throw new ProofError('PROOF_INVALID', `a tree above ${hashes.length} bytes`)
  // In place: by the time a prefix or a node's hash overwrites a hash, that hash has been used in the previous node.
  const space = scratchFor(hashes)
  const isTile = space === scratch && count <= 2 * NODES.length
  while (count > 1) {
    count /= 2
    let text = ''
    for (let i = 0; i < count; i++) {
      const start = 2 * HASH_SIZE * i
      space[start] = 1
      text += sha256Text(isTile ? NODES[i]! : space.subarray(start, 1 + start + 2 * HASH_SIZE))
    }
    writeLatin1(text, space, 1)
  }
  return space.slice(1, 1 + HASH_SIZE)
}

/** A hash in base64 (44 characters). */
export function formatHash(hash: Hash): string {
  return toBase64(hash)
}

/** The hash with this canonical base64 text; undefined for anything else. */
export function parseHash(text: string): Hash | undefined {
  const hash = fromBase64(text)
  return hash?.length === HASH_SIZE && toBase64(hash) === text ? hash : undefined
}
