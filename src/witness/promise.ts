/**
 * The promise: before a tree is cosigned, the witness key announces it to chosen peers, which remember it. A home that
 * was restored from an older copy learns from them what its key may have signed since. Pure.
 *
 * A promise is not a cosignature, and leaking it early harms nobody: the signed text cannot be read as a note,
 * cosignature or claim.
 */
import { unlessRefused } from '../errors/attempt.js'
import { Lru } from '../lib/lru.js'
import { concatBytes, utf8 } from '../tlog/bytes.js'
import { parseVerifierKey, type Signer, type VerifierKey } from '../tlog/note.js'

/** A promise covers later cosignatures of its tree too, up to so many seconds after its own time. */
export const PROMISE_SECONDS = 60

/** Keys that have promised before, by their text: a witness does so for each tree. */
const KNOWN = new Lru<VerifierKey>(256)

/** What a witness key is about to cosign. */
export interface PromisedHead {
  /** Log id: 64 lower-case hex digits. */
  readonly log: string
  /** Sequence number, from 1, of the journal state that records it. */
  readonly seq: number
  /** The time that the cosignature will carry, in POSIX seconds. */
  readonly time: number
  /** The head as a canonical note with only the log's line; at most 64 KiB. */
  readonly head: Uint8Array
}

export interface WitnessPromise extends PromisedHead {
  /** Verifier key of the witness. */
  readonly witness: string
  /** By that key, over promiseText(): 64 bytes for Ed25519, 2420 for ML-DSA-44. */
  readonly signature: Uint8Array
}

/** The bytes that a witness key signs to promise a head. */
export function promiseText(witness: string, { log, seq, time, head }: PromisedHead): Uint8Array {
  return concatBytes(utf8(`gossum/promise/v1\n${log}\n${witness}\n${seq} ${time}\n`), head)
}

/** Promises a head with a witness key. Throws AGENT_UNAVAILABLE when an ssh-agent that holds the key does not sign. */
export async function makePromise(signer: Signer, head: PromisedHead): Promise<WitnessPromise> {
  const witness = signer.verifier.vkey
  return { ...head, witness, signature: await signer.sign(promiseText(witness, head)) }
}

/** Whether this key made a promise. The head is not checked. */
export function hasPromised(key: VerifierKey, promise: WitnessPromise): boolean {
  return key.vkey === promise.witness && key.verify(promiseText(promise.witness, promise), promise.signature)
}

/**
 * The key that made a promise; undefined if the signature does not verify or the key is malformed. The head is not
 * checked.
 */
export function promisedBy(promise: WitnessPromise): VerifierKey | undefined {
  const { witness } = promise
  const key = KNOWN.get(witness) ?? unlessRefused(() => parseVerifierKey(witness))
  if (key === undefined || !hasPromised(key, promise)) return undefined
  KNOWN.put(witness, key)
  return key
}
