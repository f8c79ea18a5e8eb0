/** A small Merkle tree with every hash in memory, for the tests of this folder. */
import { utf8 } from '../../src/tlog/bytes.js'
import { hashLeaf, type Hash } from '../../src/tlog/hash.js'
import { proveTree, storedHashesForRecord, treeRoot, type HashReader, type Tree } from '../../src/tlog/merkle.js'
import type { Prefix } from '../../src/witness/decide.js'

export class MemoryTree {
  readonly #hashes: Hash[] = []
  readonly #read: HashReader = (indexes) => indexes.map((index) => this.#hashes[index]!)
  readonly #size: number

  constructor(size: number, name = 'record') {
    this.#size = size
    for (let i = 0; i < size; i++) {
      this.#hashes.push(...storedHashesForRecord(i, hashLeaf(utf8(`${name} ${i}`)), this.#read))
    }
  }

  at(size: number): Tree {
    return { size, root: treeRoot(size, this.#read) }
  }

  get whole(): Tree {
    return this.at(this.#size)
  }

  prefix(of: Tree, size: number): Promise<Prefix> {
    return Promise.resolve({ root: this.at(size).root, proof: proveTree(of.size, size, this.#read) })
  }
}
