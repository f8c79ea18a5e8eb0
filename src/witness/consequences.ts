/**
 * What follows from a decision about a head: it is cosigned, merged, kept as a suspect, or convicts the log. What leaves
 * this node for it leaves from here, and only after it is on disk.
 */
import { makeSplitView, type Evidence } from '../evidence/evidence.js'
import type { ErrorCode } from '../errors.js'
import { isFrozen, type LogState } from '../store/heads.js'
import type { Store } from '../store/store.js'
import { equalBytes, utf8 } from '../tlog/bytes.js'
import { parseNote } from '../tlog/note.js'
import type { ProvenHead } from './cosigned-head.js'
import type { CosignedHeads } from './cosigned.js'
import type { Cosigner, Head, Made } from './cosigner.js'
import type { Candidate, Decision, Outcome } from './decide.js'
import type { Liars, WitnessedHead } from './liars.js'
import type { Memory } from './memory.js'
import type { Outlet } from './outlet.js'
import type { Pace } from './pace.js'
import type { FollowedLog, Prover } from './prover.js'
import type { TakePush } from './push-budget.js'
import type { Suspect, Suspects } from './suspects.js'
import type { VerifiedNote } from './verify.js'

export interface ConsequencesParts {
  readonly store: Store
  readonly cosigned: CosignedHeads
  readonly suspects: Suspects
  readonly memory: Memory
  readonly prover: Prover
  readonly cosigner: Cosigner
  readonly outlet: Outlet
  readonly pace: Pace
  readonly liars: Liars
  /** Takes one of the cosignatures that a log may have for what it pushes; without it, there is no end to them. */
  readonly takePush?: TakePush
  /** Raises the alarm with evidence. Not new when it is about a lie that is known. */
  readonly alarm: (evidence: Evidence) => Promise<{ id: string; isNew: boolean }>
  /** Tells people about a suspect, once. */
  readonly alarmSuspect: (suspect: Suspect) => Promise<void>
  /** A suspect that had to make room for newer ones, or that nobody can ever explain. */
  readonly onSuspectDropped: (suspect: Suspect) => void
  /** Goes on to the head that our key is known to have signed; whether it is reached. */
  readonly reachFloor: (log: string) => Promise<boolean>
  /** Takes a head through the corridor. */
  readonly submit: (candidate: Candidate) => Promise<Outcome>
  /** Goes on with work that nobody waits for. */
  readonly inBackground: (work: Promise<unknown>) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export class Consequences {
  readonly #parts: ConsequencesParts

  constructor(parts: ConsequencesParts) {
    this.#parts = parts
  }

  /** What follows from a decision. Undefined when the state was changed by somebody else: decide again. */
  async act(
    candidate: Candidate,
    head: Head,
    state: LogState,
    decision: Decision,
    kept: ProvenHead | undefined,
  ): Promise<Outcome | undefined> {
    const { log, bare, clean } = head
    const { cosigned } = this.#parts
    const about = { log: log.id, size: head.checkpoint.size, root: head.checkpoint.root }
    switch (decision.kind) {
      case 'advanced': {
        const obstacle = this.#parts.cosigner.obstacle(log.id, head.checkpoint)
        const prove = (size: number) => this.#parts.prover.prove(log, head.checkpoint, size, candidate.peer, undefined)
        // Once the floor is reached, this head is decided about anew.
        if (obstacle === 'GUARD_BEHIND' && (await this.#parts.reachFloor(log.id))) return undefined
        if (obstacle === 'GUARD_BEHIND' && (await this.#parts.cosigner.passFloor(head, state, prove))) return undefined
        if (obstacle !== undefined) return { kind: 'refused', news: false, ...about, code: obstacle }
        // Only what is new counts: heads are public, and anybody may push the last one again.
        const isPushed = candidate.door === 'push'
        const own = await (isPushed ? this.#advancePushed(head, state) : this.#parts.cosigner.advance(head, state))
        if (own === 'LOG_BUDGET') return { kind: 'refused', news: false, ...about, code: own }
        if (own === undefined) return undefined
        this.#parts.pace.signed(log.id, about.size)
        this.#parts.outlet.advanced(candidate, head, own)
        this.#parts.inBackground(this.#parts.liars.sawTruth(log, witnessed(head)))
        await cosigned.signers.remember(log.id, bare, head.byNeighbours)
        await this.#resolve(candidate, head)
        return { kind: 'advanced', news: clean, ...about, own }
      }
      case 'known': {
        const isFresh = await this.#merge(candidate, head)
        const own = candidate.proof === undefined ? await this.#refresh(head, state) : await this.#renew(head, state)
        if (typeof own === 'string') return { kind: 'refused', news: false, ...about, code: own }
        if (own === undefined && candidate.proof !== undefined) return undefined
        await this.#resolve(candidate, head)
        return { kind: 'known', news: isFresh && clean, ...about, ...(own && { own }) }
      }
      case 'past': {
        this.#parts.memory.notePast(log.id, bare)
        await this.#resolve(candidate, head)
        const isFresh = await this.#merge(candidate, head)
        return { kind: 'past', news: isFresh && clean, ...about }
      }
      case 'pending':
        return this.suspect(candidate, head, decision.code)
      case 'refused':
        if (candidate.door === 'poll' || candidate.door === 'push') this.#parts.outlet.shownFrozen(head)
        return { kind: 'refused', news: false, ...about, code: decision.code }
      case 'conflict': {
        const ours = kept?.note ?? (state.note === undefined ? undefined : parseNote(utf8(state.note)))
        // A size-0 head with records convicts alone; anything else needs the head that it conflicts with.
        if (ours === undefined && about.size > 0) return this.suspect(candidate, head, 'HISTORY_MISSING')
        const { id, isNew } = await this.#parts.alarm(makeSplitView(log.key, [bare, ours ?? bare], decision.prefix))
        await this.#resolve(candidate, head)
        if (isNew) this.#parts.outlet.passOn(candidate, head, bare)
        this.#parts.inBackground(this.#parts.liars.sawLie(log, witnessed(head), candidate.peer))
        return { kind: 'conflict', news: isNew && clean, ...about, evidence: id }
      }
      case 'prove':
        throw new Error('decide() asked twice for one proof')
    }
  }

  /**
   * Cosigns a head for the log that pushed it, within its day's worth; of a head that came to nothing none is taken.
   * Undefined when the state was changed by somebody else.
   */
  async #advancePushed(head: Head, state: LogState): Promise<Made | 'LOG_BUDGET' | undefined> {
    const { takePush = () => () => undefined, now } = this.#parts
    const giveBack = takePush(head.log.id, now())
    if (giveBack === undefined) return 'LOG_BUDGET'
    let own: Made | undefined
    try {
      own = await this.#parts.cosigner.advance(head, state)
      return own
    } finally {
      if (own === undefined) giveBack()
    }
  }

  /** Cosigns our newest head again when our cosignature of it is old. */
  async #refresh(head: Head, state: LogState): Promise<Made | undefined> {
    const own = await this.#parts.cosigner.refresh(head, state)
    if (own !== undefined) this.#parts.outlet.refreshed(head, own)
    return own
  }

  /**
   * Cosigns our newest head again for the log that pushed it. What stands in the way, if anything; undefined when the
   * state was changed by somebody else. The mesh hears of it no more often than of others.
   */
  async #renew(head: Head, state: LogState): Promise<Made | ErrorCode | undefined> {
    const obstacle = isFrozen(state) ? 'LOG_FROZEN' : this.#parts.cosigner.obstacle(head.log.id, head.checkpoint)
    if (obstacle !== undefined) return obstacle
    const isDue = this.#parts.cosigner.isDue(head.log.id, state)
    const own = await this.#parts.cosigner.renew(head, state)
    if (own !== undefined && isDue) this.#parts.outlet.refreshed(head, own)
    return own
  }

  /** Adds cosignatures to a head of our history; whether one of them is news to the mesh. */
  async #merge(candidate: Candidate, head: Head): Promise<boolean> {
    const { log, bare, cosignatures, byNeighbours } = head
    const { cosigned } = this.#parts
    if (cosignatures.size === 0 && byNeighbours.size === 0) return false
    const quorumSize = cosigned.quorum(log.id)?.size ?? -1
    const fresh = await cosigned.merge(log.id, bare, cosignatures)
    await cosigned.signers.remember(log.id, bare, byNeighbours)
    if (fresh.size === 0) return false
    this.#parts.inBackground(this.#parts.liars.sawTruth(log, { ...witnessed(head), cosignatures: fresh }))
    return this.#parts.outlet.merged(candidate, head, fresh, quorumSize)
  }

  /** Keeps a head that could not be tied to our history. A signed size that no tree has freezes the log at once. */
  async suspect(candidate: Candidate, head: VerifiedNote<FollowedLog>, code: ErrorCode): Promise<Outcome> {
    const { suspects, store } = this.#parts
    const { log, bare, checkpoint, clean } = head
    const { isNew, suspect, dropped } = await suspects.keep(head, candidate, code)
    if (dropped !== undefined) this.#parts.onSuspectDropped(dropped)
    if (checkpoint === undefined) {
      await store.heads.hold(log.id, suspect.id)
      await this.#parts.alarmSuspect(suspect)
    }
    const worthTelling = isNew && (checkpoint?.size ?? Infinity) > (store.heads.get(log.id).tree?.size ?? 0)
    if (worthTelling) this.#parts.outlet.passOn(candidate, head, bare)
    return {
      kind: 'pending',
      news: worthTelling && clean,
      log: log.id,
      code,
      ...(checkpoint && { size: checkpoint.size, root: checkpoint.root }),
    }
  }

  /** The head is no suspect any more. Cosignatures that came while it was one are taken up now. */
  async #resolve(candidate: Candidate, { log, bare }: Head): Promise<void> {
    const suspect = await this.#parts.suspects.resolve(log.id, bare)
    const note = suspect && utf8(suspect.note)
    if (note === undefined || equalBytes(note, candidate.note)) return
    this.#parts.inBackground(this.#parts.submit({ door: 'sync', note, log: log.id, receivedAt: candidate.receivedAt }))
  }
}

function witnessed({ checkpoint, bare, cosignatures }: Head): WitnessedHead {
  return { size: checkpoint.size, root: checkpoint.root, bare, cosignatures }
}
