import { describe, expect, it } from 'vitest'
import { HintedError } from '../../../src/errors.js'
import { parseOpenSshKey } from '../../../src/keys/ssh/openssh-key.js'
import { publicKeyBlob, sshString, uint32 } from '../../../src/keys/ssh/ssh-wire.js'
import { concatBytes, toBase64, utf8 } from '../../../src/tlog/bytes.js'
import { ed25519PublicKey } from '../../../src/tlog/native.node.js'
import { codeOf } from '../../helpers/codes.js'
import { HAS_OPENSSH, newSshKey } from '../../helpers/openssh.js'

const SEED = Uint8Array.from({ length: 32 }, (_, i) => i + 100)
const PUBLIC = ed25519PublicKey(SEED)
const OTHER = ed25519PublicKey(new Uint8Array(32).fill(9))

interface Parts {
  cipher?: string
  kdf?: string
  options?: string
  count?: number
  outer?: Uint8Array
  checks?: [number, number]
  type?: string
  inner?: Uint8Array
  pair?: Uint8Array
  comment?: string
  padding?: number[]
  tail?: Uint8Array
}

function secretOf(parts: Parts): Uint8Array {
  const [first, second] = parts.checks ?? [7, 7]
  const body = concatBytes(
    ...[uint32(first), uint32(second), sshString(parts.type ?? 'ssh-ed25519'), sshString(parts.inner ?? PUBLIC)],
    ...[sshString(parts.pair ?? concatBytes(SEED, PUBLIC)), sshString(parts.comment ?? 'me@here')],
  )
  const missing = (8 - (body.length % 8)) % 8
  return concatBytes(body, Uint8Array.from(parts.padding ?? Array.from({ length: missing }, (_, i) => i + 1)))
}

function bytesOf(parts: Parts): Uint8Array {
  return concatBytes(
    ...[utf8('openssh-key-v1\0'), sshString(parts.cipher ?? 'none'), sshString(parts.kdf ?? 'none')],
    ...[sshString(parts.options ?? ''), uint32(parts.count ?? 1), sshString(parts.outer ?? publicKeyBlob(PUBLIC))],
    ...[sshString(secretOf(parts)), parts.tail ?? new Uint8Array()],
  )
}

function armour(bytes: Uint8Array): string {
  const lines = toBase64(bytes)
    .match(/.{1,70}/g)!
    .join('\n')
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines}\n-----END OPENSSH PRIVATE KEY-----\n`
}

describe('an OpenSSH private key', () => {
  it('contains its seed', () => {
    expect(parseOpenSshKey(armour(bytesOf({})))).toEqual(SEED)
    expect(parseOpenSshKey(armour(bytesOf({ comment: 'x'.repeat(300) })))).toEqual(SEED)
    expect(parseOpenSshKey(armour(bytesOf({})).replaceAll('\n', '\r\n'))).toEqual(SEED)
  })

  it.runIf(HAS_OPENSSH).each([[''], ['a comment'], ['exactly'], ['1234567'], ['12345678']])(
    'by ssh-keygen contains the seed of its .pub file, whatever its padding (comment %j)',
    (comment) => {
      const key = newSshKey('-C', comment)
      expect(ed25519PublicKey(parseOpenSshKey(key.text))).toEqual(key.publicKey)
    },
  )

  it.runIf(HAS_OPENSSH)('by ssh-keygen that is encrypted or of another type is refused with an explanation', () => {
    const encrypted = newSshKey('-N', 'a passphrase', '-a', '1')
    let error: unknown
    try {
      parseOpenSshKey(encrypted.text)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(HintedError)
    expect((error as HintedError).detail).toContain('encrypted')
    expect((error as HintedError).hint).toContain('ssh-agent')
    for (const kind of ['ecdsa', 'rsa']) {
      expect(() => parseOpenSshKey(newSshKey('-t', kind).text)).toThrow(/ssh-ed25519/)
    }
  })

  it.each<[string, Parts, RegExp]>([
    ['a cipher', { cipher: 'aes256-ctr', kdf: 'bcrypt' }, /encrypted/],
    ['a key derivation without a cipher', { options: 'salt' }, /derivation/],
    ['two keys', { count: 2 }, /2 keys/],
    ['no key', { count: 0 }, /0 keys/],
    ['check numbers that differ', { checks: [1, 2] }, /check numbers/],
    ['another type inside', { type: 'ssh-rsa' }, /ssh-rsa/],
    ['another public key outside', { outer: publicKeyBlob(OTHER) }, /does not belong to the private key/],
    ['another public key inside', { inner: OTHER }, /does not belong to the private key/],
    ['another public key behind the seed', { pair: concatBytes(SEED, OTHER) }, /does not belong to the private key/],
    ['a public key of 31 bytes', { outer: publicKeyBlob(PUBLIC.slice(1)) }, /not 32 bytes/],
    ['bytes after the public key', { outer: concatBytes(publicKeyBlob(PUBLIC), uint32(0)) }, /after the public key/],
    ['a private key of 32 bytes', { pair: SEED }, /not 64 bytes/],
    ['invalid padding', { comment: '', padding: [1, 2, 3, 4, 0] }, /padding is wrong/],
    ['a whole block of padding', { comment: '12345', padding: [1, 2, 3, 4, 5, 6, 7, 8] }, /padding is wrong/],
    ['half a block', { padding: [] }, /whole number of blocks/],
    ['bytes after its end', { tail: Uint8Array.of(0) }, /1 bytes after/],
  ])('with %s is refused', (_what, parts, why) => {
    expect(codeOf(() => parseOpenSshKey(armour(bytesOf(parts))))).toBe('KEY_MALFORMED')
    expect(() => parseOpenSshKey(armour(bytesOf(parts)))).toThrow(why)
  })

  it('that is truncated, or changed anywhere but in its comment, is refused without showing the secret', () => {
    const whole = bytesOf({})
    for (let length = 1; length < whole.length; length++) {
      expect(
        codeOf(() => parseOpenSshKey(armour(whole.slice(0, length)))),
        String(length),
      ).toBe('KEY_MALFORMED')
    }
    const comment = whole.length - 6 - 'me@here'.length
    const secret = toBase64(SEED).slice(5, 30)
    for (let at = 0; at < whole.length; at++) {
      // The characters of a comment do not matter.
      if (at >= comment && at < comment + 'me@here'.length) continue
      const changed = whole.slice()
      changed[at]! ^= 0x81
      let message: string | undefined
      try {
        parseOpenSshKey(armour(changed))
      } catch (error) {
        message = (error as Error).message
      }
      expect(message, `byte ${at}`).toBeDefined()
      expect(message).not.toContain(secret)
    }
  })

  it('with false lengths is refused at once', () => {
    for (const length of [0xffffffff, 0x7fffffff, 0x80000000, 1 << 20]) {
      const lying = concatBytes(utf8('openssh-key-v1\0'), uint32(length), utf8('none'))
      expect(codeOf(() => parseOpenSshKey(armour(lying)))).toBe('KEY_MALFORMED')
    }
  })

  it.each([
    '',
    '-----BEGIN OPENSSH PRIVATE KEY-----\n',
    armour(utf8('x')) + 'more',
    armour(utf8('x')).replace('eA', '!!'),
  ])('with the text %j is refused', (text) => {
    expect(codeOf(() => parseOpenSshKey(text))).toBe('KEY_MALFORMED')
  })
})

it.runIf(process.env['REQUIRE_PEERS'] === '1')('OpenSSH is available, as REQUIRE_PEERS demands', () => {
  expect(HAS_OPENSSH).toBe(true)
})
