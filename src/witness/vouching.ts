/**
 * Whether a quorum vouches for a head. An observer asks this for the first head of a log, which it does not see at the
 * log itself: a single peer can show it anything that the log has signed, such as an old head or one of another
 * history, but not what the policy's witnesses have cosigned.
 */
import { utf8 } from '../tlog/bytes.js'
import { verifiedCosignatures } from '../tlog/cosignature.js'
import { parseNote } from '../tlog/note.js'
import type { Head } from './head.js'
import type { Quorum } from './quorum.js'
import type { SignatureCache } from './signature-cache.js'
import type { Suspects } from './suspects.js'

export interface VouchingParts {
  readonly quorum: Quorum
  readonly suspects: Suspects
  readonly known: SignatureCache
}

/**
 * Counts the cosignatures that came with the head now and before: in gossip each comes in a note of its own. At least
 * one must count, whatever the policy says.
 */
export function isVouchedFor(head: Head, { quorum, suspects, known }: VouchingParts): boolean {
  const suspect = suspects.of(head)
  const before =
    suspect === undefined
      ? []
      : [...verifiedCosignatures(parseNote(utf8(suspect.note)), known.remembering(quorum.keys)).keys()]
  const convicted = quorum.convicted()
  const counted = new Set(quorum.keys.flatMap(({ vkey }) => (convicted.has(vkey) ? [] : vkey)))
  const counting = new Set([...before, ...head.cosignatures.keys()].filter((vkey) => counted.has(vkey)))
  return counting.size > 0 && quorum.satisfiedBy(counting)
}
