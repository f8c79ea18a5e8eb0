import fc from 'fast-check'

/** The halves of surrogate pairs, which are no code points of a text. */
const HALVES = { from: 0xd800, count: 0x800 }

/** Any code point: fast-check's unit 'binary', without the second that it takes to make a table of a million of them. */
export const codePoint = fc
  .nat(0x10ffff - HALVES.count)
  .map((n) => String.fromCodePoint(n < HALVES.from ? n : n + HALVES.count))
