/**
 * Cosignatures (c2sp.org/tlog-cosignature, cosignature/v1, key type 0x04): a witness says that at time T this was
 * the largest consistent tree it had seen of the log.
 *
 * A signature line holds 8 bytes of POSIX seconds, big-endian, and 64 bytes of Ed25519 over
 * "cosignature/v1\ntime T\n" and the whole checkpoint text.
 */
import { GossumError } from '../errors.js'
import { concatBytes, readUint64, uint64, utf8 } from './bytes.js'
import {
  isBy,
  SIGNATURE_TYPES,
  type Note,
  type Signature,
  type Signer,
  type SignerKey,
  type VerifierKey,
} from './note.js'

/** Bytes behind the key id: 8 of time, 64 of signature. */
export const COSIGNATURE_SIZE = 72

/** The latest time that is taken, in POSIX seconds: the last one that a date can show, some 270,000 years from now. */
export const MAX_COSIGNATURE_TIME = 8_640_000_000_000

export interface Cosignature {
  readonly signature: Signature
  /** POSIX seconds, from 1 to MAX_COSIGNATURE_TIME. */
  readonly time: number
}

/** The bytes that are signed: the header with the time, then the note text. */
export function cosignatureMessage(text: string, time: number): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${text}`)
}

/** Cosigns a checkpoint text at a time in POSIX seconds. */
export function cosign(text: string, time: number, signer: SignerKey): Cosignature {
  return cosignatureOf(signer.verifier, time, signer.sign(witnessMessage(text, time, signer.verifier)))
}

/** The same by any signer, which may take time. Throws AGENT_UNAVAILABLE too. */
export async function cosignBy(text: string, time: number, signer: Signer): Promise<Cosignature> {
  return cosignatureOf(signer.verifier, time, await signer.sign(witnessMessage(text, time, signer.verifier)))
}

function witnessMessage(text: string, time: number, { name, type }: VerifierKey): Uint8Array {
  if (type !== SIGNATURE_TYPES.cosignature)
    throw new GossumError('KEY_UNSUPPORTED', `${name} is not a witness key (type 0x04)`)
  return cosignatureMessage(text, time)
}

function cosignatureOf({ name, keyId }: VerifierKey, time: number, signature: Uint8Array): Cosignature {
  return { signature: { name, keyId, bytes: concatBytes(uint64(time), signature) }, time }
}

/**
 * Verifies one line by a witness key (type 0x04) over a checkpoint text. Throws COSIGNATURE_MALFORMED for a wrong
 * length, a time of 0 or one beyond MAX_COSIGNATURE_TIME, SIGNATURE_MISSING for another key's line, SIGNATURE_INVALID.
 */
export function verifyCosignature(text: string, signature: Signature, key: VerifierKey): Cosignature {
  if (!isBy(signature, key)) throw new GossumError('SIGNATURE_MISSING', `${key.name}+${key.keyId}`)
  const time = signature.bytes.length === COSIGNATURE_SIZE ? readUint64(signature.bytes, 0) : undefined
  if (time === undefined || time === 0 || time > MAX_COSIGNATURE_TIME)
    throw new GossumError('COSIGNATURE_MALFORMED', key.name)
  if (!key.verify(cosignatureMessage(text, time), signature.bytes.subarray(8))) {
    throw new GossumError('SIGNATURE_INVALID', `${key.name}+${key.keyId}`)
  }
  return { signature, time }
}

/** Lines by one key that are looked at: honest notes have one, and a hundred forged ones would take a tenth of a second. */
const MAX_LINES_PER_KEY = 2

/**
 * Every cosignature of the note by one of these keys that verifies, one per key: the newest when there are several.
 * Lines that do not verify are dropped: anybody can write a line under anybody's name.
 */
export function verifiedCosignatures(note: Note, keys: Iterable<VerifierKey>): Map<string, Cosignature> {
  return readCosignatures(note, keys).verified
}

/** The same, and which lines verified under one of these keys: two keys may have one name and one key id. */
export function readCosignatures(
  note: Note,
  keys: Iterable<VerifierKey>,
): { verified: Map<string, Cosignature>; genuine: Set<Signature> } {
  const lines = new Map<string, Signature[]>()
  for (const line of note.signatures) {
    const signer = `${line.name}+${line.keyId}`
    lines.set(signer, [...(lines.get(signer) ?? []), line])
  }
  const verified = new Map<string, Cosignature>()
  const genuine = new Set<Signature>()
  for (const key of keys) {
    for (const line of lines.get(`${key.name}+${key.keyId}`)?.slice(0, MAX_LINES_PER_KEY) ?? []) {
      const cosignature = tryVerify(note.text, line, key)
      if (cosignature === undefined) continue
      genuine.add(line)
      if (cosignature.time > (verified.get(key.vkey)?.time ?? 0)) verified.set(key.vkey, cosignature)
    }
  }
  return { verified, genuine }
}

function tryVerify(text: string, line: Signature, key: VerifierKey): Cosignature | undefined {
  try {
    return verifyCosignature(text, line, key)
  } catch (error) {
    if (error instanceof GossumError) return undefined
    throw error
  }
}
