import { describe, expect, it } from 'vitest'
import { fromHex, toHex, utf8 } from '../../src/tlog/bytes.js'
import { equationHolds, faultOfKey, LOW_ORDER_R } from '../../src/tlog/ed25519.js'
import * as nodeNative from '../../src/tlog/native.node.js'
import * as portable from '../../src/tlog/native.portable.js'
import { readVectors } from '../helpers/vectors.js'

interface Case {
  why: string
  publicKey: string
  message: string
  signature: string
  goAccepts: boolean
}

const { cases } = readVectors('ed25519.json') as { cases: Case[] }

describe.each([
  ['native.node', nodeNative],
  ['native.portable', portable],
])('Ed25519 of %s answers as Go does', (_name, native) => {
  it(`on all ${cases.length} cases`, () => {
    const disagreements = cases.filter((c) => {
      const verify = native.ed25519Verifier(fromHex(c.publicKey)!)
      return verify(fromHex(c.message)!, fromHex(c.signature)!) !== c.goAccepts
    })
    expect(disagreements.map((c) => c.why)).toEqual([])
  })

  it('and makes the signatures of RFC 8032, section 7.1', () => {
    const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')!
    const expected =
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'
    const { publicKey, sign } = native.ed25519Signer(seed)
    const signature = sign(new Uint8Array())
    expect(toHex(signature)).toBe(expected)
    expect(toHex(publicKey)).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
    expect(native.ed25519PublicKey(seed)).toEqual(publicKey)
    expect(native.ed25519Verifier(publicKey)(new Uint8Array(), signature)).toBe(true)
  })

  it('and hashes as in FIPS 180-4', () => {
    expect(toHex(native.sha256(utf8('abc')))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
    expect(toHex(native.sha256(new Uint8Array()))).toBe(
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
    )
  })
})

describe('the vectors', () => {
  it('have cases of both answers in every family', () => {
    const of = (part: string, goAccepts: boolean): number =>
      cases.filter((c) => c.why.includes(part) && c.goAccepts === goAccepts).length
    expect(of('honest, message', true)).toBe(5)
    expect(of('L', false)).toBeGreaterThan(15)
    expect(of('the torsion cancels', true)).toBeGreaterThan(20)
    expect(of('the torsion remains', false)).toBe(56)
    expect(of('equation holds', true)).toBeGreaterThan(40)
    expect(of('equation holds', false)).toBeGreaterThan(30)
    expect(of('equation fails', false)).toBeGreaterThan(150)
    expect(of('not canonical', false)).toBeGreaterThan(20)
  })
})

describe('points', () => {
  const generator = '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'

  it('of low order have eight canonical encodings', () => {
    expect(LOW_ORDER_R.size).toBe(8)
    expect(LOW_ORDER_R).toContain(generator)
    for (const hex of LOW_ORDER_R) expect(faultOfKey(fromHex(hex)!)).toBe('low order')
  })

  it('of low order are recognised among the keys of the vectors, whatever their encoding', () => {
    const low = new Set(
      cases.filter((c) => c.why.startsWith('key is') && c.why.includes('equation')).map((c) => c.publicKey),
    )
    expect(low.size).toBe(14)
    for (const hex of low) expect(faultOfKey(fromHex(hex)!)).toBe('low order')
    for (const c of cases)
      if (/^(honest|key with torsion)/.test(c.why)) expect(faultOfKey(fromHex(c.publicKey)!)).toBeUndefined()
  })

  it('are distinguished from bytes that encode none', () => {
    const none = cases.filter((c) => /^key .* is not a point$/.test(c.why))
    expect(none.length).toBe(6)
    for (const c of none) expect(faultOfKey(fromHex(c.publicKey)!)).toBe('no point')
    for (const bytes of [new Uint8Array(31), fromHex(`${generator}00`)!]) expect(faultOfKey(bytes)).toBe('no point')
  })

  it('of a wrong length are refused without an exception', () => {
    expect(equationHolds(new Uint8Array(31), new Uint8Array(), new Uint8Array(64))).toBe(false)
    expect(equationHolds(new Uint8Array(32), new Uint8Array(), new Uint8Array(63))).toBe(false)
    const { publicKey, message, signature } = cases.find((c) => c.goAccepts && c.message !== '')!
    const [key, text, right] = [publicKey, message, signature].map((hex) => fromHex(hex)!) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ]
    expect(equationHolds(key, text, right)).toBe(true)
    expect(equationHolds(Uint8Array.of(...key, 0), text, right)).toBe(false)
    expect(toHex(right), 'what is read stays as it is').toBe(signature)
  })

  it('are the same public keys on each platform', () => {
    for (let i = 0; i < 16; i++) {
      const seed = new Uint8Array(32).fill(i)
      expect(toHex(nodeNative.ed25519PublicKey(seed)), String(i)).toBe(toHex(portable.ed25519PublicKey(seed)))
    }
  })
})
