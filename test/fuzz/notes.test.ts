import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { errorCode, GossumError } from '../../src/errors.js'
import { fromBase64, fromHex, toBase64, toHex, utf8 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint } from '../../src/tlog/checkpoint.js'
import {
  formatNote,
  formatSignerKey,
  isCanonicalNote,
  makeSignerKey,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  signNote,
  verifyNote,
} from '../../src/tlog/note.js'
import { parsePolicy } from '../../src/tlog/policy.js'
import { formatProofFile, parseProofFile } from '../../src/tlog/proof-file.js'
import { parseTilePath } from '../../src/tlog/tile.js'
import { codePoint } from '../helpers/code-point.js'

/** Runs are bounded and reproducible. */
const RUNS = { numRuns: 500, seed: 46787 }

const keyName = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((s) => !/[+\p{White_Space}\p{Cc}]/u.test(s))
const seed = fc.uint8Array({ minLength: 32, maxLength: 32 })
const hash = fc.uint8Array({ minLength: 32, maxLength: 32 })
const size = fc.oneof(fc.nat(), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }))
const noteText = fc
  .array(
    fc.string({ maxLength: 40, unit: 'grapheme' }).map((s) => s.replace(/[\0-\x1f]/g, '')),
    { maxLength: 6 },
  )
  .map((lines) => `${lines.join('\n')}\n`)
const signature = fc.record({
  name: keyName,
  keyId: fc.uint8Array({ minLength: 4, maxLength: 4 }).map(toHex),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 120 }),
})

describe('round trips', () => {
  it('of a note', () => {
    fc.assert(
      fc.property(noteText, fc.array(signature, { minLength: 1, maxLength: 5 }), (text, signatures) => {
        const bytes = formatNote({ text, signatures })
        const note = parseNote(bytes)
        expect(note).toEqual({ text, signatures })
        expect(isCanonicalNote(bytes, note)).toBe(true)
      }),
      RUNS,
    )
  })

  it('of any parsed note give one canonical form', () => {
    fc.assert(
      fc.property(noteText, signature, fc.nat(), fc.nat(255), (text, line, at, byte) => {
        const bytes = formatNote({ text, signatures: [line] })
        bytes[at % bytes.length] = byte
        let note
        try {
          note = parseNote(bytes)
        } catch (error) {
          expect(errorCode(error)).toBe('NOTE_MALFORMED')
          return
        }
        expect(parseNote(formatNote(note))).toEqual(note)
        expect(isCanonicalNote(formatNote(note), note)).toBe(true)
      }),
      RUNS,
    )
  })

  it('of a signed note verify, but not with another text', () => {
    fc.assert(
      fc.property(noteText, keyName, seed, (text, name, bytes) => {
        const signer = makeSignerKey(name, SIGNATURE_TYPES.ed25519, bytes)
        const note = parseNote(formatNote({ text, signatures: [signNote(text, signer)] }))
        verifyNote(note, parseVerifierKey(signer.verifier.vkey))
        expect(() => verifyNote({ ...note, text: `${text}.\n` }, signer.verifier)).toThrow(GossumError)
      }),
      { ...RUNS, numRuns: 100 },
    )
  })

  it('of keys', () => {
    fc.assert(
      fc.property(keyName, seed, fc.constantFrom(...Object.values(SIGNATURE_TYPES)), (name, bytes, type) => {
        const { verifier } = parseSignerKey(formatSignerKey(name, type, bytes))
        const parsed = parseVerifierKey(verifier.vkey)
        expect([parsed.name, parsed.type, parsed.keyId, parsed.vkey]).toEqual([
          name,
          type,
          verifier.keyId,
          verifier.vkey,
        ])
      }),
      { ...RUNS, numRuns: 100 },
    )
  })

  it('of checkpoints', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 60 }), size, hash, (line, n, root) => {
        const origin = line.replaceAll('\n', '') || 'origin'
        const text = formatCheckpoint({ origin, size: n, root })
        expect(parseCheckpoint(text)).toEqual({ origin, size: n, root })
      }),
      RUNS,
    )
  })

  it('of proof files', () => {
    const extra = fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined })
    const note = fc.uint8Array({ minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(size, fc.array(hash, { maxLength: 53 }), extra, note, (index, proof, data, bytes) => {
        const file = { index, proof, note: bytes, ...(data === undefined ? {} : { extra: data }) }
        expect(parseProofFile(formatProofFile(file))).toEqual(file)
      }),
      RUNS,
    )
  })

  it('of hex and base64', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 10_000 }), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes)
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(fromBase64(toBase64(bytes))).toEqual(bytes)
      }),
      { ...RUNS, numRuns: 100 },
    )
  })
})

describe('parsers throw only GossumError', () => {
  const parsers: Record<string, (bytes: Uint8Array, text: string) => unknown> = {
    parseNote: (bytes) => parseNote(bytes),
    parseCheckpoint: (_bytes, text) => parseCheckpoint(text),
    parseVerifierKey: (_bytes, text) => parseVerifierKey(text),
    parseSignerKey: (_bytes, text) => parseSignerKey(text),
    parseTilePath: (_bytes, text) => parseTilePath(text),
    parsePolicy: (bytes) => parsePolicy(bytes),
    'parsePolicy of text': (_bytes, text) => parsePolicy(text),
    parseProofFile: (bytes) => parseProofFile(bytes),
  }
  /** Pieces that get past a parser's first lines. */
  const piece = fc.constantFrom(
    ...[
      '\n',
      '\n\n',
      ' ',
      '+',
      '=',
      '/',
      '—',
      '— ',
      'A',
      '0',
      '9',
      '.p/',
      'x001',
      'tile/8/',
      '\u0085',
      '\ufeff',
      '\ud800',
    ],
    ...[
      'go.sum database tree',
      '5',
      '9007199254740993',
      'EkQheTMImOKVKhTERgxIOyW9t32zrpLrv5Gfgm9iG4U=',
      'name',
      '033de0ae',
    ],
    ...[
      'sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8',
      'PRIVATE+KEY+',
      'log ',
      'witness ',
      'group ',
    ],
    ...['quorum ', 'any ', 'all ', 'none', 'c2sp.org/tlog-proof@v1\n', 'index ', 'extra ', '\0', '\t', '\r', '#'],
  )
  const texts = fc.oneof(
    fc.string({ unit: codePoint, maxLength: 200 }),
    fc.array(fc.oneof(piece, fc.string({ maxLength: 8 })), { maxLength: 20 }).map((parts) => parts.join('')),
  )
  const inputs = fc.oneof(fc.uint8Array({ maxLength: 300 }), texts.map(utf8))

  it.each(Object.entries(parsers))('%s', (_name, parse) => {
    fc.assert(
      fc.property(inputs, texts, (bytes, text) => {
        try {
          parse(bytes, text)
        } catch (error) {
          if (!(error instanceof GossumError)) throw error
        }
      }),
      { ...RUNS, numRuns: 3000 },
    )
  })
})
