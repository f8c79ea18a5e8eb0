/**
 * The signed hello: a witness key signs the peer id of its node. The other side of a connection has proven its peer id,
 * so the two together show whose witness it is; a copied claim names another peer id.
 *
 * Pure. The signed text cannot be read as a note or a cosignature, nor they as it.
 */
import { unlessRefused } from '../../errors/attempt.js'
import { utf8 } from '../../tlog/bytes.js'
import { parseVerifierKey, SIGNATURE_TYPES, type VerifierKey } from '../../tlog/note.js'
import type { WitnessClaim } from './messages.js'

/** The witness of a node: its key, and a way to sign with it. */
export interface Identity {
  /** Verifier key, as text. */
  readonly witness: string
  readonly key: VerifierKey
  sign(message: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** The bytes that a witness key signs to name the peer id of its node. */
export function claimText(peer: string, witness: string): Uint8Array {
  return utf8(`gossum/identity/v1\n${peer}\n${witness}\n`)
}

/** Binds a witness key to a peer id. */
export async function claimWitness(identity: Pick<Identity, 'witness' | 'sign'>, peer: string): Promise<WitnessClaim> {
  return { key: identity.witness, signature: await identity.sign(claimText(peer, identity.witness)) }
}

/** The witness key that is proven to belong to this peer id; undefined when the claim does not verify. */
export function provenWitness(claim: WitnessClaim, peer: string): VerifierKey | undefined {
  const key = witnessKey(claim.key)
  return key?.verify(claimText(peer, claim.key), claim.signature) === true ? key : undefined
}

/** The key of a witness (type 0x04) in its canonical form; undefined for anything else. */
export function witnessKey(vkey: string): VerifierKey | undefined {
  const key = unlessRefused(() => parseVerifierKey(vkey))
  return key?.type === SIGNATURE_TYPES.cosignature && key.vkey === vkey ? key : undefined
}
