/**
 * Bytes as text, for Node: its own encoders are ten times as fast as portable code, and every note is encoded several
 * times on its way. package.json (`imports`, "#encoding") picks this file or encoding.portable.ts; both export the same
 * names and give the same answers.
 *
 * Pure.
 */

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  return view(bytes).toString('hex')
}

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return view(bytes).toString('base64')
}

/** Bytes of a text that is known to be standard, padded base64; unused trailing bits may be set. */
export function decodeBase64(text: string): Uint8Array {
  // A copy: small buffers share a pool, and keeping one would keep the whole pool.
  return new Uint8Array(Buffer.from(text, 'base64'))
}

/** One character per byte, U+0000 to U+00FF: for bytes that are compared as text. */
export function toLatin1(bytes: Uint8Array): string {
  return view(bytes).toString('latin1')
}

/** Writes such a text back as bytes, from `at` on, as far as there is room. */
export function writeLatin1(text: string, into: Uint8Array, at: number): void {
  view(into).write(text, at, 'latin1')
}
