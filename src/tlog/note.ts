/**
 * Signed notes and their keys (c2sp.org/signed-note, golang.org/x/mod/sumdb/note): text, an empty line, and lines of em
 * dash, key name and base64 of key id and signature.
 *
 * One parser serves two levels of strictness. It accepts what the go command reads. isCanonical tells whether the bytes
 * are also exactly what formatNote writes, the only form that a witness signs.
 *
 * Pure.
 */
import { ed25519Signer, ed25519Verifier } from '#native'
import { GossumError } from '../errors.js'
import { concatBytes, equalBytes, fromBase64, fromHex, fromUtf8, readUint32, toBase64, toHex, utf8 } from './bytes.js'
import { faultOfKey } from './ed25519.js'
import { sha256 } from './hash.js'
import { ML_DSA_KEY_SIZE, mlDsaSigner, mlDsaVerifier } from './ml-dsa.js'

/** The largest note that is passed on, in bytes: the size of a gossip message. */
export const MAX_NOTE_BYTES = 64 * 1024
/**
 * The largest note that is read, in bytes: the 1,000,000 bytes of text that the go command accepts, plus lines of
 * witnesses.
 */
export const MAX_READ_NOTE_BYTES = 1024 * 1024
/** The most signature lines a note may have; the go command's bound. */
export const MAX_SIGNATURES = 100

/** Signature types (c2sp.org/signed-note): the byte in front of the public key. */
export const SIGNATURE_TYPES = { ed25519: 0x01, cosignature: 0x04, mlDsa: 0x06 } as const
export type SignatureType = (typeof SIGNATURE_TYPES)[keyof typeof SIGNATURE_TYPES]
/** The types of witness keys. */
const WITNESS_TYPES: readonly SignatureType[] = [SIGNATURE_TYPES.cosignature, SIGNATURE_TYPES.mlDsa]

export interface Signature {
  /** Key name. */
  readonly name: string
  /** Key id: 4 bytes as 8 lower-case hex digits. */
  readonly keyId: string
  /** What follows the key id, at least 1 byte: 64 for a log's Ed25519 line, 8 + 64 or 8 + 2420 for a cosignature. */
  readonly bytes: Uint8Array
}

export interface Note {
  /** The signed text, including its final newline. */
  readonly text: string
  /** The lines in order, including those of unknown keys. */
  readonly signatures: readonly Signature[]
}

export interface VerifierKey {
  readonly name: string
  /** 4 bytes as 8 lower-case hex digits. */
  readonly keyId: string
  readonly type: SignatureType
  /** 32 bytes for Ed25519, 1312 for ML-DSA-44. */
  readonly publicKey: Uint8Array
  /** The key as text: name+keyId+base64. */
  readonly vkey: string
  /** Verifies a signature over a message: 64 bytes for Ed25519, by Go's rule, or 2420 for ML-DSA-44. */
  readonly verify: (message: Uint8Array, signature: Uint8Array) => boolean
}

/** Makes the signatures of a key: synchronously, or elsewhere, where it takes time and may fail. */
export interface Signer {
  readonly verifier: VerifierKey
  /** Signs a message: 64 bytes for Ed25519, or 2420 for ML-DSA-44. */
  readonly sign: (message: Uint8Array) => Uint8Array | Promise<Uint8Array>
  /** Why nothing can be signed now, for signers that may fail. */
  readonly unavailable?: GossumError | undefined
}

/** A signer that holds its own private key. */
export interface SignerKey extends Signer {
  readonly verifier: VerifierKey
  /** Signs a message: 64 bytes for Ed25519, or 2420 for ML-DSA-44. */
  readonly sign: (message: Uint8Array) => Uint8Array
}

// ---- keys ------------------------------------------------------------------------------------------------------

/** Whether a key may have this name: at least one character, no Unicode white space, no plus sign. */
export function isKeyName(name: string): boolean {
  // SPEC: c2sp.org/signed-note, Format: a key name is not empty and has no Unicode spaces and no plus sign.
  return name !== '' && !name.includes('+') && !/\p{White_Space}/u.test(name)
}

/** The id of a key: the first 4 bytes of SHA-256(name, line feed, type, public key), in hex. */
function keyIdOf(name: string, type: number, publicKey: Uint8Array): string {
  // SPEC: c2sp.org/signed-note, Signatures: the key ID is SHA-256(name || 0x0A || type || public key)[:4].
  return toHex(sha256(concatBytes(utf8(`${name}\n`), Uint8Array.of(type), publicKey)).subarray(0, 4))
}

/** Makes a verifier key from its parts. Throws KEY_MALFORMED, or KEY_WEAK for a public key of low order. */
export function makeVerifierKey(name: string, type: SignatureType, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name)) throw new GossumError('KEY_MALFORMED', `key name ${JSON.stringify(name)}`)
  const verify = type === SIGNATURE_TYPES.mlDsa ? mlDsaKey(name, publicKey) : ed25519Key(name, publicKey)
  const keyId = keyIdOf(name, type, publicKey)
  const vkey = `${name}+${keyId}+${toBase64(concatBytes(Uint8Array.of(type), publicKey))}`
  return { name, keyId, type, publicKey, vkey, verify }
}

function ed25519Key(name: string, publicKey: Uint8Array): VerifierKey['verify'] {
  const fault = faultOfKey(publicKey)
  if (fault === 'no point') throw new GossumError('KEY_MALFORMED', `${name}: not an Ed25519 public key`)
  if (fault === 'low order') throw new GossumError('KEY_WEAK', name)
  return ed25519Verifier(publicKey)
}

/** Any bytes of the right length are a public key of ML-DSA-44. */
function mlDsaKey(name: string, publicKey: Uint8Array): VerifierKey['verify'] {
  // What is signed has room for a name of 255 bytes.
  // SPEC: c2sp.org/tlog-cosignature: opaque cosigner_name<1..2^8-1>.
  if (utf8(name).length > 255) throw new GossumError('KEY_MALFORMED', 'a name of more than 255 bytes')
  if (publicKey.length === ML_DSA_KEY_SIZE) return mlDsaVerifier(publicKey)
  throw new GossumError('KEY_MALFORMED', `${name}: not an ML-DSA-44 public key`)
}

/** Whether this is the key of a witness, whose lines are cosignatures. */
export function isWitnessKey({ type }: VerifierKey): boolean {
  return WITNESS_TYPES.includes(type)
}

/**
 * Reads a verifier key, `name+keyId+base64(type || public key)`. Throws KEY_MALFORMED, KEY_WEAK, or
 * KEY_UNSUPPORTED for a type other than 0x01, 0x04 and 0x06.
 */
export function parseVerifierKey(vkey: string): VerifierKey {
  const first = vkey.indexOf('+')
  const second = vkey.indexOf('+', first + 1)
  const name = vkey.slice(0, first)
  const keyId = vkey.slice(first + 1, second)
  const key = second === -1 ? undefined : fromBase64(vkey.slice(second + 1))
  if (first < 1 || !isKeyName(name) || !/^[0-9a-fA-F]{8}$/.test(keyId) || key === undefined || key.length === 0) {
    throw new GossumError('KEY_MALFORMED', JSON.stringify(vkey.slice(0, 200)))
  }
  const type = typeOf(key)
  if (type === undefined) {
    throw new GossumError('KEY_UNSUPPORTED', `${name} has type 0x${toHex(key.subarray(0, 1))}`)
  }
  const verifier = makeVerifierKey(name, type, key.slice(1))
  // SPEC: c2sp.org/signed-note, Verifier keys: the key ID in a vkey is that of its name, type and key.
  if (verifier.keyId !== keyId.toLowerCase()) {
    throw new GossumError('KEY_MALFORMED', `${name}: the id should be ${verifier.keyId}, not ${keyId}`)
  }
  return verifier
}

/** The type with which a key begins; undefined for one that is unknown here. */
function typeOf(key: Uint8Array): SignatureType | undefined {
  return Object.values(SIGNATURE_TYPES).find((known) => known === key[0])
}

/** The same public key under another signature type; its id differs. */
export function withType(key: VerifierKey, type: SignatureType): VerifierKey {
  return key.type === type ? key : makeVerifierKey(key.name, type, key.publicKey)
}

/** Makes a signer from a 32-byte seed. */
export function makeSignerKey(name: string, type: SignatureType, seed: Uint8Array): SignerKey {
  if (seed.length !== 32) throw new GossumError('KEY_MALFORMED', `a seed is 32 bytes, not ${seed.length}`)
  const { publicKey, sign } = type === SIGNATURE_TYPES.mlDsa ? mlDsaSigner(seed) : ed25519Signer(seed)
  return { verifier: makeVerifierKey(name, type, publicKey), sign }
}

/** A signer as secret text (the form of Go's note library): `PRIVATE+KEY+name+keyId+base64(type || seed)`. */
export function formatSignerKey(name: string, type: SignatureType, seed: Uint8Array): string {
  const { verifier } = makeSignerKey(name, type, seed)
  return `PRIVATE+KEY+${name}+${verifier.keyId}+${toBase64(concatBytes(Uint8Array.of(type), seed))}`
}

/** Reads a signer key that formatSignerKey wrote. Throws KEY_MALFORMED, never repeating the secret. */
export function parseSignerKey(skey: string): SignerKey {
  return readSignerKey(skey).signer
}

/** The secret text of the same seed under another name and type. Throws like parseSignerKey. */
export function respellSignerKey(skey: string, name: string, type: SignatureType): string {
  return formatSignerKey(name, type, readSignerKey(skey).seed)
}

function readSignerKey(skey: string): { signer: SignerKey; seed: Uint8Array } {
  const match = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-fA-F]{8})\+(.+)$/.exec(skey)
  const key = match === null ? undefined : fromBase64(match[3]!)
  const type = key && typeOf(key)
  if (match === null || key?.length !== 33 || type === undefined) {
    throw new GossumError('KEY_MALFORMED', 'not a signer key (PRIVATE+KEY+name+id+base64)')
  }
  const seed = key.slice(1)
  const signer = makeSignerKey(match[1]!, type, seed)
  if (signer.verifier.keyId !== match[2]!.toLowerCase())
    throw new GossumError('KEY_MALFORMED', 'the id is not that of the key')
  return { signer, seed }
}

// ---- notes -----------------------------------------------------------------------------------------------------

const SIGNATURE_PREFIX = '— '

/** Whether the text has only code points that a note may contain: none below U+0020 except the newline. */
function isNoteText(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    // SPEC: c2sp.org/signed-note, Format: no ASCII control characters (below U+0020) other than newline.
    if (unit < 0x20 && unit !== 0x0a) return false
  }
  return true
}

/** Reads one signature line, without its newline; undefined if it is not one. */
export function parseSignatureLine(line: string): Signature | undefined {
  if (!line.startsWith(SIGNATURE_PREFIX)) return undefined
  const rest = line.slice(SIGNATURE_PREFIX.length)
  const space = rest.indexOf(' ')
  if (space === -1) return undefined
  const name = rest.slice(0, space)
  const blob = fromBase64(rest.slice(space + 1))
  // SPEC: c2sp.org/signed-note, Format: em dash, space, key name, space, base64(4-byte key ID || signature).
  if (!isKeyName(name) || blob === undefined || blob.length < 5) return undefined
  return { name, keyId: toHex(blob.subarray(0, 4)), bytes: blob.slice(4) }
}

/**
 * Reads a note of at most `most` bytes, like the go command. Throws NOTE_MALFORMED or NOTE_TOO_LARGE; verifies nothing.
 */
export function parseNote(message: Uint8Array, most = MAX_READ_NOTE_BYTES): Note {
  if (message.length > most) throw new GossumError('NOTE_TOO_LARGE', `${message.length} bytes`)
  const decoded = fromUtf8(message)
  if (decoded === undefined || !isNoteText(decoded)) {
    throw new GossumError('NOTE_MALFORMED', 'not UTF-8, or it has control characters')
  }
  // SPEC: c2sp.org/signed-note, Format: the last empty line separates the text from the signature lines.
  const cut = decoded.lastIndexOf('\n\n')
  const block = decoded.slice(cut + 2)
  if (cut === -1 || !block.endsWith('\n')) throw new GossumError('NOTE_MALFORMED', 'no signature lines at the end')
  const lines = block.slice(0, -1).split('\n')
  // SPEC: c2sp.org/signed-note, Signatures: at least 16 are supported; a limit on their number is advised.
  if (lines.length > MAX_SIGNATURES) throw new GossumError('NOTE_MALFORMED', `${lines.length} signature lines`)
  const signatures = lines.map((line, i) => {
    const signature = parseSignatureLine(line)
    if (signature === undefined) throw new GossumError('NOTE_MALFORMED', `signature line ${i + 1}`)
    return signature
  })
  return { text: decoded.slice(0, cut + 1), signatures }
}

/** Writes one signature line, including its newline. */
export function formatSignature(signature: Signature): string {
  const blob = concatBytes(fromHex(signature.keyId)!, signature.bytes)
  return `${SIGNATURE_PREFIX}${signature.name} ${toBase64(blob)}\n`
}

/** Writes a note: the only canonical form of its text and signatures. */
export function formatNote(note: Note): Uint8Array {
  return utf8(spellNote(note))
}

/** The same as a string. */
export function spellNote(note: Note): string {
  return `${note.text}\n${note.signatures.map(formatSignature).join('')}`
}

/** Whether these bytes are what formatNote writes. */
export function isCanonicalNote(message: Uint8Array, note: Note): boolean {
  return equalBytes(message, formatNote(note))
}

/** Whether the line claims to be by this key: name and id must both match. */
export function isBy(signature: Signature, key: VerifierKey): boolean {
  // SPEC: c2sp.org/signed-note, Signatures: a key is known by name and ID together; lines of others are ignored.
  return signature.name === key.name && signature.keyId === key.keyId
}

/**
 * Verifies the note's signature by a key of type 0x01, and returns it. Like the go command it examines only the first
 * line that claims to be by the key. Throws SIGNATURE_MISSING or SIGNATURE_INVALID.
 */
export function verifyNote(note: Note, key: VerifierKey): Signature {
  const signature = note.signatures.find((line) => isBy(line, key))
  if (signature === undefined) throw new GossumError('SIGNATURE_MISSING', `${key.name}+${key.keyId}`)
  // SPEC: c2sp.org/signed-note, Signatures: a note with a failing signature by a known key is refused.
  if (!key.verify(utf8(note.text), signature.bytes))
    throw new GossumError('SIGNATURE_INVALID', `${key.name}+${key.keyId}`)
  return signature
}

/** Signs a text that ends in a newline. */
export function signNote(text: string, signer: SignerKey): Signature {
  const { name, keyId } = signer.verifier
  return { name, keyId, bytes: signer.sign(utf8(text)) }
}

/** A key id as a number, as the go command prints it. */
export function keyIdNumber(keyId: string): number {
  return readUint32(fromHex(keyId)!, 0)
}
