/**
 * POST /sign-subtree of c2sp.org/tlog-witness: signs a subtree of a log, given a proof that it is part of a checkpoint
 * that we have cosigned. Only ML-DSA-44 keys sign subtrees.
 *
 * Nothing needs to be written before the answer leaves. What must not be forgotten is which tree we have cosigned: that
 * was on disk before the cosignature left, and the client brings it back, under our own signature. A subtree of that
 * tree states nothing that the cosignature has not stated, so no crash and no old backup can make us contradict
 * ourselves here. That is why nothing but our own valid cosignature may be accepted.
 */
import { setImmediate } from 'node:timers/promises'
import { Slots } from '../../lib/slots.js'
import { errorCode, GossumError, type ErrorCode } from '../../errors.js'
import { Serial } from '../../lib/serial.js'
import { formatCheckpoint, parseCheckpoint, type Checkpoint } from '../../tlog/checkpoint.js'
import { cosignSubtree, verifiedCosignatures } from '../../tlog/cosignature.js'
import { formatSignature, isBy, parseNote, type Note, type SignerKey } from '../../tlog/note.js'
import { checkSubtree } from '../../tlog/subtree.js'
import type { LogIdentity } from '../../witness/head.js'
import { MAX_BODY_BYTES } from './add-checkpoint-body.js'
import { exact, text, type Reply } from '../reply.js'
import { parseSignSubtree, type AskedSubtree } from './sign-subtree-body.js'
import { busy, readable, refusal } from './witness-reply.js'

/** What signs subtrees. */
export interface SubtreeSigning {
  /** Our ML-DSA-44 key. */
  readonly signer: SignerKey
  /** Why nothing of this origin may be signed now; undefined if it may. */
  readonly obstacle: (origin: string) => ErrorCode | undefined
}

/** Requests whose signatures are verified and made concurrently; further ones are asked to come again. */
const MAX_UNDER_WAY = 4

/** A parsed request, whose reference is a checkpoint of a known log. */
interface Asked extends AskedSubtree {
  readonly reference: Note
  readonly checkpoint: Checkpoint
}

/** Answers POST /sign-subtree. */
export function subtreeDoor(
  logs: readonly LogIdentity[],
  signing: SubtreeSigning | undefined,
): (body: Uint8Array) => Promise<Reply> {
  const turns = new Serial()
  const underWay = new Slots({ total: MAX_UNDER_WAY })
  const answer = async (body: Uint8Array): Promise<Reply> => {
    if (signing === undefined) {
      return text('not available: signing subtrees needs an ML-DSA-44 key, which this witness does not have\n', {
        status: 404,
      })
    }
    // Requests that cannot be signed anyway take no slot.
    const asked = readRequest(logs, body)
    const leave = underWay.take('')
    if (leave === undefined) return busy()
    try {
      // A verification and a signature occupy the only thread for some 20 ms: other work gets a turn between two
      // requests.
      return await turns.run('', async () => {
        await setImmediate()
        return sign(asked, signing)
      })
    } finally {
      leave()
    }
  }
  return async (body) => {
    try {
      return readable(await answer(body))
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      return readable(refusal({ kind: 'refused', news: false, code: error.code }, error.detail))
    }
  }
}

/**
 * The request, after the cheap checks: the body (400), the origin (404), the note and its checkpoint (400), the end
 * (400). Throws the GossumError of the first that fails.
 */
function readRequest(logs: readonly LogIdentity[], body: Uint8Array): Asked {
  const asked = parseSignSubtree(body)
  const { origin, subtree } = asked
  // SPEC: c2sp.org/tlog-witness, sign-subtree: 404 when the origin is unknown.
  if (!logs.some((log) => log.origin === origin)) {
    throw new GossumError('LOG_UNKNOWN', JSON.stringify(origin?.slice(0, 200) ?? ''))
  }
  const reference = parseNote(asked.note, MAX_BODY_BYTES)
  const checkpoint = readCheckpoint(reference.text)
  // Notes with extension lines are not signed with ML-DSA-44, so we have cosigned no such checkpoint.
  if (formatCheckpoint(checkpoint) !== reference.text) throw new GossumError('NOT_CANONICAL')
  // SPEC: c2sp.org/tlog-witness, sign-subtree: 400 when the end is larger than the checkpoint's size.
  if (subtree.end > checkpoint.size) {
    throw new GossumError('REQUEST_INVALID', `the subtree ends beyond a checkpoint of size ${checkpoint.size}`)
  }
  return { ...asked, reference, checkpoint }
}

/**
 * With add-checkpoint, a size that no tree has would freeze its log; here it is only something that we have not
 * cosigned.
 */
function readCheckpoint(text: string): Checkpoint {
  try {
    return parseCheckpoint(text)
  } catch (error) {
    if (errorCode(error) !== 'SIZE_IMPOSSIBLE') throw error
    throw new GossumError('CHECKPOINT_MALFORMED', 'no tree has this size', error)
  }
}

/**
 * Our signature on the subtree, or the obstacle (503). Throws SIGNATURE_MISSING or SIGNATURE_INVALID (403) if the
 * reference is not cosigned by this very key, and PROOF_INVALID (422).
 */
function sign({ reference, checkpoint, subtree, proof }: Asked, { signer, obstacle }: SubtreeSigning): Reply {
  const { origin, size, root } = checkpoint
  const { verifier: key } = signer
  // SPEC: c2sp.org/tlog-witness, sign-subtree: 403 when the checkpoint has no valid cosignature of this witness.
  // The log's signature is not checked: it would show that the log signed this, not that we did.
  if (!verifiedCosignatures(reference, [key]).has(key.vkey)) {
    const isClaimed = reference.signatures.some((line) => isBy(line, key))
    throw new GossumError(isClaimed ? 'SIGNATURE_INVALID' : 'SIGNATURE_MISSING', `${key.name}+${key.keyId}`)
  }
  // SPEC: c2sp.org/tlog-witness, sign-subtree: 422 when the proof does not tie the subtree to the checkpoint.
  checkSubtree(proof, size, root, subtree)
  // Checked last, in the same turn of the event loop as the signature, so that nothing can happen in between.
  const code = obstacle(origin)
  if (code !== undefined) return refusal({ kind: 'pending', news: false, code })
  return exact(formatSignature(cosignSubtree(origin, subtree, signer)))
}
