/**
 * The interface of places, services outside the mesh with which heads and cosignatures are exchanged. A place is not
 * trusted: what it returns is bytes until the pipeline has verified them, and its verdict is an opinion.
 */
import type { PlaceKind } from '../config/places.js'
import type { Hash } from '../tlog/hash.js'
import type { Note, Signature, VerifierKey } from '../tlog/note.js'
import type { CosignedHead } from '../witness/cosigned-head.js'
import type { Tree } from '../tlog/merkle.js'
import type { LogIdentity } from '../witness/head.js'

/** The newest head that this node has proven and cosigned. */
export interface OwnHead extends Tree {
  /** The text with only the log's line. */
  readonly logNote: Note
  /** Our own cosignature line. */
  readonly own: Signature
}

/** Our newest head as places get it; undefined unless it has our own cosignature. */
export function ownHead(head: CosignedHead | undefined, own: VerifierKey): OwnHead | undefined {
  const cosignature = head?.cosignatures.get(own.vkey)
  if (head === undefined || cosignature === undefined) return undefined
  const { size, root, note } = head
  // The log's line is the first.
  return { size, root, logNote: { ...note, signatures: note.signatures.slice(0, 1) }, own: cosignature.signature }
}

/** A place's verdict on a log. */
export type ServiceVerdict =
  /** It accepted our head. */
  | 'taken'
  /** It accepted our head, and cosigned it with a key that nobody here counts. */
  | 'uncounted'
  /** It has a larger head than ours. */
  | 'ahead'
  /** It returned what it has. */
  | 'read'
  /** It has nothing to return. */
  | 'nothing'
  | 'unknown-log'
  /** It does not accept what we have proven. */
  | 'refused'
  | 'consistent'
  | 'pending'
  | 'inconsistent'

/** The result of a visit. */
export interface VisitResult {
  readonly verdict: ServiceVerdict
  /** The reason it gave, for display: a line of at most 200 characters. */
  readonly detail?: string
  /** Heads and cosignatures that it returned, at most 64 KiB each; not verified. */
  readonly notes: readonly Uint8Array[]
}

/** The proof (checkTree) from the first `size` records to our head. Throws the reason why there is none. */
export type Prove = (log: string, head: Tree, size: number) => Promise<readonly Hash[]>

/**
 * One kind of place. A visit throws PLACE_UNREACHABLE or PLACE_ANSWER_INVALID when the place is down or its answer is
 * unusable, what `prove` throws, or the signal's reason.
 */
export interface ExternalService {
  readonly kind: PlaceKind
  readonly name: string
  readonly url: string
  /** Sends it our head. */
  push?(log: LogIdentity, head: OwnHead, prove: Prove, signal: AbortSignal): Promise<VisitResult>
  /** Asks it for what it has. */
  pull?(log: LogIdentity, signal: AbortSignal): Promise<VisitResult>
}
