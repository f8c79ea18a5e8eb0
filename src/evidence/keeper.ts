/**
 * What follows when evidence is proven. From that moment its log is not signed and the witness not counted, whatever the
 * disk says; then the evidence is kept, the log frozen, everybody told. In this order, so that a crash in between leaves
 * a node that knows; and what cannot be written is tried until it is.
 */
import { GossumError } from '../errors.js'
import { fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import { parseNote, type VerifierKey } from '../tlog/note.js'
import { Catalogue } from './catalogue.js'
import { conflictsOf, displacedBy } from './conflicts.js'
import { encodeEvidence, parseEvidence, type Conviction, type Evidence } from './evidence.js'
import type { KeptConviction, KeptConvictions, KeptEvidence, Shelf, Source } from './kept.js'
import { setTimer, Unwritten, type Duty, type SetTimer } from './unwritten.js'

/** Split views kept of a log that is frozen already. One convicts; the rest tells how far it went. */
const MAX_EVIDENCE_PER_LOG = 64
/** A disk that hangs does not keep people from being told for longer than this. */
const TELL_MS = 2_000

/** Whose misbehaviour is believed. */
export interface Trust {
  /** The logs that are followed: log id -> key. Nothing else is believed. */
  readonly keys: ReadonlyMap<string, VerifierKey>
  /** The witnesses that this node counts: those of its policy, and itself. */
  readonly witnesses: () => readonly VerifierKey[]
  /**
   * Those that its neighbours count, now, each neighbour's in turn. What convicts them changes nothing here; it is kept
   * and passed on for those who count them. Nobody else is convicted.
   */
  readonly relayed: () => readonly VerifierKey[]
}

/** What the rest of the node does when something is proven. */
export interface AlarmedNode {
  /** Freezes the log until the operator acknowledges `id`; durable when it returns. */
  readonly freeze: (log: string, id: string) => Promise<void>
  readonly isFrozen: (log: string) => boolean
  /**
   * Whether a head of evidence, as a note, is of the history that we proved. One of which that cannot be said, or that
   * throws, counts as a lie: the operator is asked once too often rather than once too little.
   */
  readonly isOurs: (log: string, head: string) => Promise<boolean>
  /** Finds the quorum heads anew: other witnesses are convicted than before. */
  readonly reconsider: () => Promise<void>
}

export interface KeeperParts {
  readonly trust: Trust
  readonly shelf: Shelf
  readonly convictions: KeptConvictions
  readonly node: AlarmedNode
  /**
   * Tells about new evidence: the mesh, the events, the metrics. `isWritten` is false while it is in memory alone: then
   * what is told may be all that a crash leaves of it.
   */
  readonly tell: (conviction: Conviction, file: Uint8Array, source: Source, isWritten: boolean) => void
  /** What could not be written, once and then ever more rarely; or a fault of ours. */
  readonly onError: (error: unknown) => void
  readonly clock: {
    /** Milliseconds since 1970. */
    readonly now: () => number
    readonly setTimer?: SetTimer
  }
}

/** What became of evidence: the id is that of earlier evidence if it is about the same lie. */
export interface Kept {
  readonly id: string
  readonly isNew: boolean
}

export class Keeper {
  readonly #parts: KeeperParts
  readonly catalogue = new Catalogue()
  readonly unwritten: Unwritten

  constructor(parts: KeeperParts) {
    this.#parts = parts
    this.unwritten = new Unwritten({ onError: parts.onError, ...parts.clock })
  }

  /** Takes up what is kept: it freezes and convicts again, also when the disk takes nothing now. Throws STORE_DAMAGED. */
  async restore(): Promise<void> {
    const { shelf, convictions, node, trust } = this.#parts
    for (const kept of await shelf.list()) {
      const { id, log, witness } = kept
      const texts = textsOfKept(kept)
      this.catalogue.add({ id, log, isSplitView: witness === undefined, texts })
      if (witness === undefined) {
        if (trust.keys.has(log)) await this.#write(kept, [() => node.freeze(log, id)])
      } else if (convictions.get(id) === undefined) {
        const conviction = { id, witness, log, lies: texts, acked: false }
        convictions.note(conviction)
        await this.#write(kept, [() => convictions.put(conviction)])
      }
    }
  }

  /**
   * Convicts a log. One lie makes new evidence with every head of ours, and whoever holds it can show it again: the
   * operator who let it go once is not asked again. But one head that is neither ours nor was shown before is a new lie.
   */
  async keepSplitView(conviction: Conviction, evidence: Evidence, source: Source): Promise<Kept> {
    const { id, log } = conviction
    const { freeze, isFrozen } = this.#parts.node
    const shown = (text: string): string | undefined => this.catalogue.showing(log, text)
    const isOld = await this.#isOld(log, evidence, shown)
    // From here on nothing waits until it is held: the same file may come through several doors at once.
    if (this.catalogue.has(id)) return { id, isNew: false }
    if (isOld) return { id: firstOf(evidence, shown) ?? id, isNew: false }
    const isOneTooMany = this.catalogue.splitViews(log) >= MAX_EVIDENCE_PER_LOG
    if (isOneTooMany && (isFrozen(log) || this.unwritten.holds(log))) return { id, isNew: false }
    const kept = this.#kept(conviction, evidence)
    if (!this.unwritten.hasRoom(log, kept.text.length)) return { id, isNew: false }
    this.catalogue.add({ id, log, isSplitView: true, texts: evidence.heads.map(textHash) })
    await this.#writeAndTell(conviction, kept, source, [() => freeze(log, id)])
    return { id, isNew: true }
  }

  /**
   * Convicts a witness. It can make files without end, so one is kept until it is acknowledged; and what the operator
   * let go once does not convict it again. Undefined when there is no room for one of a witness that nobody here counts.
   */
  async keepConflict(conviction: Conviction, evidence: Evidence, source: Source): Promise<Kept | undefined> {
    const { id, log } = conviction
    const { convictions, node, trust } = this.#parts
    const about = { witness: conviction.witness!.vkey, log }
    const shown = (text: string): string | undefined => conflictsOf(about, convictions.list()).shown.get(text)
    const isOld = await this.#isOld(log, evidence, shown)
    // From here on nothing waits until it counts, as above.
    const { open } = conflictsOf(about, convictions.list())
    if (open !== undefined) return { id: open, isNew: false }
    if (convictions.get(id) !== undefined) return { id, isNew: false }
    if (isOld) return { id: firstOf(evidence, shown) ?? id, isNew: false }
    const displaced = displacedBy(about, convictions.list(), trust.witnesses(), trust.relayed())
    const kept = this.#kept(conviction, evidence)
    if (displaced === undefined || !this.unwritten.hasRoom(aboutOf(kept), kept.text.length)) return undefined
    const texts = evidence.heads.map(textHash)
    this.catalogue.add({ id, log, isSplitView: false, texts })
    const convicted = { id, ...about, lies: texts, acked: false }
    convictions.note(convicted)
    const put = async (): Promise<void> => {
      await convictions.put(convicted)
      for (const old of displaced) await this.#forget(old)
    }
    await this.#writeAndTell(conviction, kept, source, [put, () => node.reconsider()])
    return { id, isNew: true }
  }

  /**
   * Whether each head of evidence was shown by what is kept, or is ours. Which of them is ours is found out only where
   * that decides: of two heads that nobody has seen one is a lie in any case.
   */
  async #isOld(log: string, { heads }: Evidence, shown: (text: string) => string | undefined): Promise<boolean> {
    const unseen = heads.filter((head) => shown(textHash(head)) === undefined)
    if (unseen.length === heads.length) return false
    for (const head of unseen) if (!(await this.#isOurs(log, head))) return false
    return true
  }

  async #isOurs(log: string, head: string): Promise<boolean> {
    try {
      return await this.#parts.node.isOurs(log, head)
    } catch (error) {
      this.#parts.onError(error)
      return false
    }
  }

  /** In this order: what a crash leaves of it convicts again at the next start. */
  async #forget({ id }: KeptConviction): Promise<void> {
    // The operator may have acknowledged it meanwhile: that must be remembered.
    if (this.#parts.convictions.get(id)?.acked === true) return
    this.unwritten.drop(id)
    this.catalogue.remove(id)
    await this.#parts.convictions.del(id)
    await this.#parts.shelf.del(id)
  }

  #kept({ id, type, log, sizes, witness }: Conviction, evidence: Evidence): KeptEvidence {
    return {
      id,
      type,
      log,
      ...(witness && { witness: witness.vkey }),
      sizes,
      seenAt: new Date(this.#parts.clock.now()).toISOString(),
      text: fromUtf8(encodeEvidence(evidence))!,
    }
  }

  #write(kept: KeptEvidence, steps: Duty['steps']): Promise<void> {
    return this.unwritten.write({ kept, about: aboutOf(kept), holds: kept.witness === undefined, steps })
  }

  /** Keeps new evidence, takes the other steps, and tells: also when the disk refuses, or takes too long. */
  async #writeAndTell(conviction: Conviction, kept: KeptEvidence, source: Source, steps: Duty['steps']): Promise<void> {
    const { shelf, tell, onError, clock } = this.#parts
    let isTold = false
    const tellOnce = (): void => {
      if (isTold) return
      isTold = true
      try {
        tell(conviction, utf8(kept.text), source, this.unwritten.get(kept.id) === undefined)
      } catch (error) {
        onError(error)
      }
    }
    const cancel = (clock.setTimer ?? setTimer)(tellOnce, TELL_MS)
    await this.#write(kept, [() => shelf.put(kept), ...steps])
    cancel()
    tellOnce()
  }
}

/** Whom evidence is about: a log, or what a witness made of one. */
function aboutOf({ log, witness }: KeptEvidence): string {
  return witness === undefined ? log : `${log} ${witness}`
}

/** The first evidence that shows one of these heads. */
function firstOf({ heads }: Evidence, shown: (text: string) => string | undefined): string | undefined {
  return heads.map((head) => shown(textHash(head))).find((id) => id !== undefined)
}

/** The hash of a head's checkpoint text, whatever lines it carries. */
function textHash(head: string): string {
  return toHex(sha256(utf8(parseNote(utf8(head)).text)))
}

/** What kept evidence shows; nothing when the disk damaged it: it convicts all the same, by its id. */
function textsOfKept({ text }: KeptEvidence): string[] {
  try {
    return parseEvidence(utf8(text)).heads.map(textHash)
  } catch (error) {
    if (error instanceof GossumError) return []
    throw error
  }
}
