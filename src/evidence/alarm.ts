/**
 * The alarm: where proof that a log or a witness misbehaves comes in. Nothing is believed before it is verified with
 * the keys that this node trusts; keeper.ts decides what follows.
 */
import { GossumError } from '../errors.js'
import { attempt } from '../errors/attempt.js'
import {
  BAD_RECORD,
  parseEvidence,
  SPLIT_VIEW,
  splitViewOf,
  verifyEvidence,
  WITNESS_CONFLICT,
  type Conviction,
  type Evidence,
} from './evidence.js'
import { EvidenceKeeper, type KeptAs, type KeeperParts } from './keeper.js'
import type { EvidenceOrigin, EvidenceRef, EvidenceSummary, KeptConviction, KeptEvidence } from './kept.js'

export type { EvidenceRef, KeptConviction, KeptEvidence }
export type AlarmParts = KeeperParts

/** The result for evidence that came from elsewhere. */
export type Fate = 'new' | 'known' | 'invalid' | 'unknown'

/** The same, with details. */
export interface Received {
  readonly fate: Fate
  /** Its id, or that of earlier evidence about the same lie; null when it was not verified. */
  readonly id: string | null
  /** Why it was not accepted. */
  readonly refusal?: GossumError
}

export class Alarm {
  readonly #parts: AlarmParts
  readonly #keeper: EvidenceKeeper

  private constructor(parts: AlarmParts) {
    this.#parts = parts
    this.#keeper = new EvidenceKeeper(parts)
  }

  /**
   * Starts the alarm: logs that kept evidence convicts are frozen, and witnesses count no more, even if a crash
   * prevented recording that, or the disk cannot be written now. To be called before quorum heads are loaded. Throws
   * STORE_DAMAGED.
   */
  static async start(parts: AlarmParts): Promise<Alarm> {
    const alarm = new Alarm(parts)
    await alarm.#keeper.restore()
    return alarm
  }

  /** Makes a last attempt to write what could not be written. Nothing may be raised or received after this. */
  stop(): Promise<void> {
    return this.#keeper.unwritten.stop()
  }

  /** Verifier keys of the witnesses whose cosignatures do not count, until their conviction is acknowledged. */
  convicted(): ReadonlySet<string> {
    return this.#parts.convictions.convicted()
  }

  /** Whether nothing of a log may be signed for a reason that its state on disk does not have yet (EvidenceKeeper). */
  holds(log: string): boolean {
    return this.#keeper.holds(log)
  }

  /** The evidence that there is, oldest first, including what is not on disk yet. */
  ids(): readonly EvidenceRef[] {
    return this.#keeper.catalogue.refs
  }

  /** A piece of evidence, on disk or in memory. */
  async get(id: string): Promise<KeptEvidence | undefined> {
    return this.#keeper.unwritten.get(id) ?? (await this.#parts.shelf.get(id))
  }

  /** All evidence without the files, oldest first. */
  async list(): Promise<readonly EvidenceSummary[]> {
    const kept = await this.#parts.shelf.summaries()
    const known = new Set(kept.map(({ id }) => id))
    return [...kept, ...this.unwritten().filter(({ id }) => !known.has(id))]
  }

  /** Evidence that is not completely on disk yet, oldest first. */
  unwritten(): readonly KeptEvidence[] {
    return this.#keeper.unwritten.list()
  }

  /** Pieces of evidence that could not be written when that was last attempted. */
  get unwritable(): number {
    return this.#keeper.unwritten.failed
  }

  /** Writes all evidence that is not completely on disk yet. Throws EVIDENCE_UNWRITTEN when some cannot be written. */
  settle(): Promise<void> {
    return this.#keeper.unwritten.settleAll()
  }

  /**
   * The evidence that is acknowledged together with this one: everything that convicts the same log by now. The log was
   * frozen once, and a fork that has grown since is not another one.
   */
  acknowledgedWith(id: string): readonly string[] {
    return this.#keeper.catalogue.besides(id).filter((other) => this.#keeper.unwritten.get(other) === undefined)
  }

  /**
   * Lets a witness count again, on the operator's behalf. False when no witness is convicted by evidence with this id.
   * To be called before a log is unfrozen, too: evidence that is not on disk cannot be acknowledged. Throws
   * EVIDENCE_UNWRITTEN.
   */
  async acknowledge(id: string): Promise<boolean> {
    const { convictions, node } = this.#parts
    await this.#keeper.unwritten.settle(id)
    const conviction = convictions.get(id)
    if (conviction === undefined) return false
    await convictions.put({ ...conviction, acked: true })
    await node.reconsider()
    return true
  }

  /**
   * Raises the alarm with evidence that this node made. If it is about a known lie, the id returned is that of the
   * earlier evidence. Rejects only for evidence that proves nothing, never because of the disk.
   */
  async raise(evidence: Evidence): Promise<KeptAs> {
    const conviction = this.#verify(evidence)
    if (evidence.type === WITNESS_CONFLICT) await this.raise(splitViewOf(evidence))
    return (await this.#keep(conviction, evidence, 'found')) ?? { id: conviction.id, isNew: false }
  }

  /**
   * Receives evidence from elsewhere: nothing in it is believed before it is verified. The result is `unknown` if it is
   * about a log or witness that this node does not know, of an unknown type, or about one witness too many that only
   * neighbours count: this node cannot judge it, and the sender is not to blame. Never rejects because of the disk.
   */
  async receive(log: string, file: Uint8Array): Promise<Fate> {
    return (await this.#receive(file, log)).fate
  }

  /** The same for evidence without a log id: the log is the one whose key it names. */
  take(file: Uint8Array): Promise<Received> {
    return this.#receive(file)
  }

  async #receive(file: Uint8Array, log?: string): Promise<Received> {
    const evidence = attempt(() => parseEvidence(file))
    if (evidence instanceof GossumError) return refused(evidence)
    if (evidence.type === WITNESS_CONFLICT) {
      // The log signed both heads, whoever the witness is, and whether or not it cosigned them.
      const split = attempt(() => splitViewOf(evidence))
      if (!(split instanceof GossumError)) await this.#judge(split, log)
    }
    return this.#judge(evidence, log)
  }

  async #judge(evidence: Evidence, log: string | undefined): Promise<Received> {
    const conviction = attempt(() => this.#verify(evidence))
    if (conviction instanceof GossumError) return refused(conviction)
    const isAbout = log === undefined ? this.#parts.trust.keys.has(conviction.log) : conviction.log === log
    if (!isAbout) return refused(new GossumError('EVIDENCE_UNPROVEN', `it is about the log ${conviction.log}`))
    const kept = await this.#keep(conviction, evidence, 'received')
    if (kept === undefined) return { fate: 'unknown', id: conviction.id }
    return { fate: kept.isNew ? 'new' : 'known', id: kept.id }
  }

  /** Keeps verified evidence, by the party that it convicts; undefined when there is no room for it. */
  #keep(conviction: Conviction, evidence: Evidence, source: EvidenceOrigin): Promise<KeptAs | undefined> {
    switch (evidence.type) {
      case WITNESS_CONFLICT:
        return this.#keeper.keepConflict(conviction, evidence, source)
      case SPLIT_VIEW:
      case BAD_RECORD:
        return this.#keeper.keepAgainstLog(conviction, evidence, source)
    }
  }

  #verify(evidence: Evidence): Conviction {
    const { keys, witnesses, relayed } = this.#parts.trust
    return verifyEvidence(evidence, [...keys.values(), ...witnesses(), ...relayed()])
  }
}

/** Evidence about an unknown party is not the sender's fault. */
function refused(refusal: GossumError): Received {
  const { code } = refusal
  const isUnknown = code === 'LOG_UNKNOWN' || code === 'WITNESS_UNKNOWN' || code === 'EVIDENCE_FOREIGN'
  return { fate: isUnknown ? 'unknown' : 'invalid', id: null, refusal }
}
