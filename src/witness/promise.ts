/**
 * The promise: before a tree is cosigned, the witness key announces it to peers of its own choice, who remember it. A home that
 * was restored from an older copy learns from them what its key may have signed since. Pure.
 *
 * It is no cosignature, and one that leaks early harms nobody: the signed text begins like no note, cosignature or claim.
 */
import { unlessRefused } from '../errors/attempt.js'
import { concatBytes, utf8 } from '../tlog/bytes.js'
import { parseVerifierKey, type Signer, type VerifierKey } from '../tlog/note.js'

/** A promise speaks for later cosignatures of its tree, too, whose time is no more than so many seconds behind its own. */
export const PROMISE_SECONDS = 60

/** What a witness key is about to cosign. */
export interface PromisedHead {
  /** Log id: 64 lower-case hex digits. */
  readonly log: string
  /** Sequence number of the journal's state that says so, from 1. */
  readonly seq: number
  /** The time that the cosignature will say, in POSIX seconds. */
  readonly time: number
  /** The head as a canonical note with the log's line alone; at most 64 KiB. */
  readonly head: Uint8Array
}

export interface WitnessPromise extends PromisedHead {
  /** Verifier key of the witness. */
  readonly witness: string
  /** By that key, over promiseText(): 64 bytes of Ed25519 or 2420 of ML-DSA-44. */
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

/** The key that made a promise; undefined when it did not, or is no key. What the head is worth is not looked at. */
export function promisedBy(promise: WitnessPromise): VerifierKey | undefined {
  const key = unlessRefused(() => parseVerifierKey(promise.witness))
  return key?.vkey === promise.witness && key.verify(promiseText(promise.witness, promise), promise.signature)
    ? key
    : undefined
}
