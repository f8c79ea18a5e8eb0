import { describe, expect, it } from 'vitest'
import { fromUtf8, toBase64, utf8 } from '../../src/tlog/bytes.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import { formatHash, hashLeaf, sha256 } from '../../src/tlog/hash.js'
import { checkRecord } from '../../src/tlog/merkle.js'
import { MAX_NOTE_BYTES, parseNote, parseVerifierKey, verifyNote } from '../../src/tlog/note.js'
import { formatProofFile, MAX_PROOF_FILE_BYTES, parseProofFile } from '../../src/tlog/proof-file.js'
import { codeOf } from '../helpers/codes.js'
import { readVectors } from '../helpers/vectors.js'

const vectors = readVectors('tlog-proof.json') as {
  valid_syntax: { text: string; parsed: { index: number; hashes: string[]; extra?: string; checkpoint: string } }[]
  invalid_syntax: { why: string; text: string }[]
  complete: { log_vkey: string; entry: string; proof: string }
}
const HEADER = 'c2sp.org/tlog-proof@v1'

describe('proof files', () => {
  it.each(vectors.valid_syntax)('are read and written at index $parsed.index', ({ text, parsed }) => {
    const file = parseProofFile(utf8(text))
    expect(file.index).toBe(parsed.index)
    expect(file.proof.map(formatHash)).toEqual(parsed.hashes)
    expect(file.extra && fromUtf8(file.extra)).toBe(parsed.extra)
    expect(fromUtf8(file.note)).toBe(parsed.checkpoint)
    expect(fromUtf8(formatProofFile(file))).toBe(text)
  })

  it.each(vectors.invalid_syntax)('are refused: $why', ({ text }) => {
    expect(codeOf(() => parseProofFile(utf8(text)))).toBe('PROOF_MALFORMED')
  })

  it('prove an entry of a log, from the file alone', () => {
    const { log_vkey, entry, proof } = vectors.complete
    const file = parseProofFile(utf8(proof))
    const note = parseNote(file.note)
    verifyNote(note, parseVerifierKey(log_vkey))
    const head = parseCheckpoint(note.text)
    checkRecord(file.proof, head.size, head.root, file.index, hashLeaf(utf8(entry)))
    expect(codeOf(() => checkRecord(file.proof, head.size, head.root, file.index, hashLeaf(utf8('eight'))))).toBe(
      'PROOF_INVALID',
    )
    expect(fromUtf8(formatProofFile(file))).toBe(proof)
  })

  const hash = formatHash(sha256(utf8('x')))
  // The same 32 bytes with an unused bit set.
  const otherSpelling = `${hash.slice(0, -2)}${String.fromCharCode(hash.charCodeAt(42) + 1)}=`

  it.each([
    ['', 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 0\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 0\n\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 00\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex  0\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 0 \n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex +1\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\r\nindex 0\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 9007199254740991\n\nnote\n`, 'accepted'],
    [`${HEADER}\nindex 9007199254740992\n\nnote\n`, 'PROOF_TOO_LARGE'],
    [`${HEADER}\nindex 99999999999999999999\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 0\nextra AAAA\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nextra AAAA\nextra AAAA\nindex 0\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nextra AAB=\nindex 0\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nextra \nindex 0\n\nnote\n`, 'accepted'],
    [`${HEADER}\nextra\nindex 0\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 0\n${otherSpelling}\n\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 0\n${`${hash}\n`.repeat(53)}\nnote\n`, 'accepted'],
    [`${HEADER}\nindex 0\n${`${hash}\n`.repeat(54)}\nnote\n`, 'PROOF_MALFORMED'],
    [`${HEADER}\nindex 0\n${hash}\nnote\n`, 'PROOF_MALFORMED'],
  ])('%j: %s', (text, expected) => {
    expect(codeOf(() => parseProofFile(utf8(text)))).toBe(expected)
  })

  it('may have empty lines in the note', () => {
    const file = parseProofFile(utf8(`${HEADER}\nindex 3\n\n\n\na\n\nb\n`))
    expect(fromUtf8(file.note)).toBe('\n\na\n\nb\n')
  })

  it('are bounded', () => {
    const note = (length: number): Uint8Array => utf8(`${HEADER}\nindex 0\n\n${'n'.repeat(length)}`)
    expect(parseProofFile(note(MAX_NOTE_BYTES)).note).toHaveLength(MAX_NOTE_BYTES)
    expect(codeOf(() => parseProofFile(note(MAX_NOTE_BYTES + 1)))).toBe('PROOF_MALFORMED')
    const extra = toBase64(new Uint8Array(MAX_PROOF_FILE_BYTES))
    expect(codeOf(() => parseProofFile(utf8(`${HEADER}\nextra ${extra}\nindex 0\n\nn\n`)))).toBe('PROOF_MALFORMED')
  })

  it('say which hash is none, have their extra line only where there is one, and begin at the first byte', () => {
    const { text, parsed } = vectors.valid_syntax.find((one) => one.parsed.extra === undefined)!
    expect('extra' in parseProofFile(utf8(text))).toBe(false)
    expect(codeOf(() => parseProofFile(utf8(text.replace('index', ' index'))))).toBe('PROOF_MALFORMED')
    const bad = text.replace(parsed.hashes[0]!, parsed.hashes[0]!.slice(1))
    expect(() => parseProofFile(utf8(bad))).toThrow('hash 1 of the proof')
    expect(codeOf(() => parseProofFile(Uint8Array.of(0xff, ...utf8(text))))).toBe('PROOF_MALFORMED')
  })
})
