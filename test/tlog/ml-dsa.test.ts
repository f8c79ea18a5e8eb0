/** Cosignatures of type 0x06: a vector of another implementation, and all ways to corrupt one. */
import { describe, expect, it } from 'vitest'
import { concatBytes, toHex, uint64 } from '../../src/tlog/bytes.js'
import { formatCheckpoint, parseCheckpoint } from '../../src/tlog/checkpoint.js'
import {
  cosign,
  cosignBy,
  cosignatureLineSize,
  cosignSubtree,
  ML_DSA_COSIGNATURE_SIZE,
  subtreeMessage,
  verifiedCosignatures,
  verifyCosignature,
} from '../../src/tlog/cosignature.js'
import {
  formatNote,
  formatSignature,
  formatSignerKey,
  isWitnessKey,
  makeSignerKey,
  makeVerifierKey,
  parseNote,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  type Signature,
} from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { flipBit } from '../helpers/tree.js'
import { readVectors } from '../helpers/vectors.js'

const vector = readVectors('mldsa.json') as {
  vkey: string
  key_id: string
  note: string
  cosigner_name: string
  timestamp: number
  signed_message_hex: string
}

const SEED = Uint8Array.from({ length: 32 }, (_, i) => i)
const signer = makeSignerKey('pq.example/w', SIGNATURE_TYPES.mlDsa, SEED)
const key = signer.verifier
const TEXT = formatCheckpoint({ origin: 'go.sum database tree', size: 1234, root: new Uint8Array(32).fill(9) })
const TIME = 1_780_000_000

/** The message that is signed for a checkpoint. */
function wholeTree(name: string, time: number, text: string): Uint8Array | undefined {
  const { origin, size, root } = parseCheckpoint(text)
  return subtreeMessage(name, time, origin, { start: 0, end: size, hash: root })
}

function resigned(time: number, message: Uint8Array | undefined): Signature {
  return { name: key.name, keyId: key.keyId, bytes: concatBytes(uint64(time), signer.sign(message!)) }
}

describe('a checkpoint signed by another implementation', () => {
  const note = parseNote(Buffer.from(vector.note))
  const theirs = parseVerifierKey(vector.vkey)
  const line = note.signatures[0]!

  it('has the key, the message and the signature that this one computes', () => {
    expect(theirs).toMatchObject({ type: SIGNATURE_TYPES.mlDsa, keyId: vector.key_id, vkey: vector.vkey })
    const message = wholeTree(vector.cosigner_name, vector.timestamp, note.text)!
    expect(toHex(message)).toBe(vector.signed_message_hex)
    expect(line.bytes).toHaveLength(ML_DSA_COSIGNATURE_SIZE)
    expect(theirs.verify(message, line.bytes.subarray(8))).toBe(true)
    for (let bit = 0; bit < message.length * 8; bit += 61) {
      expect(theirs.verify(flipBit(message, bit), line.bytes.subarray(8))).toBe(false)
    }
  })

  it('has no cosignature, because the time 0 claims nothing', () => {
    expect(vector.timestamp).toBe(0)
    expect(codeOf(() => verifyCosignature(note.text, line, theirs))).toBe('COSIGNATURE_MALFORMED')
  })
})

describe('a cosignature with ML-DSA-44', () => {
  const { signature } = cosign(TEXT, TIME, signer)

  it('verifies, has its time, and is the same when it is made again', async () => {
    expect(signature.bytes).toHaveLength(ML_DSA_COSIGNATURE_SIZE)
    expect(verifyCosignature(TEXT, signature, key)).toEqual({ signature, time: TIME })
    expect((await cosignBy(TEXT, TIME, signer)).signature).toEqual(signature)
    expect(Buffer.byteLength(formatSignature(signature))).toBe(cosignatureLineSize(key))
    expect(isWitnessKey(key)).toBe(true)
    const note = parseNote(formatNote({ text: TEXT, signatures: [signature] }))
    expect([...verifiedCosignatures(note, [key]).keys()]).toEqual([key.vkey])
  })

  it('is refused with any bit flipped', () => {
    const { bytes } = signature
    // All bits of the time, and bits throughout the signature: its hash, its numbers, its hints.
    const bits = [...Array(64).keys(), ...Array.from({ length: 60 }, (_, i) => 64 + Math.floor((i * 2420 * 8) / 60))]
    for (const bit of [...bits, bytes.length * 8 - 1]) {
      const line = { ...signature, bytes: flipBit(bytes, bit) }
      expect(['SIGNATURE_INVALID', 'COSIGNATURE_MALFORMED'], `bit ${bit}`).toContain(
        codeOf(() => verifyCosignature(TEXT, line, key)),
      )
    }
  })

  it.each([0, 8, 72, 2427, 2429, 5000])('of %i bytes is malformed', (length) => {
    const bytes = new Uint8Array(length)
    bytes.set(signature.bytes.subarray(0, length))
    expect(codeOf(() => verifyCosignature(TEXT, { ...signature, bytes }, key))).toBe('COSIGNATURE_MALFORMED')
    expect(key.verify(new Uint8Array(1), bytes)).toBe(false)
  })

  it('is valid for this witness, this log and this tree only', () => {
    const checkpoint = parseCheckpoint(TEXT)
    const others = [
      formatCheckpoint({ ...checkpoint, origin: 'another' }),
      formatCheckpoint({ ...checkpoint, size: 1235 }),
      formatCheckpoint({ ...checkpoint, root: new Uint8Array(32).fill(8) }),
    ]
    for (const text of others) expect(codeOf(() => verifyCosignature(text, signature, key))).toBe('SIGNATURE_INVALID')
    // The same public key with another name means another signer.
    const renamed = makeVerifierKey('other.example', SIGNATURE_TYPES.mlDsa, key.publicKey)
    const line = { ...signature, name: renamed.name, keyId: renamed.keyId }
    expect(codeOf(() => verifyCosignature(TEXT, line, renamed))).toBe('SIGNATURE_INVALID')
    expect(codeOf(() => verifyCosignature(TEXT, signature, renamed))).toBe('SIGNATURE_MISSING')
  })

  it('is refused on a text with extension lines or in another spelling', () => {
    const bare = wholeTree(key.name, TIME, TEXT)
    for (const text of [`${TEXT}extension\n`, `${TEXT}\n`, TEXT.replace('CQk=', 'CQl=')]) {
      expect(parseCheckpoint(text)).toEqual(parseCheckpoint(TEXT))
      expect(codeOf(() => verifyCosignature(text, resigned(TIME, bare), key))).toBe('COSIGNATURE_MALFORMED')
      expect(codeOf(() => cosign(text, TIME, signer))).toBe('KEY_UNSUPPORTED')
    }
    const long = formatCheckpoint({ ...parseCheckpoint(TEXT), origin: 'x'.repeat(256) })
    expect(codeOf(() => verifyCosignature(long, resigned(TIME, bare), key))).toBe('COSIGNATURE_MALFORMED')
    expect(verifyCosignature(TEXT, resigned(TIME, bare), key).time).toBe(TIME)
  })

  it('is refused for the message of the other type', () => {
    const message = new TextEncoder().encode(`cosignature/v1\ntime ${TIME}\n${TEXT}`)
    expect(codeOf(() => verifyCosignature(TEXT, resigned(TIME, message), key))).toBe('SIGNATURE_INVALID')
  })
})

describe('a signed subtree', () => {
  const subtree = { start: 0x0102030405060, end: 0x0102030405070, hash: new Uint8Array(32).fill(9) }

  it('has the message of the specification, byte for byte, with the time 0', () => {
    const { name, keyId, bytes } = cosignSubtree('log.example', subtree, signer)
    expect([name, keyId, bytes.length]).toEqual([key.name, key.keyId, ML_DSA_COSIGNATURE_SIZE])
    expect(toHex(bytes.subarray(0, 8))).toBe('0000000000000000')
    const message = Buffer.concat([
      Buffer.from('subtree/v1\n\0'),
      Buffer.from('\x0cpq.example/w'),
      Buffer.alloc(8),
      Buffer.from('\x0blog.example'),
      Buffer.from('0000102030405060', 'hex'),
      Buffer.from('0000102030405070', 'hex'),
      Buffer.alloc(32, 9),
    ])
    expect(key.verify(message, bytes.subarray(8))).toBe(true)
  })

  it('is no cosignature of a checkpoint, even for the whole tree', () => {
    const { origin, size, root } = parseCheckpoint(TEXT)
    const whole = cosignSubtree(origin, { start: 0, end: size, hash: root }, signer)
    expect(codeOf(() => verifyCosignature(TEXT, whole, key))).toBe('COSIGNATURE_MALFORMED')
    const dated = { ...whole, bytes: concatBytes(uint64(TIME), whole.bytes.subarray(8)) }
    expect(codeOf(() => verifyCosignature(TEXT, dated, key))).toBe('SIGNATURE_INVALID')
  })

  it('cannot be made with an Ed25519 key, or for an origin that is too long', () => {
    const ed25519 = makeSignerKey('w', SIGNATURE_TYPES.cosignature, SEED)
    expect(codeOf(() => cosignSubtree('log.example', subtree, ed25519))).toBe('KEY_UNSUPPORTED')
    expect(codeOf(() => cosignSubtree('x'.repeat(256), subtree, signer))).toBe('KEY_UNSUPPORTED')
  })
})

describe('an ML-DSA-44 key', () => {
  it('has a fixed length, and an id that is checked', () => {
    for (const length of [0, 32, 1311, 1313]) {
      expect(codeOf(() => makeVerifierKey('x', SIGNATURE_TYPES.mlDsa, new Uint8Array(length)))).toBe('KEY_MALFORMED')
    }
    expect(codeOf(() => parseVerifierKey(key.vkey.replace(`+${key.keyId}+`, '+00000000+')))).toBe('KEY_MALFORMED')
    expect(parseVerifierKey(key.vkey)).toMatchObject({ name: key.name, keyId: key.keyId, vkey: key.vkey })
  })

  it('is written as its seed, and can be read again', () => {
    const line = formatSignerKey('pq.example/w', SIGNATURE_TYPES.mlDsa, SEED)
    expect(line.length).toBeLessThan(120)
    expect(parseSignerKey(line).verifier.vkey).toBe(key.vkey)
    expect(codeOf(() => parseSignerKey(line.replace(key.keyId, '00000000')))).toBe('KEY_MALFORMED')
  })
})

it('a key verifies what it signed, and nothing else', () => {
  const { verifier, sign } = makeSignerKey('pq.example/w', SIGNATURE_TYPES.mlDsa, SEED)
  const message = new Uint8Array(100).fill(1)
  const signature = sign(message)
  expect(verifier.verify(message, signature)).toBe(true)
  expect(sign(message), 'a promise that is kept again is kept with the same bytes').toEqual(signature)
  expect(verifier.verify(flipBit(message, 5), signature)).toBe(false)
  expect(verifier.verify(message, flipBit(signature, 5))).toBe(false)
  expect(verifier.verify(message, signature.subarray(1))).toBe(false)
  expect(verifier.verify(message, new Uint8Array([...signature, 0]))).toBe(false)
})
