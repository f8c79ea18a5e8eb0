import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/tlog/bytes.js'
import {
  formatSignerKey,
  keyIdNumber,
  makeSignerKey,
  makeVerifierKey,
  parseSignerKey,
  parseVerifierKey,
  SIGNATURE_TYPES,
  withType,
} from '../../src/tlog/note.js'
import { codeOf } from '../helpers/codes.js'
import { readVectors } from '../helpers/vectors.js'

const vectors = readVectors('vkeys.json') as {
  valid: { vkey: string; name: string; key_id: string; type: string; key_hex?: string; same_key_as_0x04_id?: string }[]
  invalid: { vkey: string; why: string }[]
  signers: { skey: string; vkey: string; seed_hex: string }[]
}

const isEd25519 = (type: string): boolean => type.includes('(0x01)') || type.includes('(0x04)')

describe('verifier keys', () => {
  it.each(vectors.valid.filter((v) => isEd25519(v.type)))('are read: $name ($type)', (v) => {
    const key = parseVerifierKey(v.vkey)
    expect(key).toMatchObject({ name: v.name, keyId: v.key_id, vkey: v.vkey })
    expect(toHex(key.publicKey)).toBe(v.key_hex)
    expect(key.type).toBe(v.type.includes('(0x01)') ? SIGNATURE_TYPES.ed25519 : SIGNATURE_TYPES.cosignature)
    if (v.same_key_as_0x04_id !== undefined)
      expect(withType(key, SIGNATURE_TYPES.cosignature).keyId).toBe(v.same_key_as_0x04_id)
    expect(withType(key, key.type)).toBe(key)
    expect(keyIdNumber(key.keyId)).toBe(Number.parseInt(v.key_id, 16))
  })

  it('can be read for ML-DSA-44, and are unsupported for other types', () => {
    const isMlDsa = (type: string): boolean => type.includes('(0x06)')
    const mlDsa = vectors.valid.filter((v) => isMlDsa(v.type))
    expect(mlDsa.length).toBeGreaterThan(0)
    for (const { vkey, name, key_id } of mlDsa) {
      const key = parseVerifierKey(vkey)
      expect(key).toMatchObject({ name, keyId: key_id, vkey, type: SIGNATURE_TYPES.mlDsa })
      expect(key.publicKey).toHaveLength(1312)
    }
    const others = vectors.valid.filter((v) => !isEd25519(v.type) && !isMlDsa(v.type))
    expect(others.length + mlDsa.length).toBe(5)
    for (const v of others) expect(codeOf(() => parseVerifierKey(v.vkey))).toBe('KEY_UNSUPPORTED')
  })

  it.each(vectors.invalid)('are refused: $why', (v) => {
    expect(['KEY_MALFORMED', 'KEY_UNSUPPORTED']).toContain(codeOf(() => parseVerifierKey(v.vkey)))
  })

  it('may have their id in either case, as in Go, and are written in lower case', () => {
    const { vkey } = vectors.valid[0]!
    expect(parseVerifierKey(vkey.replace('033de0ae', '033DE0AE')).vkey).toBe(vkey)
  })

  it('are cut at the first two plus signs, because base64 may have more', () => {
    const vkey = 'example.org/key+57bfe580+BAFFLINGNESS+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
    expect(parseVerifierKey(vkey)).toMatchObject({ name: 'example.org/key', keyId: '57bfe580', vkey })
  })

  it('are refused if anyone can sign for them', () => {
    const identity = fromHex(`01${'00'.repeat(31)}`)!
    expect(codeOf(() => makeVerifierKey('weak', SIGNATURE_TYPES.ed25519, identity))).toBe('KEY_WEAK')
  })

  it.each(['', 'a b', 'a+b', 'a\u0085b', 'a\u00a0', '\u2003x', 'a\u3000b'])('are refused with the name %j', (name) => {
    const { publicKey } = parseVerifierKey(vectors.valid[0]!.vkey)
    expect(codeOf(() => makeVerifierKey(name, SIGNATURE_TYPES.ed25519, publicKey))).toBe('KEY_MALFORMED')
  })

  it.each(['a\ufeffb', 'ключ', 'a/b:c', '\u200b'])('may have the name %j, as in Go', (name) => {
    const { publicKey } = parseVerifierKey(vectors.valid[0]!.vkey)
    expect(makeVerifierKey(name, SIGNATURE_TYPES.ed25519, publicKey).name).toBe(name)
  })
})

describe('signer keys', () => {
  it.each(vectors.signers)('are read and written: $vkey', (v) => {
    const signer = parseSignerKey(v.skey)
    expect(signer.verifier.vkey).toBe(v.vkey)
    const { name, type } = signer.verifier
    expect(formatSignerKey(name, type, fromHex(v.seed_hex)!)).toBe(v.skey)
    const message = Uint8Array.of(1, 2, 3)
    expect(parseVerifierKey(v.vkey).verify(message, signer.sign(message))).toBe(true)
  })

  it('are never repeated in an error', () => {
    const { skey, seed_hex } = vectors.signers[0]!
    const secret = skey.split('+').slice(4).join('+')
    const bad = [
      skey.replace('PRIVATE+KEY+', 'PRIVATE+'),
      skey.replace('c74f20a3', 'c74f20a4'),
      `${skey}AAAA`,
      skey.slice(0, -4),
      skey.replace('PeterNeumann', 'Peter Neumann'),
    ]
    for (const text of bad) {
      expect(codeOf(() => parseSignerKey(text))).toBe('KEY_MALFORMED')
      try {
        parseSignerKey(text)
      } catch (error) {
        expect(String(error)).not.toContain(secret.slice(0, 12))
        expect(String(error)).not.toContain(seed_hex.slice(0, 12))
      }
    }
  })

  it('are refused with a seed of another length', () => {
    expect(codeOf(() => makeSignerKey('x', SIGNATURE_TYPES.ed25519, new Uint8Array(31)))).toBe('KEY_MALFORMED')
  })
})
