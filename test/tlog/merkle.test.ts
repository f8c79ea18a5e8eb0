import { describe, expect, it } from 'vitest'
import { ProofError } from '../../src/errors.js'
import { concatBytes, fromBase64, toHex, utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { EMPTY_ROOT, formatHash, hashLeaf, hashNode, parseHash, sha256, type Hash } from '../../src/tlog/hash.js'
import {
  checkRecord,
  checkTree,
  proveRecord,
  proveRecordIndexes,
  proveTree,
  proveTreeIndexes,
  splitStoredHashIndex,
  storedHashCount,
  storedHashIndex,
  subtreeIndexes,
  treeRoot,
} from '../../src/tlog/merkle.js'
import { parseNote, parseSignerKey, parseVerifierKey, signNote, verifyNote } from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { MemoryLog } from '../helpers/tree.js'
import { readVectors } from '../helpers/vectors.js'

const hashes = (list: readonly string[] | null): Hash[] => (list ?? []).map((text) => fromBase64(text)!)

interface MerkleCase {
  desc: string
  file: string
  valid: boolean
  note?: string
  proof: string[] | null
}
const inclusion = readVectors('merkle-inclusion.json') as {
  cases: (MerkleCase & { leafIdx: string; treeSize: string; root: string; leafHash: string })[]
}
const consistency = readVectors('merkle-consistency.json') as {
  cases: (MerkleCase & { size1: string; size2: string; root1: string; root2: string })[]
}

/**
 * The expected result of a case: integers that no tree has, and placeholder hashes, are refused whatever they claim.
 */
function expected(valid: boolean, note: string | undefined, ...integers: string[]): ReturnType<typeof codeOf> {
  if (!integers.every((n) => Number.isSafeInteger(Number(n)))) return 'PROOF_TOO_LARGE'
  return valid && note === undefined ? 'accepted' : 'PROOF_INVALID'
}

describe('proofs of transparency-dev/merkle', () => {
  it.each(inclusion.cases)('inclusion: $file', (c) => {
    const check = (): void => {
      checkRecord(hashes(c.proof), Number(c.treeSize), fromBase64(c.root)!, Number(c.leafIdx), fromBase64(c.leafHash)!)
    }
    expect(codeOf(check)).toBe(expected(c.valid, c.note, c.treeSize, c.leafIdx))
  })

  it.each(consistency.cases)('consistency: $file', (c) => {
    const check = (): void => {
      checkTree(hashes(c.proof), Number(c.size2), fromBase64(c.root2)!, Number(c.size1), fromBase64(c.root1)!)
    }
    expect(codeOf(check)).toBe(expected(c.valid, c.note, c.size1, c.size2))
  })

  it('have cases of every verdict', () => {
    const verdicts = (list: string[]): Record<string, number> => {
      const counts: Record<string, number> = {}
      for (const verdict of list) counts[verdict] = (counts[verdict] ?? 0) + 1
      return counts
    }
    expect(verdicts(inclusion.cases.map((c) => expected(c.valid, c.note, c.treeSize, c.leafIdx)))).toEqual({
      accepted: 6,
      PROOF_INVALID: 90,
      PROOF_TOO_LARGE: 2,
    })
    expect(verdicts(consistency.cases.map((c) => expected(c.valid, c.note, c.size1, c.size2)))).toEqual({
      accepted: 5,
      PROOF_INVALID: 93,
    })
  })

  it('throw ProofError', () => {
    expect(() => checkTree([], 1, EMPTY_ROOT, 0, EMPTY_ROOT)).toThrow(ProofError)
    expect(() => checkRecord([], 2 ** 53, EMPTY_ROOT, 0, EMPTY_ROOT)).toThrow(ProofError)
  })
})

describe('proofs', () => {
  it('of a certificate transparency log of 961 984 013 entries hold', () => {
    const argon = readVectors('argon2020.json') as {
      tree_size: number
      tree_root: string
      inclusion: { index: number; leaf_input_base64: string; leaf_hash: string; proof: string[] }
      consistency: { old_size: number; old_root: string; proof: string[] }
    }
    const root = parseHash(argon.tree_root)!
    const { inclusion: record, consistency: tree } = argon
    const leaf = hashLeaf(fromBase64(record.leaf_input_base64)!)
    expect(formatHash(leaf)).toBe(record.leaf_hash)
    checkRecord(hashes(record.proof), argon.tree_size, root, record.index, leaf)
    checkTree(hashes(tree.proof), argon.tree_size, root, tree.old_size, parseHash(tree.old_root)!)
    for (const index of [record.index - 1, record.index + 1, record.index ^ 256]) {
      expect(codeOf(() => checkRecord(hashes(record.proof), argon.tree_size, root, index, leaf))).toBe('PROOF_INVALID')
    }
    for (const size of [tree.old_size - 1, tree.old_size + 1]) {
      expect(codeOf(() => checkTree(hashes(tree.proof), argon.tree_size, root, size, parseHash(tree.old_root)!))).toBe(
        'PROOF_INVALID',
      )
    }
  })

  it('of a static log of 15 entries hold, head by head', () => {
    const tessera = readVectors('tessera-log.json') as {
      vkey: string
      skey: string
      leaves: string[]
      checkpoints: string[]
      consistency_proofs: { old: number; new: number; proof: string[] }[]
    }
    const key = parseVerifierKey(tessera.vkey)
    const signer = parseSignerKey(tessera.skey)
    const log = new MemoryLog()
    for (const leaf of tessera.leaves) log.append(utf8(leaf))
    const heads = tessera.checkpoints.map((text) => {
      const note = parseNote(utf8(text))
      verifyNote(note, key)
      expect(signNote(note.text, signer)).toEqual(note.signatures[0])
      return parseCheckpoint(note.text)
    })
    heads.forEach((head, size) => {
      expect(head.size).toBe(size)
      expect(formatHash(treeRoot(size, log.read))).toBe(formatHash(head.root))
    })
    for (const proof of tessera.consistency_proofs) {
      expect(proveTree(proof.new, proof.old, log.read).map(formatHash)).toEqual(proof.proof)
      checkTree(hashes(proof.proof), proof.new, heads[proof.new]!.root, proof.old, heads[proof.old]!.root)
    }
  })

  it('of two views of one log hold within each view, and never between them', () => {
    const fork = readVectors('fork.json') as {
      vkey: string
      common_records: string[]
      view_a_records: string[]
      view_b_records: string[]
      view_a_heads: string[]
      view_b_heads: string[]
      detection: {
        old_head: string
        new_head: string
        recomputed_old_root_from_new_tiles: string
        tree_proof_new6_old5: string[]
      }
      consistent_pairs: { a_5_to_6: string[]; b_5_to_6: string[]; common_4_to_a6: string[] }
    }
    const key = parseVerifierKey(fork.vkey)
    const read = (text: string): ReturnType<typeof parseCheckpoint> => {
      const note = parseNote(utf8(text))
      verifyNote(note, key)
      return parseCheckpoint(note.text)
    }
    const view = (records: string[], heads: string[]): ReturnType<typeof read>[] => {
      const log = new MemoryLog()
      for (const record of [...fork.common_records, ...records]) log.append(utf8(record))
      return heads.map((text) => {
        const head = read(text)
        expect(formatHash(head.root)).toBe(formatHash(treeRoot(head.size, log.read)))
        return head
      })
    }
    const a = view(fork.view_a_records, fork.view_a_heads)
    const b = view(fork.view_b_records, fork.view_b_heads)
    const { a_5_to_6, b_5_to_6, common_4_to_a6 } = fork.consistent_pairs
    checkTree(hashes(a_5_to_6), 6, a[5]!.root, 5, a[4]!.root)
    checkTree(hashes(b_5_to_6), 6, b[5]!.root, 5, b[4]!.root)
    checkTree(hashes(common_4_to_a6), 6, a[5]!.root, 4, b[3]!.root)

    const proof = hashes(fork.detection.tree_proof_new6_old5)
    const [older, newer] = [read(fork.detection.old_head), read(fork.detection.new_head)]
    expect(codeOf(() => checkTree(proof, 6, newer.root, 5, older.root))).toBe('PROOF_INVALID')
    checkTree(proof, 6, newer.root, 5, parseHash(fork.detection.recomputed_old_root_from_new_tiles)!)
  })
})

describe('the mathematics of tlog', () => {
  const math = readVectors('tlog-math.json') as {
    hasher: { empty_tree: string; empty_leaf: string; leaf_L123456: string; node_N123_N456: string }
    stored_hash_index: { cases: { level: number; n: number; index: number }[] }
    right_edge: { cases: { n: number; indexes: number[] }[] }
    test_tree: { roots_hex: Record<string, string>; sha256_of_all_100_roots_concatenated: string }
  }

  it('gives the hashes of leaves and nodes', () => {
    expect(toHex(EMPTY_ROOT)).toBe(math.hasher.empty_tree)
    expect(toHex(hashLeaf(new Uint8Array()))).toBe(math.hasher.empty_leaf)
    expect(toHex(hashLeaf(utf8('L123456')))).toBe(math.hasher.leaf_L123456)
    expect(toHex(sha256(concatBytes(Uint8Array.of(1), utf8('N123'), utf8('N456'))))).toBe(math.hasher.node_N123_N456)
    const [left, right] = [sha256(utf8('l')), sha256(utf8('r'))]
    expect(hashNode(left, right)).toEqual(sha256(concatBytes(Uint8Array.of(1), left, right)))
  })

  it.each(math.stored_hash_index.cases)('level $level, number $n is stored hash $index', (c) => {
    expect(storedHashIndex(c.level, c.n)).toBe(c.index)
    expect(splitStoredHashIndex(c.index)).toEqual({ level: c.level, n: c.n })
  })

  it.each(math.right_edge.cases)('the right edge of $n records', (c) => {
    expect(subtreeIndexes(0, c.n)).toEqual(c.indexes)
  })

  it('gives the roots of the first 100 sizes', () => {
    const log = new MemoryLog()
    const roots: Hash[] = []
    for (let i = 0; i < 100; i++) {
      log.append(utf8(`leaf ${i}`))
      expect(log.stored).toHaveLength(storedHashCount(i + 1))
      roots.push(treeRoot(i + 1, log.read))
    }
    for (const [size, root] of Object.entries(math.test_tree.roots_hex))
      expect(toHex(roots[Number(size) - 1]!)).toBe(root)
    expect(toHex(sha256(concatBytes(...roots)))).toBe(math.test_tree.sha256_of_all_100_roots_concatenated)
  })

  it('names the stored hashes that a proof reads', () => {
    const log = new MemoryLog()
    for (let i = 0; i < 70; i++) log.append(utf8(String(i)))
    const spy = (seen: number[]) => (indexes: readonly number[]) => {
      seen.push(...indexes)
      return log.read(indexes)
    }
    for (const [size, at] of [
      [70, 13],
      [64, 1],
      [69, 68],
      [1, 0],
    ] as const) {
      const record: number[] = []
      proveRecord(size, at, spy(record))
      expect(proveRecordIndexes(size, at)).toEqual(record)
      const tree: number[] = []
      proveTree(size, at + 1, spy(tree))
      expect(proveTreeIndexes(size, at + 1)).toEqual(tree)
    }
  })

  it('refuses sizes and numbers that no tree has', () => {
    const none = (): Hash[] => []
    expect(codeOf(() => proveTree(5, 0, none))).toBe('PROOF_INVALID')
    expect(codeOf(() => proveTree(5, 6, none))).toBe('PROOF_INVALID')
    expect(codeOf(() => proveRecord(5, 5, none))).toBe('PROOF_INVALID')
    for (const n of [-1, 1.5, NaN, Infinity, 2 ** 53]) {
      expect(codeOf(() => proveRecord(n, 0, none))).toBe('PROOF_TOO_LARGE')
      expect(codeOf(() => proveRecord(5, n, none))).toBe('PROOF_TOO_LARGE')
      expect(codeOf(() => proveTree(n, 1, none))).toBe('PROOF_TOO_LARGE')
      expect(codeOf(() => storedHashCount(n))).toBe('PROOF_TOO_LARGE')
      expect(codeOf(() => splitStoredHashIndex(n))).toBe('PROOF_TOO_LARGE')
      expect(codeOf(() => storedHashIndex(0, n))).toBe('PROOF_TOO_LARGE')
    }
    expect(codeOf(() => storedHashIndex(2000, 1))).toBe('PROOF_TOO_LARGE')
    expect(codeOf(() => storedHashIndex(52, 1))).toBe('PROOF_TOO_LARGE')
  })
})

it('nodes are hashed from two whole hashes only, whatever was hashed before', () => {
  const [a, b] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)]
  const first = hashNode(a, b)
  expect(codeOf(() => hashNode(a.subarray(1), b))).toBe('PROOF_INVALID')
  expect(codeOf(() => hashNode(a, new Uint8Array(33)))).toBe('PROOF_INVALID')
  hashNode(b, a)
  expect(hashNode(a, b)).toEqual(first)
})
