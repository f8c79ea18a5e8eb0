import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { bastionCertificate, privateKeyPem } from '../../../src/http/bastion/bastion-certificate.js'

test('the certificate is valid, contains the key, and is signed with it', () => {
  for (let i = 0; i < 16; i++) {
    const { x, d } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
    const privateKey = createPrivateKey(privateKeyPem(Buffer.from(d!, 'base64url')))
    expect(privateKey.export({ format: 'jwk' })).toMatchObject({ x, d })
    const pem = bastionCertificate(Buffer.from(x!, 'base64url'), (message) => sign(null, message, privateKey))
    const certificate = new X509Certificate(pem)
    expect(certificate.publicKey.export({ format: 'jwk' }).x).toBe(x)
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.subject).toBe('CN=gossum')
    expect(Date.parse(certificate.validFrom)).toBe(Date.UTC(2020, 0, 1))
    expect(certificate.validTo).toBe('Dec 31 23:59:59 9999 GMT')
  }
})
