/**
 * The hashes of whole tiles, compared with those of single leaves and nodes; as text and as bytes, in Node and in a
 * browser.
 */
import { describe, expect, it } from 'vitest'
import { concatBytes, toLatin1, writeLatin1 } from '../../src/tlog/bytes.js'
import * as portable from '../../src/tlog/encoding.portable.js'
import { hashLeaf, hashNode, leafHashes, perfectRoot, sha256 } from '../../src/tlog/hash.js'
import * as nodeNative from '../../src/tlog/native.node.js'
import * as portableNative from '../../src/tlog/native.portable.js'
import { codeOf } from '../helpers/codes.js'

const bytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255)

describe('hashing many inputs', () => {
  it.each([3000, 300_000])('gives the hash of each leaf in %i bytes, and leaves the bytes unchanged', (length) => {
    const data = bytes(length)
    // At the very beginning, empty, adjacent, and up to the end.
    const spans = [0, 5, 5, 5, 5, 700, 701, 1200, 2000, length]
    const each = [0, 2, 4, 6, 8].map((i) => hashLeaf(data.subarray(spans[i], spans[i + 1])))
    expect(leafHashes(data, Int32Array.from(spans))).toBe(toLatin1(concatBytes(...each)))
    expect(Buffer.compare(data, bytes(length))).toBe(0)
  })

  it.each([1, 2, 4, 256, 512, 16384])('gives the root of node upon node for %i hashes', (count) => {
    const hashes = Array.from({ length: count }, (_, i) => sha256(Uint8Array.of(i & 255, i >> 8)))
    let level = hashes
    while (level.length > 1)
      level = Array.from({ length: level.length / 2 }, (_, i) => hashNode(level[2 * i]!, level[2 * i + 1]!))
    expect(perfectRoot(concatBytes(...hashes))).toEqual(level[0])
  })

  it.each([0, 31, 33, 96, 32 * 255])('refuses a root above %i bytes', (length) => {
    expect(codeOf(() => perfectRoot(bytes(length)))).toBe('PROOF_INVALID')
  })

  it('treats text as bytes, one per character', () => {
    const all = bytes(10_000)
    expect(portable.toLatin1(all)).toBe(toLatin1(all))
    for (const write of [writeLatin1, portable.writeLatin1]) {
      const into = new Uint8Array(10_002)
      write(toLatin1(all), into, 1)
      expect(into).toEqual(concatBytes(Uint8Array.of(0), all, Uint8Array.of(0)))
    }
    expect(portableNative.sha256Text(all)).toBe(nodeNative.sha256Text(all))
    expect(toLatin1(sha256(all))).toBe(nodeNative.sha256Text(all))
  })
})
