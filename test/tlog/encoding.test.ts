/** Bytes as text: Node's encoders and the portable ones give the same answers. */
import { describe, expect, it } from 'vitest'
import * as node from '../../src/tlog/encoding.node.js'
import * as portable from '../../src/tlog/encoding.portable.js'

/** Every byte, at lengths around those at which an encoder changes what it does. */
const SAMPLES = [0, 1, 2, 3, 4, 31, 32, 255, 256, 4095, 4096, 4097, 8192, 10_000].map((length) =>
  Uint8Array.from({ length }, (_, i) => (i * 167 + length) % 256),
)

describe('the encoders agree on bytes', () => {
  it.each(SAMPLES.map((bytes) => [bytes.length, bytes] as const))('of length %i', (length, bytes) => {
    expect(portable.toHex(bytes)).toBe(node.toHex(bytes))
    expect(portable.toHex(bytes)).toHaveLength(2 * length)
    expect(portable.toBase64(bytes)).toBe(node.toBase64(bytes))
    for (const { decodeBase64 } of [node, portable]) expect(decodeBase64(node.toBase64(bytes))).toEqual(bytes)
    expect(portable.toLatin1(bytes)).toBe(node.toLatin1(bytes))
    for (const { writeLatin1 } of [node, portable]) {
      const into = new Uint8Array(length + 5).fill(7)
      writeLatin1(node.toLatin1(bytes), into, 3)
      expect(into).toEqual(Uint8Array.of(7, 7, 7, ...bytes, 7, 7))
    }
  })

  it('which are part of a larger buffer', () => {
    const part = SAMPLES.at(-1)!.subarray(5, 25)
    for (const encoding of [node, portable]) {
      expect(encoding.toHex(part)).toBe(Buffer.from(part).toString('hex'))
      expect(encoding.toBase64(part)).toBe(Buffer.from(part).toString('base64'))
      expect(encoding.toLatin1(part)).toBe(Buffer.from(part).toString('latin1'))
    }
  })

  it('and write no more than there is room for', () => {
    for (const { writeLatin1 } of [node, portable]) {
      const into = new Uint8Array(4)
      writeLatin1('abcdef', into, 2)
      expect(into).toEqual(Uint8Array.of(0, 0, 97, 98))
    }
  })

  it('decode base64 with unused bits that are set', () => {
    for (const { decodeBase64 } of [node, portable]) expect(decodeBase64('AR==')).toEqual(Uint8Array.of(1))
  })
})
