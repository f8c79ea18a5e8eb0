/**
 * OpenSSH's private key files ("openssh-key-v1", PROTOCOL.key of OpenSSH): one unencrypted Ed25519 key. Everything that
 * a file contains twice is compared, so that a damaged file does not yield a witness with an unexpected key.
 *
 * Pure.
 */
import { ed25519PublicKey } from '#native'
import { GossumError, HintedError } from '../../errors.js'
import { equalBytes, fromBase64, utf8 } from '../../tlog/bytes.js'
import { ED25519, SshReader } from './ssh-wire.js'

const ARMOUR = /^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END OPENSSH PRIVATE KEY-----\n*$/
const MAGIC = utf8('openssh-key-v1\0')
/** The secret part is padded to a multiple of this, which is 8 without a cipher. */
const BLOCK_SIZE = 8

const ENCRYPTED_HINT =
  'load it into ssh-agent with ssh-add, then: gossum key import --ssh-agent --name NAME (docs/operating.md)'

/** Whether a file looks like an OpenSSH private key, valid or not. */
export function isOpenSshKey(text: string): boolean {
  return text.startsWith('-----BEGIN OPENSSH PRIVATE KEY-----')
}

function malformed(why: string): GossumError {
  return new GossumError('KEY_MALFORMED', why)
}

/** The 32-byte seed of the key in such a file. Throws KEY_MALFORMED, without ever quoting the secret. */
export function parseOpenSshKey(text: string): Uint8Array {
  const armoured = ARMOUR.exec(text.replaceAll('\r\n', '\n'))
  const bytes = armoured === null ? undefined : fromBase64(armoured[1]!.replaceAll('\n', ''))
  if (bytes === undefined) throw malformed('the lines between BEGIN and END are damaged')
  const reader = new SshReader(bytes)
  if (!equalBytes(reader.take(MAGIC.length), MAGIC)) throw malformed('not "openssh-key-v1"')
  const [cipher, kdf] = [reader.text(), reader.text()]
  if (cipher !== 'none' || kdf !== 'none') {
    throw new HintedError(malformed('it is encrypted, which only ssh-agent supports'), ENCRYPTED_HINT)
  }
  if (reader.string().length > 0) throw malformed('it has a key derivation without a cipher')
  const count = reader.uint32()
  if (count !== 1) throw malformed(`it holds ${count} keys, not one`)
  const publicKey = publicKeyOf(new SshReader(reader.string()))
  const secret = reader.string()
  if (reader.left > 0) throw malformed(`${reader.left} bytes after its end`)
  return seedOf(secret, publicKey)
}

/** The one public key of a blob. */
function publicKeyOf(reader: SshReader): Uint8Array {
  const publicKey = ed25519Key(reader)
  if (reader.left > 0) throw malformed('bytes after the public key')
  return publicKey
}

function ed25519Key(reader: SshReader): Uint8Array {
  const type = reader.text()
  if (type !== ED25519) throw malformed(`a key of type ${JSON.stringify(type?.slice(0, 40))}, not ${ED25519}`)
  const publicKey = reader.string()
  if (publicKey.length !== 32) throw malformed('the public key is not 32 bytes long')
  return publicKey
}

function seedOf(secret: Uint8Array, publicKey: Uint8Array): Uint8Array {
  if (secret.length % BLOCK_SIZE !== 0) throw malformed('the secret part is not a whole number of blocks')
  const reader = new SshReader(secret)
  // With a cipher, their equality shows that the passphrase is right; without one, that the file is intact.
  if (reader.uint32() !== reader.uint32()) throw malformed('its check numbers differ')
  const inner = ed25519Key(reader)
  const pair = reader.string()
  if (pair.length !== 64) throw malformed('the private key is not 64 bytes long')
  reader.string() // The comment.
  const padding = reader.take(reader.left)
  if (padding.length >= BLOCK_SIZE || padding.some((byte, i) => byte !== i + 1)) throw malformed('its padding is wrong')
  const seed = pair.slice(0, 32)
  const derived = ed25519PublicKey(seed)
  if (![publicKey, inner, pair.slice(32)].every((written) => equalBytes(written, derived))) {
    throw malformed('the public key does not belong to the private key')
  }
  return seed
}
