/**
 * Cosignatures (c2sp.org/tlog-cosignature): a witness states that at time T this was the largest consistent tree of the
 * log that it had seen. A signature line holds 8 bytes of POSIX seconds, big-endian, and the signature:
 *
 * - cosignature/v1 (key type 0x04): Ed25519 over "cosignature/v1\ntime T\n" and the whole checkpoint text.
 * - subtree/v1 (key type 0x06): ML-DSA-44 over the names of witness and log, the time, and the tree. It does not cover
 *   extension lines, so a checkpoint that has any counts as not cosigned.
 *
 * Pure.
 */
import { GossumError } from '../errors.js'
import { unlessRefused } from '../errors/attempt.js'
import { concatBytes, readUint64, uint64, utf8 } from './bytes.js'
import { formatCheckpoint, parseCheckpoint } from './checkpoint.js'
import { ML_DSA_SIGNATURE_SIZE } from './ml-dsa.js'
import {
  formatSignature,
  isBy,
  isWitnessKey,
  SIGNATURE_TYPES,
  type Note,
  type Signature,
  type Signer,
  type SignerKey,
  type VerifierKey,
} from './note.js'
import type { Subtree } from './subtree.js'

/** Bytes after the key id: 8 for the time, 64 for the signature. */
export const COSIGNATURE_SIZE = 72
/** The same of an ML-DSA-44 cosignature. */
export const ML_DSA_COSIGNATURE_SIZE = 8 + ML_DSA_SIGNATURE_SIZE

/**
 * The latest time that is accepted, in POSIX seconds: the last that a Date can represent, some 270,000 years from now.
 */
export const MAX_COSIGNATURE_TIME = 8_640_000_000_000

export interface Cosignature {
  readonly signature: Signature
  /** POSIX seconds, from 1 to MAX_COSIGNATURE_TIME. */
  readonly time: number
}

/** The bytes that are signed with Ed25519: the header with the time, then the note text. */
export function cosignatureMessage(text: string, time: number): Uint8Array {
  // SPEC: c2sp.org/tlog-cosignature, Ed25519: the header, the time line, and the whole note body.
  return utf8(`cosignature/v1\ntime ${time}\n${text}`)
}

/**
 * The bytes that are signed with ML-DSA-44: the cosigner's name, the time, the log's origin, and the subtree, which for
 * a checkpoint is the whole tree. Undefined when one of the two names is too long for it.
 */
export function subtreeMessage(
  cosigner: string,
  time: number,
  origin: string,
  { start, end, hash }: Subtree,
): Uint8Array | undefined {
  const [name, log] = [utf8(cosigner), utf8(origin)]
  // SPEC: c2sp.org/tlog-cosignature, ML-DSA-44: both names are at most 255 bytes.
  if (name.length > 255 || log.length > 255) return undefined
  return concatBytes(
    utf8('subtree/v1\n\0'),
    ...[Uint8Array.of(name.length), name, uint64(time), Uint8Array.of(log.length), log],
    ...[uint64(start), uint64(end), hash],
  )
}

/** What a key of this type signs; undefined when it cannot sign this text. */
function signedBytes(text: string, time: number, { name, type }: VerifierKey): Uint8Array | undefined {
  if (type !== SIGNATURE_TYPES.mlDsa) return cosignatureMessage(text, time)
  const checkpoint = parseCheckpoint(text)
  const { origin, size, root } = checkpoint
  // SPEC: c2sp.org/tlog-cosignature, ML-DSA-44: extension lines are not covered by the signature.
  if (formatCheckpoint(checkpoint) !== text) return undefined
  return subtreeMessage(name, time, origin, { start: 0, end: size, hash: root })
}

/** Cosigns a checkpoint text at a time in POSIX seconds. */
export function cosign(text: string, time: number, signer: SignerKey): Cosignature {
  return cosignatureOf(signer.verifier, time, signer.sign(witnessMessage(text, time, signer.verifier)))
}

/** The same with any signer, which may take time. May also throw AGENT_UNAVAILABLE. */
export async function cosignBy(text: string, time: number, signer: Signer): Promise<Cosignature> {
  return cosignatureOf(signer.verifier, time, await signer.sign(witnessMessage(text, time, signer.verifier)))
}

/**
 * Signs a subtree of a log with an ML-DSA-44 key. The time is zero: the subtree is part of what we have seen of the
 * log, but not necessarily the newest. It never counts as the cosignature of a checkpoint.
 */
export function cosignSubtree(origin: string, subtree: Subtree, { verifier, sign }: SignerKey): Signature {
  const isMlDsa = verifier.type === SIGNATURE_TYPES.mlDsa
  const message = isMlDsa ? subtreeMessage(verifier.name, 0, origin, subtree) : undefined
  if (message === undefined) throw new GossumError('KEY_UNSUPPORTED', `${verifier.name} cannot sign this subtree`)
  return cosignatureOf(verifier, 0, sign(message)).signature
}

/**
 * Verifies the line of a subtree by an ML-DSA-44 key, in either of the two forms in use. After the key id come eight
 * zero bytes of time and the signature, 2428 bytes in total, which is what cosignSubtree() writes; or only the
 * signature, 2420 bytes (C2SP#346, not in force yet). Both sign the same bytes. Throws SIGNATURE_MISSING for another
 * key's line, COSIGNATURE_MALFORMED for any other form, SIGNATURE_INVALID.
 */
export function verifySubtree(origin: string, subtree: Subtree, signature: Signature, key: VerifierKey): void {
  if (!isBy(signature, key)) throw new GossumError('SIGNATURE_MISSING', `${key.name}+${key.keyId}`)
  const { bytes } = signature
  const hasTime = bytes.length === ML_DSA_COSIGNATURE_SIZE && readUint64(bytes, 0) === 0
  const message = key.type === SIGNATURE_TYPES.mlDsa ? subtreeMessage(key.name, 0, origin, subtree) : undefined
  if (message === undefined || !(hasTime || bytes.length === ML_DSA_SIGNATURE_SIZE))
    throw new GossumError('COSIGNATURE_MALFORMED', `${key.name}, of a subtree`)
  if (!key.verify(message, hasTime ? bytes.subarray(8) : bytes))
    throw new GossumError('SIGNATURE_INVALID', `${key.name}+${key.keyId}`)
}

function witnessMessage(text: string, time: number, key: VerifierKey): Uint8Array {
  const message = isWitnessKey(key) ? signedBytes(text, time, key) : undefined
  if (message === undefined) throw new GossumError('KEY_UNSUPPORTED', `${key.name} cannot cosign this`)
  return message
}

function cosignatureOf({ name, keyId }: VerifierKey, time: number, signature: Uint8Array): Cosignature {
  return { signature: { name, keyId, bytes: concatBytes(uint64(time), signature) }, time }
}

/** Bytes after the key id in a line by this witness key. */
export function cosignatureSize({ type }: VerifierKey): number {
  return type === SIGNATURE_TYPES.mlDsa ? ML_DSA_COSIGNATURE_SIZE : COSIGNATURE_SIZE
}

/** The bytes of a whole line by this witness key. */
export function cosignatureLineSize(key: VerifierKey): number {
  const { name, keyId } = key
  return utf8(formatSignature({ name, keyId, bytes: new Uint8Array(cosignatureSize(key)) })).length
}

/**
 * Verifies one line by a witness key (type 0x04 or 0x06) over a checkpoint text. Throws COSIGNATURE_MALFORMED for a
 * wrong length, a time of 0 or beyond MAX_COSIGNATURE_TIME, or a text that keys of this type do not sign;
 * SIGNATURE_MISSING for another key's line; SIGNATURE_INVALID; for keys of type 0x06 what parseCheckpoint throws.
 */
export function verifyCosignature(text: string, signature: Signature, key: VerifierKey): Cosignature {
  if (!isBy(signature, key)) throw new GossumError('SIGNATURE_MISSING', `${key.name}+${key.keyId}`)
  // SPEC: c2sp.org/tlog-cosignature, Format: 8 bytes of big-endian POSIX seconds, then the signature; c2sp.org/tlog-witness,
  // add-checkpoint: a witness's timestamp must not be zero.
  const time = signature.bytes.length === cosignatureSize(key) ? readUint64(signature.bytes, 0) : undefined
  if (time === undefined || time === 0 || time > MAX_COSIGNATURE_TIME)
    throw new GossumError('COSIGNATURE_MALFORMED', key.name)
  const message = signedBytes(text, time, key)
  if (message === undefined) throw new GossumError('COSIGNATURE_MALFORMED', `${key.name} does not sign such a text`)
  if (!key.verify(message, signature.bytes.subarray(8))) {
    throw new GossumError('SIGNATURE_INVALID', `${key.name}+${key.keyId}`)
  }
  return { signature, time }
}

/**
 * Lines per key that are examined: honest notes have one, and verifying a hundred forged ones would take a tenth of a
 * second.
 */
const MAX_LINES_PER_KEY = 2

/**
 * Every verified cosignature of the note by one of these keys, one per key: the newest if there are several. Lines that
 * do not verify are dropped, since anyone can write a line under any name.
 */
export function verifiedCosignatures(note: Note, keys: Iterable<VerifierKey>): Map<string, Cosignature> {
  return readCosignatures(note, keys).verified
}

/**
 * The cosignatures in a note that was kept because they verified, one per key, the newest if there are several: nothing
 * is verified again. For display only.
 */
export function keptCosignatures(note: Note, keys: Iterable<VerifierKey>): Map<string, Cosignature> {
  const known = new Map([...keys].map((key) => [`${key.name}+${key.keyId}`, key]))
  const kept = new Map<string, Cosignature>()
  for (const signature of note.signatures) {
    const key = known.get(`${signature.name}+${signature.keyId}`)
    const isLine = key !== undefined && signature.bytes.length === cosignatureSize(key)
    const time = isLine ? readUint64(signature.bytes, 0) : undefined
    if (time === undefined || time === 0 || time > MAX_COSIGNATURE_TIME) continue
    if (time > (kept.get(key!.vkey)?.time ?? 0)) kept.set(key!.vkey, { signature, time })
  }
  return kept
}

/**
 * Like verifiedCosignatures(), and also returns which lines verified under one of these keys: two keys may share a name
 * and key id.
 */
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
    // SPEC: c2sp.org/tlog-cosignature, Format: cosignatures by unknown keys are ignored.
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
  return unlessRefused(() => verifyCosignature(text, line, key))
}
