/**
 * What follows when evidence is proven. From that moment its log is not signed and its witness not counted, whatever is
 * on disk. Then the evidence is kept, the log frozen, and everyone told, in this order, so that after a crash in
 * between the node still knows. What cannot be written is retried until it is.
 */
import { unlessRefused } from '../errors/attempt.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import type { VerifierKey } from '../tlog/note.js'
import { setTimer, type SetTimer } from '../lib/set-timer.js'
import { Slots } from '../lib/slots.js'
import { TokenBuckets } from '../lib/token-buckets.js'
import { Catalogue } from './catalogue.js'
import { conflictsOf, displacedBy } from './conflicts.js'
import { encodeEvidence, parseEvidence, recordsTold } from './evidence.js'
import type { BadRecord, Conviction, Evidence, SplitView, WitnessConflict } from './evidence.js'
import type { KeptConviction, KeptConvictions, KeptEvidence, Shelf, EvidenceOrigin } from './kept.js'
import { Lies, textsOf, type Findings, type LieNews, type Shown } from './lies.js'
import { Unwritten, type Duty } from './unwritten.js'

/**
 * Pieces of evidence of one kind kept for a log that is frozen already. One convicts; the others show how far it went.
 */
const MAX_EVIDENCE_PER_LOG = 64
/**
 * Convictions, about one log, of witnesses that only neighbours count: at once, and per second in the long run. A peer
 * that names its own keys and convicts them one after another makes us write each time.
 */
const STRANGER_BURST = 128
const STRANGERS_PER_SECOND = 0.1
/** Telling people waits at most so many milliseconds for a disk that hangs. */
const TELL_MS = 2_000

/** The parties whose misbehaviour is believed. */
export interface Trust {
  /** The followed logs: log id -> key. No others are believed. */
  readonly keys: ReadonlyMap<string, VerifierKey>
  /** The witnesses that this node counts: those of its policy, and itself. */
  readonly witnesses: () => readonly VerifierKey[]
  /**
   * The witnesses that neighbours count now, alternating between neighbours. Convicting them changes nothing here; the
   * evidence is kept and passed on for the neighbours. No other witness is convicted.
   */
  readonly relayed: () => readonly VerifierKey[]
}

/** What the rest of the node does when something is proven. */
export interface AlarmedNode extends Findings {
  /**
   * Freezes the log until the operator acknowledges `id`; durable when it resolves. A lie that has grown is recorded as
   * acknowledged: the evidence that showed it first freezes the log.
   */
  readonly freeze: (log: string, id: string, news: LieNews) => Promise<void>
  readonly isFrozen: (log: string) => boolean
  /** Finds the quorum heads again, after convictions have changed. */
  readonly reconsider: () => Promise<void>
}

export interface KeeperParts {
  readonly trust: Trust
  readonly shelf: Shelf
  readonly convictions: KeptConvictions
  readonly node: AlarmedNode
  /**
   * Reports new evidence to the mesh, the events and the metrics. `isWritten` is false while it is only in memory: then
   * what is reported may be all that survives a crash.
   */
  readonly tell: (conviction: Conviction, file: Uint8Array, source: EvidenceOrigin, isWritten: boolean) => void
  /** Called with what could not be written, once, then with increasing delay; or with an error of ours. */
  readonly onError: (error: unknown) => void
  readonly clock: {
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Monotonic milliseconds. */
    readonly monotonic: () => number
    readonly setTimer?: SetTimer
  }
}

/** The result of keeping evidence: the id is that of earlier evidence if it is about the same lie. */
export interface KeptAs {
  readonly id: string
  readonly isNew: boolean
}

/** Evidence that convicts only a log. */
export type AgainstLog = SplitView | BadRecord

export class EvidenceKeeper {
  readonly #parts: KeeperParts
  readonly catalogue = new Catalogue()
  readonly unwritten: Unwritten
  readonly #lies: Lies
  readonly #strangers = new TokenBuckets(STRANGER_BURST, STRANGERS_PER_SECOND)
  /** Logs with verified evidence that is being compared with what is known, and the number of pieces. */
  readonly #compared = new Slots()

  constructor(parts: KeeperParts) {
    this.#parts = parts
    this.unwritten = new Unwritten({ onError: parts.onError, ...parts.clock, now: parts.clock.monotonic })
    const get = async (id: string): Promise<KeptEvidence | undefined> => this.unwritten.get(id) ?? parts.shelf.get(id)
    this.#lies = new Lies(parts.node, { get }, parts.onError)
  }

  /** Applies what is kept: freezes and convicts again, even if the disk cannot be written now. Throws STORE_DAMAGED. */
  async restore(): Promise<void> {
    const { shelf, convictions, node, trust } = this.#parts
    for (const kept of await shelf.list()) {
      const { id, type, log, witness } = kept
      const texts = textsOfKept(kept)
      this.catalogue.add({ id, type, log, isAgainstLog: witness === undefined, texts })
      if (witness === undefined) {
        if (trust.keys.has(log)) await this.#write(kept, [() => node.freeze(log, id, 'new')])
      } else if (convictions.get(id) === undefined) {
        const conviction = { id, witness, log, lies: texts, acked: false }
        convictions.note(conviction)
        await this.#write(kept, [() => convictions.put(conviction)])
      }
    }
  }

  /**
   * Whether nothing of a log may be signed: it is convicted and its state on disk does not have that yet, or it is not
   * known yet whether contradicting evidence is a new lie. Finding out may take as long as the log likes.
   */
  holds(log: string): boolean {
    return this.unwritten.holds(log) || this.#compared.of(log) > 0
  }

  /** Convicts a log. The operator is asked once per lie (lies.ts); evidence that one has grown is kept, too. */
  async keepAgainstLog(conviction: Conviction, evidence: AgainstLog, source: EvidenceOrigin): Promise<KeptAs> {
    // A log that goes on with its lie shows it at each poll, and others pass it on: what is kept holds nothing up again.
    if (this.catalogue.has(conviction.id)) return { id: conviction.id, isNew: false }
    const release = this.#compared.hold(conviction.log)
    try {
      return await this.#keepAgainstLog(conviction, evidence, source)
    } finally {
      release()
    }
  }

  async #keepAgainstLog(conviction: Conviction, evidence: AgainstLog, source: EvidenceOrigin): Promise<KeptAs> {
    const { id, type, log } = conviction
    const { freeze, isFrozen } = this.#parts.node
    const shown = this.catalogue.against(log, type)
    const told = this.#lies.news(log, evidence, shown)
    // A result that is known at once is not awaited: of many files about one lie only the first is news.
    const news = typeof told === 'string' ? told : await told
    // No waiting from here until it is held: the same file may come through several doors at once.
    if (this.catalogue.has(id)) return { id, isNew: false }
    if (news === 'known') return { id: firstOf(evidence, shown), isNew: false }
    const isOneTooMany = shown.ids.length >= MAX_EVIDENCE_PER_LOG
    if (isOneTooMany && (news === 'grown' || isFrozen(log) || this.unwritten.holds(log))) return { id, isNew: false }
    const kept = this.#kept(conviction, evidence)
    if (!this.unwritten.hasRoom(log, kept.text.length)) return { id, isNew: false }
    this.catalogue.add({ id, type, log, isAgainstLog: true, texts: textsOf(evidence) })
    await this.#writeAndTell(conviction, kept, source, [() => freeze(log, id, news)])
    return { id, isNew: true }
  }

  /**
   * Convicts a witness. It can make files without end, so one is kept until it is acknowledged; and what the operator
   * has acknowledged does not convict it again. Undefined when there is no room for evidence against a witness that
   * this node does not count.
   */
  async keepConflict(
    conviction: Conviction,
    evidence: WitnessConflict,
    source: EvidenceOrigin,
  ): Promise<KeptAs | undefined> {
    const { id, type, log } = conviction
    const { convictions, node, trust } = this.#parts
    const about = { witness: conviction.witness!.vkey, log }
    const before = conflictsOf(about, convictions.list()).shown
    const shown = { ids: [...new Set(before.values())], showing: (text: string) => before.get(text) }
    const news = await this.#lies.news(log, evidence, shown)
    // No waiting from here until it counts, as above.
    const { open } = conflictsOf(about, convictions.list())
    if (open !== undefined) return { id: open, isNew: false }
    if (convictions.get(id) !== undefined) return { id, isNew: false }
    if (news !== 'new') return { id: firstOf(evidence, shown), isNew: false }
    const displaced = displacedBy(about, convictions.list(), trust.witnesses(), trust.relayed())
    const kept = this.#kept(conviction, evidence)
    if (displaced === undefined || !this.unwritten.hasRoom(aboutOf(kept), kept.text.length)) return undefined
    if (!this.#isCounted(about.witness) && !this.#strangers.take(log, this.#parts.clock.monotonic())) return undefined
    const texts = textsOf(evidence)
    this.catalogue.add({ id, type, log, isAgainstLog: false, texts })
    const convicted = { id, ...about, lies: texts, acked: false }
    convictions.note(convicted)
    const put = async (): Promise<void> => {
      await convictions.put(convicted)
      for (const old of displaced) await this.#forget(old)
    }
    await this.#writeAndTell(conviction, kept, source, [put, () => node.reconsider()])
    return { id, isNew: true }
  }

  /** In this order: whatever a crash leaves convicts again at the next start. */
  async #forget({ id }: KeptConviction): Promise<void> {
    // The operator may have acknowledged it in the meantime: that must be remembered.
    if (this.#parts.convictions.get(id)?.acked === true) return
    this.unwritten.drop(id)
    this.catalogue.remove(id)
    await this.#parts.convictions.del(id)
    await this.#parts.shelf.del(id)
  }

  #isCounted(witness: string): boolean {
    return this.#parts.trust.witnesses().some(({ vkey }) => vkey === witness)
  }

  #kept(conviction: Conviction, evidence: Evidence): KeptEvidence {
    const { id, type, log, sizes, witness } = conviction
    return {
      id,
      type,
      log,
      ...(witness && { witness: witness.vkey }),
      sizes,
      ...recordsTold(conviction),
      seenAt: new Date(this.#parts.clock.now()).toISOString(),
      text: fromUtf8(encodeEvidence(evidence))!,
    }
  }

  #write(kept: KeptEvidence, steps: Duty['steps']): Promise<void> {
    return this.unwritten.write({ kept, about: aboutOf(kept), holds: kept.witness === undefined, steps })
  }

  /** Writes new evidence, takes the other steps, and reports it, even if the disk refuses or takes too long. */
  async #writeAndTell(
    conviction: Conviction,
    kept: KeptEvidence,
    source: EvidenceOrigin,
    steps: Duty['steps'],
  ): Promise<void> {
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

/** The subject of evidence: a log, or a witness and a log. */
function aboutOf({ log, witness }: KeptEvidence): string {
  return witness === undefined ? log : `${log} ${witness}`
}

/** Evidence that shows one of these texts; otherwise the newest, whose lie they continue. */
function firstOf(evidence: Evidence, shown: Shown): string {
  return (
    textsOf(evidence)
      .map((text) => shown.showing(text))
      .find((id) => id !== undefined) ?? shown.ids.at(-1)!
  )
}

/** The texts that kept evidence shows; none if the disk damaged it: it still convicts, by its id. */
function textsOfKept({ text }: KeptEvidence): string[] {
  return unlessRefused(() => textsOf(parseEvidence(utf8(text)))) ?? []
}
