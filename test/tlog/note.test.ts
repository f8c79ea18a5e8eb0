import { describe, expect, it } from 'vitest'
import { fromBase64, utf8 } from '../../src/tlog/bytes.js'
import {
  formatNote,
  isBy,
  isCanonicalNote,
  makeSignerKey,
  MAX_READ_NOTE_BYTES,
  parseNote,
  parseVerifierKey,
  SIGNATURE_TYPES,
  signNote,
  verifyNote,
} from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { readVectors } from '../helpers/vectors.js'

const vectors = readVectors('notes.json') as {
  open_ok: { name: string; note: string; vkeys: string[]; verified: string[]; unverified: string[] }[]
  malformed: { why: string; note?: string; note_base64?: string }[]
  invalid_signature_of_known_key: { why: string; note: string; vkeys: string[] }[]
}

describe('notes', () => {
  it.each(vectors.open_ok)('can be opened: $name', (v) => {
    const bytes = utf8(v.note)
    const note = parseNote(bytes)
    expect(new Set(note.signatures.map((s) => s.name))).toEqual(new Set([...v.verified, ...v.unverified]))
    expect(isCanonicalNote(bytes, note)).toBe(true)
    for (const vkey of v.vkeys) {
      if (v.name.includes('0x0')) {
        expect(codeOf(() => parseVerifierKey(vkey))).toBe('KEY_UNSUPPORTED')
      } else {
        const key = parseVerifierKey(vkey)
        expect(isBy(verifyNote(note, key), key)).toBe(true)
      }
    }
  })

  it.each(vectors.malformed)('are refused: $why', (v) => {
    const bytes = v.note === undefined ? fromBase64(v.note_base64!)! : utf8(v.note)
    expect(codeOf(() => parseNote(bytes))).toBe('NOTE_MALFORMED')
  })

  it.each(vectors.invalid_signature_of_known_key)('do not verify: $why', (v) => {
    const note = parseNote(utf8(v.note))
    expect(codeOf(() => verifyNote(note, parseVerifierKey(v.vkeys[0]!)))).toBe('SIGNATURE_INVALID')
  })

  it('need a line by the requested key', () => {
    const v = vectors.open_ok[0]!
    const other = parseVerifierKey(vectors.open_ok[2]!.vkeys[1]!)
    expect(codeOf(() => verifyNote(parseNote(utf8(v.note)), other))).toBe('SIGNATURE_MISSING')
  })

  it('are verified by the first line of a key and no other, as in Go', () => {
    const signer = makeSignerKey('log', SIGNATURE_TYPES.ed25519, new Uint8Array(32).fill(1))
    const good = signNote('text\n', signer)
    const bad = { ...good, bytes: new Uint8Array(64) }
    expect(verifyNote({ text: 'text\n', signatures: [good, bad] }, signer.verifier)).toBe(good)
    expect(codeOf(() => verifyNote({ text: 'text\n', signatures: [bad, good] }, signer.verifier))).toBe(
      'SIGNATURE_INVALID',
    )
  })

  it('may have unused base64 bits, as in Go, and are then not canonical', () => {
    const v = vectors.open_ok[0]!
    const bytes = utf8(v.note.replace('JnAM=', 'JnAN='))
    const note = parseNote(bytes)
    verifyNote(note, parseVerifierKey(v.vkeys[0]!))
    expect(isCanonicalNote(bytes, note)).toBe(false)
    expect(formatNote(note)).toEqual(utf8(v.note))
  })

  it('are bounded in lines and bytes', () => {
    const [text, line] = vectors.open_ok[0]!.note.split('\n\n') as [string, string]
    expect(parseNote(utf8(`${text}\n\n${line.repeat(100)}`)).signatures).toHaveLength(100)
    expect(codeOf(() => parseNote(utf8(`${text}\n\n${line.repeat(101)}`)))).toBe('NOTE_MALFORMED')
    const room = MAX_READ_NOTE_BYTES - utf8(`\n\n${line}`).length
    expect(parseNote(utf8(`${'x'.repeat(room)}\n\n${line}`)).text).toHaveLength(room + 1)
    expect(codeOf(() => parseNote(utf8(`${'x'.repeat(room + 1)}\n\n${line}`)))).toBe('NOTE_TOO_LARGE')
  })
})
