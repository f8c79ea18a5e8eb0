/** Proofs of consistency: two sizes of 8 bytes, two roots, and the hashes of a proof. */
import { concatBytes, equalBytes } from '../../../src/tlog/bytes.js'
import { hashNode, sha256, type Hash } from '../../../src/tlog/hash.js'
import { checkTree } from '../../../src/tlog/merkle.js'
import { history } from './material.js'
import { promise, reading, type Target } from './target.js'

interface Parts {
  readonly size: number
  readonly old: number
  readonly root: Hash
  readonly oldRoot: Hash
  readonly proof: readonly Hash[]
}

function spelled({ size, old, root, oldRoot, proof }: Parts): Uint8Array {
  const sizes = new Uint8Array(16)
  new DataView(sizes.buffer).setBigInt64(0, BigInt(size))
  new DataView(sizes.buffer).setBigInt64(8, BigInt(old))
  return concatBytes(sizes, root, oldRoot, ...proof)
}

function genuine(size: number, old: number): Uint8Array {
  const of = history.tree(size)
  const { root, proof } = history.prefix(of, old)!
  return spelled({ size, old, root: of.root, oldRoot: root, proof })
}

function partsOf(bytes: Uint8Array): Parts | undefined {
  if (bytes.length < 80 || bytes.length % 32 !== 16) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  const [size, old] = [Number(view.getBigInt64(0)), Number(view.getBigInt64(8))]
  const hashes = Array.from({ length: (bytes.length - 16) / 32 }, (_, i) => bytes.subarray(16 + 32 * i, 48 + 32 * i))
  const [root, oldRoot, ...proof] = hashes as [Hash, Hash, ...Hash[]]
  return { size, old, root, oldRoot, proof }
}

/** In which of the two halves the old tree ends, from the root down to a whole subtree, as in RFC 6962. */
function way(size: number, old: number): { readonly turns: readonly ('left' | 'right')[]; readonly isPrefix: boolean } {
  const turns: ('left' | 'right')[] = []
  let [width, cut, isPrefix] = [size, old, true]
  while (cut !== width) {
    let half = 1
    while (half * 2 < width) half *= 2
    if (cut <= half) {
      turns.push('left')
      width = half
    } else {
      turns.push('right')
      ;[width, cut, isPrefix] = [width - half, cut - half, false]
    }
  }
  return { turns, isPrefix }
}

function hashesNeeded(size: number, old: number): number {
  const { turns, isPrefix } = way(size, old)
  return turns.length + (isPrefix ? 0 : 1)
}

/** The two roots that these hashes prove; `oldRoot` is needed if the old tree is a whole subtree of the new one. */
function rootsOf(size: number, old: number, proof: readonly Hash[], oldRoot: Hash): { root: Hash; oldRoot: Hash } {
  const { turns, isPrefix } = way(size, old)
  const hashes = proof.values()
  const first = isPrefix ? oldRoot : hashes.next().value!
  const roots = { root: first, oldRoot: first }
  for (const turn of turns.toReversed()) {
    const hash = hashes.next().value!
    roots.root = turn === 'left' ? hashNode(roots.root, hash) : hashNode(hash, roots.root)
    if (turn === 'right') roots.oldRoot = hashNode(hash, roots.oldRoot)
  }
  return roots
}

/**
 * A proof for similar sizes, with the right number of hashes and the roots that they prove; one in four keeps its
 * roots.
 */
function repaired(bytes: Uint8Array): Uint8Array {
  const padded = concatBytes(bytes, new Uint8Array(Math.max(0, 80 - bytes.length)))
  const view = new DataView(padded.buffer)
  const sizes = [0, 8].map((at) => Number(view.getBigUint64(at) % BigInt(Number.MAX_SAFE_INTEGER)) || 1)
  const [size, old] = [Math.max(...sizes), Math.min(...sizes)]
  const hashAt = (i: number): Hash => {
    const hash = padded.slice(16 + 32 * i, 48 + 32 * i)
    return hash.length === 32 ? hash : sha256(Uint8Array.of(i, ...padded.subarray(16)))
  }
  const proof = Array.from({ length: hashesNeeded(size, old) }, (_, i) => hashAt(2 + i))
  const [root, oldRoot] = [hashAt(0), hashAt(1)]
  const isProven = (padded.at(-1)! & 3) !== 0
  return spelled({ size, old, root, oldRoot, proof, ...(isProven && rootsOf(size, old, proof, oldRoot)) })
}

function holds({ size, old, root, oldRoot, proof }: Parts): boolean {
  const held = reading(
    () => (checkTree(proof, size, root, old, oldRoot), true as const),
    ...(['PROOF_INVALID', 'PROOF_TOO_LARGE'] as const),
  )
  return held === true
}

export const treeProof: Target = {
  about: 'proofs of consistency',
  most: 16 + 32 * 100,
  words: ['\0\0\0\0\0\0\0\x01', '\0\x1f' + '\0'.repeat(6)],
  seeds: [genuine(8, 3), genuine(12, 8), genuine(7, 7), genuine(100, 1)],
  repair: repaired,
  check: (bytes) => {
    const parts = partsOf(bytes)
    if (parts === undefined || !holds(parts)) return false
    const { size, old, root, oldRoot, proof } = parts
    promise(0 < old && old <= size && proof.length === hashesNeeded(size, old), 'as many hashes as it takes')
    const roots = rootsOf(size, old, proof, oldRoot)
    promise(equalBytes(roots.root, root) && equalBytes(roots.oldRoot, oldRoot), 'the roots by a second reckoning')
    const other = root.map((byte, i) => (i === 0 ? byte ^ 1 : byte))
    promise(!holds({ ...parts, root: other }) && !holds({ ...parts, proof: [...proof, root] }), 'and nothing else')
    return true
  },
  go: {
    ask: 'proof',
    ours: (bytes) => {
      const parts = partsOf(bytes)
      return parts !== undefined && holds(parts) ? 'holds' : undefined
    },
  },
}
