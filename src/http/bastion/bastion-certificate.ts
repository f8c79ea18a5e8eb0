/**
 * The certificate that a backend presents to a bastion (c2sp.org/https-bastion): self-signed X.509 (RFC 5280) with an
 * Ed25519 key (RFC 8410). Only the key in it is ever read, so all bytes except the key and the signature are constant.
 *
 * Pure.
 */
import { concatBytes, fromHex, toBase64 } from '../../tlog/bytes.js'

/** AlgorithmIdentifier of Ed25519, OID 1.3.101.112. */
const ED25519 = '300506032b6570'
/** A name with one attribute, CN=gossum. */
const NAME = '3011310f300d06035504030c06676f7373756d'
/** From 2020 to the date that means "no expiry", 9999-12-31 23:59:59. */
const VALIDITY = '3020170d3230303130313030303030305a180f39393939313233313233353935395a'
/** Version 3, serial number 1. */
const BEFORE = 'a003020102020101'

/** A PEM certificate for a raw 32-byte public key; `sign` makes its 64-byte Ed25519 signature. */
export function bastionCertificate(publicKey: Uint8Array, sign: (message: Uint8Array) => Uint8Array): string {
  const toBeSigned = sequence(hex(BEFORE + ED25519 + NAME + VALIDITY + NAME), sequence(hex(ED25519), bits(publicKey)))
  return pem('CERTIFICATE', sequence(toBeSigned, hex(ED25519), bits(sign(toBeSigned))))
}

/** A PEM private key (PKCS #8) for a 32-byte Ed25519 seed. */
export function privateKeyPem(seed: Uint8Array): string {
  return pem('PRIVATE KEY', concatBytes(hex('302e020100300506032b657004220420'), seed))
}

function hex(text: string): Uint8Array {
  return fromHex(text)!
}

/** A SEQUENCE of fewer than 65,536 bytes, with its length in the shortest form. */
function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  const body = concatBytes(...parts)
  const { length } = body
  const form = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return concatBytes(Uint8Array.of(0x30, ...form), body)
}

/** A BIT STRING of fewer than 127 whole bytes. */
function bits(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0x03, bytes.length + 1, 0), bytes)
}

function pem(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g)!
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
