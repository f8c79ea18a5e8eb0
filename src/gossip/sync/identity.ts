/**
 * The signed hello: a witness key says which peer id it lives behind. The other side of a connection has proven its
 * peer id, so that the two together tell whose witness it is; a claim that was copied names another peer id.
 *
 * Pure. The signed text begins like no note and no cosignature, so that none can be taken for the other.
 */
import { unlessRefused } from '../../errors/attempt.js'
import { utf8 } from '../../tlog/bytes.js'
import { parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from '../../tlog/note.js'
import type { WitnessClaim } from './messages.js'

/** The witness of a node: its key, and the means to sign with it. */
export interface Identity {
  /** Verifier key, as it is written. */
  readonly witness: string
  readonly key: VerifierKey
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** The bytes that a witness key signs to say which peer id it lives behind. */
export function claimText(peer: string, witness: string): Uint8Array {
  return utf8(`gossum/identity/v1\n${peer}\n${witness}\n`)
}

/** Binds a witness key to a peer id. */
export async function claimWitness(identity: Pick<Identity, 'witness' | 'sign'>, peer: string): Promise<WitnessClaim> {
  return { key: identity.witness, signature: await identity.sign(claimText(peer, identity.witness)) }
}

/** The witness key that is proven to live behind this peer id; undefined when the claim does not hold. */
export function provenWitness(claim: WitnessClaim, peer: string): VerifierKey | undefined {
  const key = witnessKey(claim.key)
  return key?.verify(claimText(peer, claim.key), claim.signature) === true ? key : undefined
}

/** The key of a witness (type 0x04) in its one spelling; undefined for anything else. */
export function witnessKey(vkey: string): VerifierKey | undefined {
  const key = unlessRefused(() => parseVerifierKey(vkey))
  return key?.type === SIGNATURE_TYPES.cosignature && key.vkey === vkey ? key : undefined
}
