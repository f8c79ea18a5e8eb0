/**
 * Mutates inputs: bytes, numbers, words, lines and parts of them, as a hostile or broken writer would. Everything is
 * drawn from one seed. Pure.
 */
import { concatBytes, utf8 } from '../../src/tlog/bytes.js'

/** A whole number from 0 to below `bound`. */
export type Draw = (bound: number) => number

/** Words that tend to break parsers of any format. */
const WORDS = [
  ...[
    '\n',
    '\n\n',
    '\r\n',
    '\r',
    '\t',
    ' ',
    '\0',
    '\x1b',
    '\x7f',
    '\u0085',
    '\u00a0',
    '\u2028',
    '\ufeff',
    '—',
    '\u0130',
    '💥',
  ],
  ...[
    '0',
    '00',
    '1',
    '-1',
    '+1',
    '1e3',
    '0x1',
    '255',
    '256',
    '2147483647',
    '2147483648',
    '4294967296',
    '4503599627370496',
  ],
  ...[
    '9007199254740991',
    '9007199254740992',
    '9223372036854775807',
    '9223372036854775808',
    '18446744073709551616',
    'NaN',
  ],
  ...[
    '=',
    '==',
    'A',
    '+',
    '/',
    '-',
    '_',
    '.',
    '..',
    ',',
    ':',
    ';',
    '@',
    '!',
    '%',
    '%00',
    '*',
    '?',
    '[',
    ']',
    '{',
    '}',
    '"',
    '\\',
  ],
  ...[
    'null',
    'true',
    '[]',
    '{}',
    '""',
    '"__proto__":{}',
    '"constructor":',
    '"toString":',
    '\\u0000',
    '\\ud800',
    '1.5',
    '-0',
  ],
].map(utf8)
/** Invalid text: a lone byte, half a character, a surrogate, an overlong encoding, a UTF-16 byte order mark. */
const NO_TEXT = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xff, 0xfe]].map((bytes) => Uint8Array.from(bytes))
const NEWLINE = 0x0a
/** One input in this many is enlarged to the parser's limit, which reveals time that grows faster than the input. */
const BLOWN_UP = 4096

export interface Mutable {
  readonly words: readonly Uint8Array[]
  /** The maximum size in bytes of an input that is not enlarged; and of one that is. */
  readonly usual: number
  readonly most: number
}

type Change = (bytes: Uint8Array, draw: Draw, words: readonly Uint8Array[], other: Uint8Array) => Uint8Array

/** The bytes from `from` to below `to` replaced by others. */
function spliced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  return concatBytes(bytes.subarray(0, from), by, bytes.subarray(to))
}

function place(bytes: Uint8Array, draw: Draw): number {
  return draw(bytes.length + 1)
}

/** A part, mostly a short one. */
function part(bytes: Uint8Array, draw: Draw): [from: number, to: number] {
  const from = place(bytes, draw)
  const length = draw(4) === 0 ? draw(bytes.length - from + 1) : Math.min(1 + draw(8), bytes.length - from)
  return [from, from + length]
}

/** A whole line with its newline. */
function line(bytes: Uint8Array, draw: Draw): [from: number, to: number] {
  const at = place(bytes, draw)
  const from = at === 0 ? 0 : bytes.lastIndexOf(NEWLINE, at - 1) + 1
  const end = bytes.indexOf(NEWLINE, at)
  return [from, end === -1 ? bytes.length : end + 1]
}

/** A run of digits, or of other word characters. */
function word(bytes: Uint8Array, draw: Draw): [from: number, to: number] {
  let from = place(bytes, draw)
  let to = from
  const isWord = (byte: number | undefined): boolean =>
    byte !== undefined && ((byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122))
  while (isWord(bytes[from - 1])) from--
  while (isWord(bytes[to])) to++
  return [from, to]
}

function oneOf<T>(items: readonly T[], draw: Draw): T {
  return items[draw(items.length)]!
}

const CHANGES: readonly Change[] = [
  // Single bytes.
  (bytes, draw) => {
    const out = bytes.slice()
    if (out.length > 0) out[draw(out.length)]! ^= 1 << draw(8)
    return out
  },
  (bytes, draw) => {
    const out = bytes.slice()
    if (out.length > 0) out[draw(out.length)] = draw(256)
    return out
  },
  // Parts: removed, doubled, moved, or taken from another input.
  (bytes, draw) => spliced(bytes, ...part(bytes, draw), new Uint8Array()),
  (bytes, draw) => {
    const at = place(bytes, draw)
    return spliced(bytes, at, at, bytes.subarray(...part(bytes, draw)))
  },
  (bytes, draw, _words, other) => spliced(bytes, ...part(bytes, draw), other.subarray(...part(other, draw))),
  (bytes, draw, _words, other) =>
    concatBytes(bytes.subarray(0, place(bytes, draw)), other.subarray(place(other, draw))),
  (bytes, draw) => bytes.subarray(0, place(bytes, draw)),
  // Lines.
  (bytes, draw) => spliced(bytes, ...line(bytes, draw), new Uint8Array()),
  (bytes, draw) => {
    const [at] = line(bytes, draw)
    return spliced(bytes, at, at, bytes.subarray(...line(bytes, draw)))
  },
  (bytes, draw, _words, other) => spliced(bytes, ...line(bytes, draw), other.subarray(...line(other, draw))),
  // Words of the grammar, inserted or replacing others.
  (bytes, draw, words) => {
    const at = place(bytes, draw)
    return spliced(bytes, at, at, oneOf(words, draw))
  },
  (bytes, draw, words) => spliced(bytes, ...part(bytes, draw), oneOf(words, draw)),
  (bytes, draw, words) => spliced(bytes, ...word(bytes, draw), oneOf(words, draw)),
  (bytes, draw, words) => spliced(bytes, ...line(bytes, draw), oneOf(words, draw)),
  (bytes, draw) => spliced(bytes, ...word(bytes, draw), utf8(String(draw(2 ** 31) * 2 ** draw(23) + draw(2)))),
  (bytes, draw) => {
    const at = place(bytes, draw)
    return spliced(bytes, at, at, oneOf(NO_TEXT, draw))
  },
]

/** A small part repeated up to about the parser's limit, below or above it. */
function blownUp(bytes: Uint8Array, draw: Draw, most: number): Uint8Array {
  const [from, to] = draw(2) === 0 ? line(bytes, draw) : part(bytes, draw)
  const piece = bytes.subarray(from, to)
  if (piece.length === 0) return bytes
  const room = Math.max(0, most + draw(3) - bytes.length)
  const times = Math.floor((draw(2) === 0 ? room : draw(room + 1)) / piece.length)
  const out = new Uint8Array(bytes.length + times * piece.length)
  out.set(bytes.subarray(0, to))
  for (let i = 0; i < times; i++) out.set(piece, to + i * piece.length)
  out.set(bytes.subarray(to), to + times * piece.length)
  return out
}

/**
 * The pieces to repeat, in addition to the words of a grammar: every ASCII character, and words that tend to break
 * parsers.
 */
const REPEATED = [...Array.from({ length: 128 }, (_, char) => Uint8Array.of(char)), ...WORDS]

/** An input with one piece repeated up to the parser's limit, and sometimes something after it. */
export function grow(bytes: Uint8Array, draw: Draw, { words, most }: Mutable): Uint8Array {
  const piece = oneOf(draw(2) === 0 && words.length > 0 ? words : REPEATED, draw)
  const [at] = draw(2) === 0 ? line(bytes, draw) : word(bytes, draw)
  const times = Math.max(0, Math.floor((most - bytes.length) / piece.length))
  const much = new Uint8Array(times * piece.length)
  for (let i = 0; i < times; i++) much.set(piece, i * piece.length)
  return spliced(bytes, at, draw(3) === 0 ? bytes.length : at, much)
}

/** A mutation of an input; `other` returns another input to take parts from. */
export function mutate(bytes: Uint8Array, other: () => Uint8Array, draw: Draw, how: Mutable): Uint8Array {
  const words = draw(3) === 0 || how.words.length === 0 ? WORDS : how.words
  let out = bytes
  for (let left = 1 + draw(draw(4) === 0 ? 8 : 3); left > 0; left--)
    out = oneOf(CHANGES, draw)(out, draw, words, other())
  if (draw(BLOWN_UP) === 0) return blownUp(out, draw, how.most)
  return out.length > how.usual ? out.subarray(0, how.usual) : out
}
