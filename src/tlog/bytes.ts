/**
 * Bytes as text: UTF-8, hex, base64. The decoders accept exactly what Go's decoders accept: an encoding that Go reads
 * and we do not would be a place to hide a fork from us.
 *
 * Pure; runs in a browser.
 */
import { decodeBase64, toBase64, toHex, toLatin1, writeLatin1 } from '#encoding'

export { toBase64, toHex, toLatin1, writeLatin1 }

const utf8Encoder = new TextEncoder()
// ignoreBOM: the default would swallow a byte order mark, and the signature over it would fail.
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  return utf8Encoder.encode(text)
}

/** The string that these bytes encode, or undefined when they are not UTF-8. */
export function fromUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8Decoder.decode(bytes)
  } catch {
    return undefined
  }
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const out = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    out.set(part, offset)
    offset += part.length
  }
  return out
}

/** Whether both hold the same bytes. Not constant time: nothing here compares secrets. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Bytes of a hex string of either case, or undefined when it is not hex of whole bytes. */
export function fromHex(hex: string): Uint8Array | undefined {
  if (hex.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(hex)) return undefined
  const out = new Uint8Array(hex.length / 2)
  for (let i = 0; i < out.length; i++) out[i] = parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return out
}

/**
 * Bytes of a standard, padded base64 string, or undefined. Like Go's StdEncoding it accepts unused trailing bits that
 * are not zero, so two different texts may give the same bytes; re-encode to compare.
 */
export function fromBase64(text: string): Uint8Array | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined
  return decodeBase64(text)
}

/** An unsigned 32-bit number, big-endian, at `offset`. */
export function readUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(offset)
}

/** The 8 bytes, big-endian, of a safe integer of at least 0. */
export function uint64(value: number): Uint8Array {
  const out = new Uint8Array(8)
  const view = new DataView(out.buffer)
  view.setUint32(0, Math.floor(value / 0x1_0000_0000))
  view.setUint32(4, value % 0x1_0000_0000)
  return out
}

/** An unsigned 64-bit number, big-endian, at `offset`; undefined when it is beyond 2^53 - 1. */
export function readUint64(bytes: Uint8Array, offset: number): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const value = view.getUint32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4)
  return Number.isSafeInteger(value) ? value : undefined
}
