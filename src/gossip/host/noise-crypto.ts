/**
 * The cryptography of noise, with the keys of a handshake parsed once. For each of the three exchanges of a handshake,
 * libp2p encodes the private key as DER and has OpenSSL parse it again, which takes four times as long as the exchange.
 * Everything else is libp2p's own.
 */
import { defaultCrypto } from '@libp2p/noise/crypto'
import { createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from 'node:crypto'

type NoiseCrypto = typeof defaultCrypto

/** Private keys that were made here, by the bytes by which noise refers to them, for as long as those exist. */
const made = new WeakMap<object, KeyObject>()

export const noiseCrypto: NoiseCrypto = {
  ...defaultCrypto,
  generateX25519KeyPair: () => {
    const { privateKey: key } = generateKeyPairSync('x25519')
    const { x, d } = key.export({ format: 'jwk' })
    const [publicKey, privateKey] = [Buffer.from(x!, 'base64url'), Buffer.from(d!, 'base64url')]
    made.set(privateKey, key)
    return { publicKey, privateKey }
  },
  generateX25519SharedKey: (privateKey, publicKey) => {
    const key = made.get(privateKey)
    if (key === undefined) return defaultCrypto.generateX25519SharedKey(privateKey, publicKey)
    const x = Buffer.from(publicKey.subarray()).toString('base64url')
    return diffieHellman({
      privateKey: key,
      // Throws unless it has 32 bytes.
      publicKey: createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' }),
    })
  },
}
