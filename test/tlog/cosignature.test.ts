import { describe, expect, it } from 'vitest'
import { fromBase64, fromHex, toHex, utf8 } from '../../src/tlog/bytes.js'
import {
  cosign,
  cosignatureMessage,
  COSIGNATURE_SIZE,
  MAX_COSIGNATURE_TIME,
  verifiedCosignatures,
  verifyCosignature,
} from '../../src/tlog/cosignature.js'
import { parseCheckpoint } from '../../src/tlog/checkpoint.js'
import {
  formatSignature,
  isBy,
  makeSignerKey,
  parseNote,
  parseVerifierKey,
  SIGNATURE_TYPES,
  verifyNote,
  withType,
  type Signature,
} from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { flipBit } from '../helpers/tree.js'
import { readVectors } from '../helpers/vectors.js'

interface Line {
  name: string
  vkey_published?: string
  vkey_cosignature_v1: string
  key_id: string
  timestamp: number
  line: string
}
interface Entry {
  why: string
  source: string
  note?: string
  text?: string
  seed_hex?: string
  public_key_hex?: string
  signed_message?: string
  log_vkey?: string
  cosignatures: Line[]
  must_not_verify?: string[]
}

const vectors = readVectors('cosignatures.json') as {
  notes: Entry[]
  timestamp_parsing: { signature_base64: string; timestamp: number; not_a_cosignature_base64: string }
}

const parseLine = (line: string): Signature => parseNote(utf8(`x\n\n${line}\n`)).signatures[0]!
const real = vectors.notes.filter((entry) => entry.note !== undefined && entry.cosignatures.length > 0)
const anyKey = parseVerifierKey(real[0]!.cosignatures[0]!.vkey_cosignature_v1)
const made = vectors.notes.find((entry) => entry.text !== undefined)!

describe('cosignatures seen in the wild', () => {
  it.each(real)('of $source verify', (entry) => {
    const note = parseNote(utf8(entry.note!))
    parseCheckpoint(note.text)
    for (const c of entry.cosignatures) {
      const key = parseVerifierKey(c.vkey_cosignature_v1)
      expect(key.keyId).toBe(c.key_id)
      // Some are published as type 0x01 of the same key.
      expect(withType(parseVerifierKey(c.vkey_published!), SIGNATURE_TYPES.cosignature).vkey).toBe(key.vkey)
      const line = note.signatures.find((s) => isBy(s, key))!
      expect(formatSignature(line)).toBe(`${c.line}\n`)
      expect(verifyCosignature(note.text, line, key).time).toBe(c.timestamp)
      expect(verifiedCosignatures(note, [key]).get(key.vkey)?.time).toBe(c.timestamp)
    }
  })

  it('are refused with any one bit flipped', () => {
    const entry = real[0]!
    const note = parseNote(utf8(entry.note!))
    const key = parseVerifierKey(entry.cosignatures[0]!.vkey_cosignature_v1)
    const line = note.signatures.find((s) => isBy(s, key))!
    for (let bit = 0; bit < COSIGNATURE_SIZE * 8; bit++) {
      const flipped = { ...line, bytes: flipBit(line.bytes, bit) }
      const code = codeOf(() => verifyCosignature(note.text, flipped, key))
      // A time that no date can represent is refused before anything is verified.
      const showable = Number(new DataView(flipped.bytes.buffer).getBigUint64(0)) <= MAX_COSIGNATURE_TIME
      expect(code).toBe(showable ? 'SIGNATURE_INVALID' : 'COSIGNATURE_MALFORMED')
    }
  })

  it('have their time in the first eight bytes of the signature, or are malformed', () => {
    const { signature_base64, timestamp, not_a_cosignature_base64 } = vectors.timestamp_parsing
    // A key that accepts any signature: the vectors do not say what was signed.
    const read = (base64: string): number => {
      const bytes = fromBase64(base64)!
      const key = { ...withType(anyKey, SIGNATURE_TYPES.cosignature), keyId: toHex(bytes.subarray(0, 4)) }
      const line = { name: key.name, keyId: key.keyId, bytes: bytes.subarray(4) }
      return verifyCosignature('text', line, { ...key, verify: () => true }).time
    }
    expect(read(signature_base64)).toBe(timestamp)
    expect(codeOf(() => read(not_a_cosignature_base64))).toBe('COSIGNATURE_MALFORMED')
  })

  it('a sigsum log signs its heads like any other', () => {
    const entry = vectors.notes.find((e) => e.why.startsWith('sigsum log'))!
    verifyNote(parseNote(utf8(entry.note!)), parseVerifierKey(entry.log_vkey!))
  })
})

describe('a cosignature made from a seed', () => {
  const [expected] = made.cosignatures as [Line]
  const signer = makeSignerKey(expected.name, SIGNATURE_TYPES.cosignature, fromHex(made.seed_hex!)!)
  const text = made.text!

  it('has the bytes of another implementation', () => {
    expect(signer.verifier.vkey).toBe(expected.vkey_cosignature_v1)
    expect(toHex(signer.verifier.publicKey)).toBe(made.public_key_hex)
    expect(cosignatureMessage(text, expected.timestamp)).toEqual(utf8(made.signed_message!))
    expect(formatSignature(cosign(text, expected.timestamp, signer).signature)).toBe(`${expected.line}\n`)
  })

  it.each([
    [0, 'SIGNATURE_MISSING'],
    [1, 'SIGNATURE_MISSING'],
    [2, 'COSIGNATURE_MALFORMED'],
  ])('near miss %i is refused: %s', (i, code) => {
    expect(codeOf(() => verifyCosignature(text, parseLine(made.must_not_verify![i]!), signer.verifier))).toBe(code)
  })

  it('can only be made with a witness key', () => {
    const log = makeSignerKey(expected.name, SIGNATURE_TYPES.ed25519, fromHex(made.seed_hex!)!)
    expect(codeOf(() => cosign(text, 1, log))).toBe('KEY_UNSUPPORTED')
  })

  it('refuses the time 0, which claims nothing', () => {
    const { signature } = cosign(text, 0, signer)
    expect(codeOf(() => verifyCosignature(text, signature, signer.verifier))).toBe('COSIGNATURE_MALFORMED')
  })

  it('is valid for one text only', () => {
    const { signature } = cosign(text, 7, signer)
    expect(codeOf(() => verifyCosignature(`${text}extension\n`, signature, signer.verifier))).toBe('SIGNATURE_INVALID')
  })

  it('may have every time that a date can show, and none beyond', () => {
    const { signature } = cosign(text, MAX_COSIGNATURE_TIME, signer)
    expect(verifyCosignature(text, signature, signer.verifier).time).toBe(MAX_COSIGNATURE_TIME)
    expect(Number.isNaN(new Date(MAX_COSIGNATURE_TIME * 1000).getTime())).toBe(false)
    const beyond = cosign(text, MAX_COSIGNATURE_TIME + 1, signer).signature
    expect(codeOf(() => verifyCosignature(text, beyond, signer.verifier))).toBe('COSIGNATURE_MALFORMED')
  })

  it('counts if it is the newest of several by one key; what does not verify is dropped', () => {
    const at = (time: number): Signature => cosign(text, time, signer).signature
    const forged = { ...at(99), bytes: flipBit(at(99).bytes, 100) }
    const other = makeSignerKey('other', SIGNATURE_TYPES.cosignature, new Uint8Array(32).fill(9)).verifier
    const note = { text, signatures: [at(5), at(8), forged, at(3)] }
    const verified = verifiedCosignatures(note, [signer.verifier, other])
    expect([...verified].map(([vkey, c]) => [vkey, c.time])).toEqual([[signer.verifier.vkey, 8]])
  })

  it.each([
    [5, 8],
    [8, 5],
  ])('counts if it is the newest of two by one key, whichever comes first: %i, %i', (...times) => {
    const signatures = times.map((time) => cosign(text, time, signer).signature)
    expect(verifiedCosignatures({ text, signatures }, [signer.verifier]).get(signer.verifier.vkey)!.time).toBe(8)
  })

  it('is verified at most twice among a hundred forged lines by one key, because each may take a millisecond', () => {
    let verified = 0
    const counting = { ...signer.verifier, verify: () => (verified++, false) }
    const forged = { name: counting.name, keyId: counting.keyId, bytes: cosign(text, 7, signer).signature.bytes }
    verifiedCosignatures({ text, signatures: Array.from({ length: 100 }, () => forged) }, [counting])
    expect(verified).toBe(2)
  })
})
