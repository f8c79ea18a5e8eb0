/**
 * Places outside the mesh with which heads and cosignatures are exchanged, as the one who visits them sees them. A
 * place is not trusted: what it gives is bytes until the pipeline has verified them, what it says is its opinion.
 */
import type { PlaceKind } from '../config/places.js'
import type { Hash } from '../tlog/hash.js'
import type { Note, Signature, VerifierKey } from '../tlog/note.js'
import type { CosignedHead } from '../witness/cosigned-head.js'
import type { Tree } from '../tlog/merkle.js'
import type { LogIdentity } from '../witness/head.js'

/** The newest head that this node has proven and cosigned. */
export interface OwnHead extends Tree {
  /** The text and the log's line alone. */
  readonly logNote: Note
  /** The line of our own cosignature. */
  readonly own: Signature
}

/** Our newest head as places get it: only when it has our own cosignature. */
export function ownHead(head: CosignedHead | undefined, own: VerifierKey): OwnHead | undefined {
  const cosignature = head?.cosignatures.get(own.vkey)
  if (head === undefined || cosignature === undefined) return undefined
  const { size, root, note } = head
  // The log's line is the first.
  return { size, root, logNote: { ...note, signatures: note.signatures.slice(0, 1) }, own: cosignature.signature }
}

/** What a place said of a log. */
export type ServiceVerdict =
  /** It took our head. */
  | 'taken'
  /** It took it, and cosigned it with a key that nobody here knows. */
  | 'uncounted'
  /** It knows a larger head than ours. */
  | 'ahead'
  /** It gave what it has. */
  | 'read'
  /** It has nothing to give. */
  | 'nothing'
  | 'unknown-log'
  /** It does not accept what we have proven. */
  | 'refused'
  | 'consistent'
  | 'pending'
  | 'inconsistent'

/** What came of a visit. */
export interface VisitResult {
  readonly verdict: ServiceVerdict
  /** What it said about it, for people: a line of at most 200 characters. */
  readonly detail?: string
  /** Heads and cosignatures that it gave, at most 64 KiB each; nobody has verified them. */
  readonly notes: readonly Uint8Array[]
}

/** The proof (checkTree) that leads from the first `size` records of our head to the head. Throws why there is none. */
export type Prove = (log: string, head: Tree, size: number) => Promise<readonly Hash[]>

/**
 * One kind of place. A visit throws PLACE_UNREACHABLE or PLACE_ANSWER_INVALID when the place is down or talks
 * nonsense, what `prove` throws, and the signal's reason.
 */
export interface ExternalService {
  readonly kind: PlaceKind
  readonly name: string
  readonly url: string
  /** Brings our head there. */
  push?(log: LogIdentity, head: OwnHead, prove: Prove, signal: AbortSignal): Promise<VisitResult>
  /** Asks what is known there. */
  pull?(log: LogIdentity, signal: AbortSignal): Promise<VisitResult>
}
