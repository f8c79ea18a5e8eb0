/**
 * OpenSSH's private key files ("openssh-key-v1", PROTOCOL.key of OpenSSH): one unencrypted Ed25519 key. Everything that
 * a file says twice is compared, so that a damaged one does not make a witness with another key than its owner thinks.
 *
 * Pure.
 */
import { GossumError, HintedError } from '../../errors.js'
import { equalBytes, fromBase64, utf8 } from '../../tlog/bytes.js'
import { ed25519PublicKey } from '../../tlog/ed25519.js'
import { ED25519, SshReader } from './ssh-wire.js'

const ARMOUR = /^-----BEGIN OPENSSH PRIVATE KEY-----\n([A-Za-z0-9+/=\n]+)\n-----END OPENSSH PRIVATE KEY-----\n*$/
const MAGIC = utf8('openssh-key-v1\0')
/** Padding fills the secret part up to a multiple of this; without a cipher it is 8. */
const BLOCK_SIZE = 8

const ENCRYPTED_HINT =
  'load it into ssh-agent with ssh-add, then: gossum key import --ssh-agent --name NAME (docs/operating.md)'

/** Whether a file looks like one, whatever is in it. */
export function isOpenSshKey(text: string): boolean {
  return text.startsWith('-----BEGIN OPENSSH PRIVATE KEY-----')
}

function malformed(why: string): GossumError {
  return new GossumError('KEY_MALFORMED', why)
}

/** The 32-byte seed of the key in such a file. Throws KEY_MALFORMED, without ever repeating the secret. */
export function parseOpenSshKey(text: string): Uint8Array {
  const armoured = ARMOUR.exec(text.replaceAll('\r\n', '\n'))
  const bytes = armoured === null ? undefined : fromBase64(armoured[1]!.replaceAll('\n', ''))
  if (bytes === undefined) throw malformed('the lines between BEGIN and END are damaged')
  const reader = new SshReader(bytes)
  if (!equalBytes(reader.take(MAGIC.length), MAGIC)) throw malformed('not "openssh-key-v1"')
  const [cipher, kdf] = [reader.text(), reader.text()]
  if (cipher !== 'none' || kdf !== 'none') {
    throw new HintedError(malformed('it is encrypted, which is read by ssh-agent only'), ENCRYPTED_HINT)
  }
  if (reader.string().length > 0) throw malformed('it has a key derivation without a cipher')
  const count = reader.uint32()
  if (count !== 1) throw malformed(`it holds ${count} keys, not one`)
  const publicKey = publicKeyOf(new SshReader(reader.string()))
  const secret = reader.string()
  if (reader.left > 0) throw malformed(`${reader.left} bytes behind its end`)
  return seedOf(secret, publicKey)
}

/** The one public key of a blob. */
function publicKeyOf(reader: SshReader): Uint8Array {
  const publicKey = ed25519Key(reader)
  if (reader.left > 0) throw malformed('bytes behind the public key')
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
  if (secret.length % BLOCK_SIZE !== 0) throw malformed('the secret part has no whole blocks')
  const reader = new SshReader(secret)
  // With a cipher the two would tell whether the passphrase is right; without one, whether the file is whole.
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
    throw malformed('the public key is not that of the private key')
  }
  return seed
}
