import { defaultCrypto } from '@libp2p/noise/crypto'
import { describe, expect, it } from 'vitest'
import { noiseCrypto } from '../../../src/gossip/host/noise-crypto.js'

const secret = (by: typeof defaultCrypto, privateKey: Uint8Array, publicKey: Uint8Array): string =>
  Buffer.from(by.generateX25519SharedKey(privateKey, publicKey)).toString('hex')

describe('the exchange of keys', () => {
  it('comes to the same as that of libp2p, with keys made here or there', () => {
    const [ours, theirs] = [noiseCrypto.generateX25519KeyPair(), defaultCrypto.generateX25519KeyPair()]
    const all = [
      secret(noiseCrypto, ours.privateKey.subarray(), theirs.publicKey.subarray()),
      secret(noiseCrypto, ours.privateKey, theirs.publicKey),
      secret(noiseCrypto, theirs.privateKey, ours.publicKey),
      secret(defaultCrypto, ours.privateKey, theirs.publicKey),
      secret(defaultCrypto, theirs.privateKey, ours.publicKey),
    ]
    expect(new Set(all).size).toBe(1)
    expect(all[0]).toMatch(/^[0-9a-f]{64}$/)
  })

  it('makes another key each time, and both sides come to one secret', () => {
    const [one, two] = [noiseCrypto.generateX25519KeyPair(), noiseCrypto.generateX25519KeyPair()]
    expect(Buffer.from(one.publicKey.subarray()).equals(two.publicKey.subarray())).toBe(false)
    expect(secret(noiseCrypto, one.privateKey, two.publicKey)).toBe(secret(noiseCrypto, two.privateKey, one.publicKey))
  })

  it.each([
    ['nothing', 0],
    ['31 bytes', 31],
    ['33 bytes', 33],
    ['zeros, whose secret everybody knows', 32],
  ])('is refused with %s', (_, length) => {
    const { privateKey } = noiseCrypto.generateX25519KeyPair()
    expect(() => secret(noiseCrypto, privateKey, new Uint8Array(length))).toThrow()
    expect(() => secret(defaultCrypto, privateKey, new Uint8Array(length))).toThrow()
  })
})
