/** Bytes as text, in portable code. Same names as encoding.node.ts, same answers. Pure. */

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'))

/** Lower-case hex. */
export function toHex(bytes: Uint8Array): string {
  // Joined, not concatenated: the rope that concatenation builds is thirty times as large, and ids are kept.
  return Array.from(bytes, (byte) => HEX[byte]!).join('')
}

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return btoa(toLatin1(bytes))
}

/** Bytes of a text that is known to be standard, padded base64; unused trailing bits may be set. */
export function decodeBase64(text: string): Uint8Array {
  const binary = atob(text)
  const out = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) out[i] = binary.charCodeAt(i)
  return out
}

/** One character per byte, U+0000 to U+00FF: for bytes that are compared as text. */
export function toLatin1(bytes: Uint8Array): string {
  let text = ''
  // In slices: a spread of a whole tile would overflow the argument list.
  for (let i = 0; i < bytes.length; i += 4096) text += String.fromCharCode(...bytes.subarray(i, i + 4096))
  return text
}

/** Writes such a text back as bytes, from `at` on, as far as there is room. */
export function writeLatin1(text: string, into: Uint8Array, at: number): void {
  for (let i = 0; i < text.length; i++) into[at + i] = text.charCodeAt(i)
}
