/**
 * Performs the effects of a step, in order, once its change is durable. Returns what only the effects can tell: whether
 * the head was news, the evidence, our cosignatures, and what is to be submitted again.
 */
import type { Evidence } from '../evidence/evidence.js'
import { errorCode, type ErrorCode } from '../errors.js'
import type { FirstUse, LogState } from '../store/heads.js'
import type { Store } from '../store/store.js'
import { equalBytes, utf8 } from '../tlog/bytes.js'
import type { Cosignature } from '../tlog/cosignature.js'
import type { VerifierKey } from '../tlog/note.js'
import type { CosignedHeads } from './cosigned.js'
import type { Candidate, Head, SizedHead } from './head.js'
import { WitnessEquivocations, type WitnessedHead } from './equivocation.js'
import type { VerdictCache } from './verdict-cache.js'
import type { Outcome } from './outcome.js'
import type { AdvanceThrottle } from './advance-throttle.js'
import type { FollowedLog, Prover } from './prover.js'
import type { Publisher } from './publisher.js'
import { StrangersLines } from './renewals.js'
import { isUnsigned, type LogSigners, type Made, type Signing } from './signing.js'
import type { Effect } from './step-types.js'
import type { Suspect, Suspects } from './suspects.js'

/** The callbacks for what leaves the pipeline. */
export interface Listeners {
  /** To the mesh: a head whose consequences are on disk already. */
  readonly publish: (log: string, note: Uint8Array) => void
  /** To the alarm: evidence. It is not new if this misbehaviour is known already. */
  readonly alarm: (evidence: Evidence) => Promise<{ id: string; isNew: boolean }>
  readonly onOutcome: (outcome: Outcome, candidate: Candidate) => void
  /** A log's first head was trusted because it was the first. */
  readonly onFirstUse: (log: string, first: FirstUse) => void
  /** A suspect that stayed one for too long, or that no tree can explain. */
  readonly onSuspectAlarm: (suspect: Suspect) => void
  /** A suspect that had to make room for newer ones, or that can never be explained. */
  readonly onSuspectDropped: (suspect: Suspect) => void
  /** A failure in the background: our bug, or our disk. */
  readonly onError: (error: unknown) => void
}

/** The stores of what is kept of logs. */
export interface LogMemory {
  readonly store: Store
  readonly cosigned: CosignedHeads
  readonly suspects: Suspects
}

export interface EffectsOptions {
  readonly kept: LogMemory
  readonly keys: {
    readonly own: LogSigners
    readonly counted: readonly VerifierKey[]
    readonly relayed: () => readonly VerifierKey[]
  }
  readonly told: Listeners
  readonly memory: VerdictCache
  readonly tools: {
    readonly signing: Signing
    readonly publisher: Publisher
    readonly throttle: AdvanceThrottle
    readonly prover: Prover
  }
}

/** What the effects of one step resulted in. */
export interface Performed {
  /** Whether any of it was new to us. */
  news: boolean
  /** Whether a cosignature that we count was new. */
  counted?: boolean
  /** Id of the evidence. */
  evidence?: string
  /** Our cosignatures. */
  made?: Made
  /** Why the promised cosignature could not be made. */
  failed?: ErrorCode
  /** Whether the head waits until signing is possible. */
  isDeferred: boolean
  /** Candidates to be judged again, with nobody waiting for them. */
  readonly again: Candidate[]
  /** Work that continues with nobody waiting for it. */
  readonly background: Promise<unknown>[]
}

const NONE: ReadonlyMap<string, Cosignature> = new Map()

export class Effects {
  readonly #options: EffectsOptions
  readonly #equivocations: WitnessEquivocations
  readonly #lines: StrangersLines

  constructor(options: EffectsOptions) {
    this.#options = options
    const { kept, keys, told, tools } = options
    this.#lines = new StrangersLines(new Set(keys.counted.map(({ vkey }) => vkey)))
    this.#equivocations = new WitnessEquivocations({ ...kept, ...keys, prover: tools.prover, alarm: told.alarm })
  }

  /** Stops at a cosignature that cannot be made now; throws what is our own failure or our disk's. */
  async perform(
    candidate: Candidate,
    head: SizedHead<FollowedLog>,
    state: LogState,
    effects: readonly Effect[],
  ): Promise<Performed> {
    const performed: Performed = { news: false, isDeferred: false, again: [], background: [] }
    for (const effect of effects) {
      await this.#perform(effect, candidate, head, state, performed)
      if (performed.failed !== undefined) break
    }
    return performed
  }

  async #perform(
    effect: Effect,
    candidate: Candidate,
    head: SizedHead<FollowedLog>,
    state: LogState,
    performed: Performed,
  ): Promise<void> {
    const { kept, memory, told, tools } = this.#options
    const { log, checkpoint, logNote } = head
    switch (effect.do) {
      case 'cosign':
        return this.#cosign(head, state, performed)
      case 'keep':
        await kept.cosigned.install(log.id, logNote, head.cosignatures)
        await kept.cosigned.signers.remember(log.id, logNote, head.byNeighbours)
        return
      case 'publish':
        return this.#publish(effect.what, candidate, head, performed.made ?? [])
      case 'merge':
        return this.#merge(candidate, head, performed)
      case 'keepSuspect':
        performed.news = (await this.#keepSuspect(candidate, head, effect.code)) || performed.news
        return
      case 'freezeForSuspect':
        return this.#freezeForSuspect(head)
      case 'resolve':
        return this.#resolve(candidate, head, performed)
      case 'raise': {
        const { id, isNew } = await told.alarm(effect.evidence)
        performed.evidence = id
        performed.news = isNew
        if (isNew) tools.publisher.passOn(candidate.source, head, logNote)
        return
      }
      case 'compareWitnesses': {
        const { peer } = candidate
        const seen = witnessed(head)
        performed.background.push(
          effect.as === 'lie' ? this.#equivocations.sawLie(log, seen, peer) : this.#equivocations.sawTruth(log, seen),
        )
        return
      }
      case 'notePast':
        return memory.notePast(log.id, logNote)
      case 'defer':
        performed.isDeferred = true
        return
      case 'judgeUnproven': {
        const { note, receivedAt } = candidate
        performed.again.push({ source: 'submit', note, log: log.id, receivedAt })
        return
      }
      case 'tellFirstUse':
        return told.onFirstUse(log.id, effect.first)
      case 'prove':
      case 'reach':
      case 'tellUnknown':
        throw new Error(`${effect.do} of size ${checkpoint.size} is not for here`)
    }
  }

  /** Handles a head of an impossible size: it freezes the log at once and raises an alarm. */
  async impossible(candidate: Candidate, head: Head<FollowedLog>): Promise<Outcome> {
    const { log, clean } = head
    const isNews = await this.#keepSuspect(candidate, head, 'SIZE_IMPOSSIBLE')
    await this.#freezeForSuspect(head)
    return { kind: 'pending', news: isNews && clean, log: log.id, code: 'SIZE_IMPOSSIBLE' }
  }

  async #freezeForSuspect(head: Head<FollowedLog>): Promise<void> {
    const { kept, told } = this.#options
    const suspect = kept.suspects.of(head)
    if (suspect === undefined) return
    await kept.store.heads.hold(head.log.id, suspect.id)
    if (await kept.suspects.alarm(suspect)) told.onSuspectAlarm(suspect)
  }

  /** Keeps a head that has to wait because too many heads of its log are in progress; it is retried. */
  async waiting(candidate: Candidate, head: SizedHead<FollowedLog>): Promise<Outcome> {
    const code = 'HEADS_WAITING'
    await this.#keepSuspect(candidate, head, code)
    const { size, root } = head.checkpoint
    // Not news before it was examined.
    return { kind: 'pending', news: false, log: head.log.id, code, size, root }
  }

  /** Keeps a head that could not be tied to our history. Returns whether it is worth telling the mesh. */
  async #keepSuspect(candidate: Candidate, head: Head<FollowedLog>, code: ErrorCode): Promise<boolean> {
    const { kept, told, tools } = this.#options
    const { log, logNote, checkpoint } = head
    const { isNew, dropped } = await kept.suspects.keep(head, candidate, code)
    if (dropped !== undefined) told.onSuspectDropped(dropped)
    const isNews = isNew && (checkpoint?.size ?? Infinity) > (kept.store.heads.get(log.id).tree?.size ?? 0)
    if (isNews) tools.publisher.passOn(candidate.source, head, logNote)
    return isNews
  }

  async #cosign(head: SizedHead, state: LogState, performed: Performed): Promise<void> {
    const { kept, tools } = this.#options
    const { log, logNote, byNeighbours } = head
    const isNext = kept.cosigned.current(log.id)?.note.text !== logNote.text
    try {
      performed.made = await tools.signing.cosign(log.id, state, logNote, isNext ? head.cosignatures : NONE)
    } catch (error) {
      if (!isUnsigned(error)) throw error
      performed.failed = errorCode(error)
      return
    }
    await kept.cosigned.signers.remember(log.id, logNote, byNeighbours)
  }

  #publish(what: 'advance' | 'renewal' | 'frozen', { source }: Candidate, head: SizedHead, made: Made): void {
    const { keys, tools } = this.#options
    const own = keys.own.of(head.log.id).map(({ verifier }) => verifier)
    switch (what) {
      case 'advance':
        tools.throttle.signed(head.log.id, head.checkpoint.size)
        return tools.publisher.advanced(source, head, own, made)
      case 'renewal':
        return tools.publisher.renewed(head, own, made)
      case 'frozen':
        return tools.publisher.shownFrozen(head)
    }
  }

  /** Adds cosignatures to a head of our history. */
  async #merge({ source, peer }: Candidate, head: SizedHead<FollowedLog>, performed: Performed): Promise<void> {
    const { kept, keys, tools } = this.#options
    const { log, logNote, cosignatures, byNeighbours } = head
    if (cosignatures.size === 0 && byNeighbours.size === 0) return
    const quorumSize = kept.cosigned.quorum(log.id)?.size ?? -1
    const fresh = await this.#lines.take(peer, cosignatures, (lines) => kept.cosigned.merge(log.id, logNote, lines))
    await kept.cosigned.signers.remember(log.id, logNote, byNeighbours)
    if (fresh.size === 0) return
    performed.background.push(this.#equivocations.sawTruth(log, { ...witnessed(head), cosignatures: fresh }))
    if (!tools.publisher.merged(source, head, fresh, quorumSize)) return
    performed.news = true
    performed.counted = keys.counted.some(({ vkey }) => fresh.has(vkey))
  }

  /** The head is no longer a suspect. Cosignatures that arrived while it was one are processed now. */
  async #resolve(
    { note: bytes, receivedAt }: Candidate,
    { log, logNote }: SizedHead,
    { again }: Performed,
  ): Promise<void> {
    const suspect = await this.#options.kept.suspects.resolve(log.id, logNote)
    const note = suspect && utf8(suspect.note)
    if (note !== undefined && !equalBytes(note, bytes)) again.push({ source: 'replay', note, log: log.id, receivedAt })
  }
}

function witnessed({ checkpoint, logNote, cosignatures }: SizedHead): WitnessedHead {
  return { size: checkpoint.size, root: checkpoint.root, logNote, cosignatures }
}
