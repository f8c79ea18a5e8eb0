/**
 * The runner: takes a head through the one step (step.ts) until there is an outcome, and performs what each step
 * returns: the change of the state first, durably, then the effects in order. An effect that fails comes back as an
 * input.
 */
import { errorCode, GossumError } from '../errors.js'
import type { LogState } from '../store/heads.js'
import { utf8 } from '../tlog/bytes.js'
import type { Cosignature } from '../tlog/cosignature.js'
import { spellNote, type VerifierKey } from '../tlog/note.js'
import type { Barrier, Gatherer } from './circumstances.js'
import type { Deferred } from './deferred.js'
import type { Effects, LogMemory } from './effects.js'
import { readHead, type Candidate, type Head, type SizedHead } from './head.js'
import type { SignatureCache } from './signature-cache.js'
import type { Outcome } from './outcome.js'
import type { AdvanceThrottle } from './advance-throttle.js'
import type { FollowedLog, Prover } from './prover.js'
import type { TakePush } from './push-budget.js'
import type { Signing } from './signing.js'
import { SOURCES } from './source.js'
import { step } from './step.js'
import type { AnsweredProof, Effect, HeadInput, Mark, Step } from './step-types.js'
import type { UnderWay } from './under-way.js'

/** Keys whose signatures in heads are read. */
export interface ReadKeys {
  /** Keys whose cosignatures count for us, including our own. */
  readonly counted: readonly VerifierKey[]
  /** Keys whose cosignatures our neighbours count: verified, kept and passed on like the counted ones. */
  readonly relayed: () => readonly VerifierKey[]
  /** Witness keys of our neighbours: what they signed is remembered for them. */
  readonly neighbours: () => readonly VerifierKey[]
  /** Cosignatures that were verified before. */
  readonly known: SignatureCache
  /** The key of our auditor, which is among the counted or the relayed ones. */
  readonly auditor?: VerifierKey | undefined
}

export interface RunnerOptions {
  readonly logs: ReadonlyMap<string, FollowedLog>
  readonly kept: LogMemory
  readonly keys: ReadKeys
  readonly barrier: Pick<Barrier, 'sawUnknown'>
  readonly tools: {
    readonly gatherer: Gatherer
    readonly prover: Prover
    readonly throttle: AdvanceThrottle
    readonly signing: Signing
    readonly effects: Effects
    readonly deferred: Deferred
  }
  /**
   * Resolves when this node has polled the log itself, or will not soon. Awaited before a pushed head becomes the first
   * of its log.
   */
  readonly looked: (log: string) => Promise<unknown>
  /** Takes one of the cosignatures that a log is allowed for its pushes. */
  readonly takePush: TakePush
}

/** The result for one head. */
export interface Judged {
  readonly outcome: Outcome
  /** Candidates to submit because of it, with nobody waiting for them. */
  readonly again: readonly Candidate[]
}

export class Runner {
  readonly #options: RunnerOptions
  readonly #underWay: UnderWay
  /** Aborted when the node stops: ends every wait for a turn. */
  readonly #stopped: AbortSignal

  constructor(options: RunnerOptions, underWay: UnderWay, stopped: AbortSignal) {
    this.#options = options
    this.#underWay = underWay
    this.#stopped = stopped
  }

  /** Judges a head. Throws only our own failures and our disk's (STORE_WRITE_FAILED, INTERNAL): then nothing was signed. */
  async judge(candidate: Candidate): Promise<Judged> {
    const { kept, tools, looked } = this.#options
    const read = this.read(candidate)
    if ('kind' in read) return { outcome: read, again: [] }
    const { checkpoint, forged } = read
    if (checkpoint === undefined)
      return { outcome: withForged(await tools.effects.impossible(candidate, read), forged), again: [] }
    const head = { ...read, checkpoint }
    const { id } = head.log
    const own = this.#ownIn(head)
    const marks = this.marksIn(head)
    const refused = marks.length === 0 ? undefined : await this.takeMarks(id, marks).catch(unpromised(id))
    if (refused !== undefined) return { outcome: refused, again: [] }
    const isFirst = kept.store.heads.get(id).tree === undefined
    if (candidate.proof !== undefined && isFirst && tools.gatherer.obstacle(id, candidate.source) === undefined)
      await looked(id)
    const again: Candidate[] = []
    const leave = await this.#turn(candidate, head)
    const outcome =
      leave === undefined
        ? await tools.effects.waiting(candidate, head)
        : await this.#steps(candidate, head, own, again).catch(unpromised(id)).finally(leave)
    // A head outside our history is remembered too: its witnesses may ask what they have signed.
    if (outcome.kind === 'pending' || outcome.kind === 'refused' || outcome.kind === 'conflict')
      await kept.cosigned.signers.see(id, head.logNote, new Map([...head.cosignatures, ...head.byNeighbours]))
    return { outcome: withForged(outcome, forged), again }
  }

  /** The head in the bytes, or the outcome that refuses them. */
  read(candidate: Candidate): Head<FollowedLog> | Outcome {
    const { logs, keys } = this.#options
    const { counted, relayed, neighbours, known } = keys
    try {
      const witnesses = {
        counted: known.remembering(counted),
        relayed: known.remembering(relayed()),
        neighbours: known.remembering(neighbours()),
      }
      return readHead(candidate.note, logs, candidate.log, witnesses, candidate.parsed)
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      const about = candidate.log !== undefined && logs.has(candidate.log) ? { log: candidate.log } : {}
      return { kind: 'refused', news: false, code: error.code, ...about }
    }
  }

  /**
   * Waits until a larger head that others bring may be processed; undefined when too many are in progress. Heads from
   * the log itself come at our own pace, and heads pushed with a proof need no other proof.
   */
  async #turn({ source }: Candidate, { log, checkpoint }: SizedHead): Promise<(() => void) | undefined> {
    const { tree } = this.#options.kept.store.heads.get(log.id)
    const isPaced = SOURCES[source].paced && tree !== undefined && checkpoint.size > tree.size
    return isPaced ? this.#options.tools.throttle.turn(log.id, checkpoint, this.#stopped) : () => undefined
  }

  /**
   * Takes steps until there is an outcome: again with what a step asks for, and again when the state has changed in
   * between.
   */
  async #steps(
    candidate: Candidate,
    head: SizedHead<FollowedLog>,
    own: Cosignature | undefined,
    again: Candidate[],
  ): Promise<Outcome> {
    const { kept, tools } = this.#options
    const { source, proof: pushed } = candidate
    const proofs: AnsweredProof[] = []
    let triedFloor = false
    for (;;) {
      const state = kept.store.heads.get(head.log.id)
      const input: HeadInput = { kind: 'head', head, source, pushed, own, proofs, triedFloor }
      const taken = step(state, input, await tools.gatherer.of(head, state, source))
      const [first] = taken.effects
      if (first?.do === 'prove') {
        proofs.push(await this.#prove(first, candidate, head, proofs.length === 0))
      } else if (first?.do === 'reach') {
        again.push(...(await this.judge(replayOf(candidate, first.note))).again)
        triedFloor = true
      } else {
        const outcome = await this.#perform(candidate, head, state, taken, again)
        if (outcome !== undefined) return outcome
      }
    }
  }

  async #prove(
    { of, size }: Extract<Effect, { do: 'prove' }>,
    { source, peer }: Candidate,
    { log }: SizedHead<FollowedLog>,
    isFirst: boolean,
  ): Promise<AnsweredProof> {
    const { payer } = SOURCES[source]
    // A head pays for one proof: which ones a step asks for besides depends on us.
    const pays = !isFirst || payer === 'nobody' ? undefined : payer === 'peer' ? peer : payer
    return { of, size, answer: await this.#options.tools.prover.prove(log, of, size, peer, pays) }
  }

  /** Makes the change of a step durable, then performs its effects. Undefined when the step has to be taken again. */
  async #perform(
    candidate: Candidate,
    head: SizedHead<FollowedLog>,
    state: LogState,
    { change, outcome, effects }: Step,
    again: Candidate[],
  ): Promise<Outcome | undefined> {
    const { kept, tools, takePush } = this.#options
    // If it was also pushed to another machine with our key, that one may know more than this: the answer must be
    // current.
    const isRefused = candidate.proof !== undefined && change === undefined && outcome?.kind !== 'known'
    if (isRefused && (await kept.store.heads.refresh(head.log.id, state))) return undefined
    // Only new heads use up the quota: heads are public, and anyone may push the last one again.
    const isCounted = outcome?.kind === 'advanced' && SOURCES[candidate.source].quota
    const giveBack = isCounted ? takePush(head.log.id, candidate.receivedAt) : () => undefined
    if (giveBack === undefined) return { ...outcome!, kind: 'refused', code: 'LOG_BUDGET', news: false }
    let isSigned = false
    try {
      // SPEC: c2sp.org/tlog-witness, add-checkpoint: persist the new checkpoint before responding; check and store as one step.
      const next = change === undefined ? state : await kept.store.heads.change(head.log.id, state, change)
      if (next === undefined || outcome === undefined) return undefined
      const { news, counted, evidence, made, failed, ...rest } = await tools.effects.perform(
        candidate,
        head,
        next,
        effects,
      )
      for (const work of rest.background) this.#underWay.background(work)
      again.push(...rest.again)
      if (rest.isDeferred) {
        const { id } = head.log
        // The wait may have ended since the step was made: then nothing would process a deferred head any more.
        if (!tools.deferred.isOpen(id) && tools.gatherer.obstacle(id, 'replay') !== 'GUARD_WAITING') return undefined
        tools.deferred.add(head, candidate)
      }
      if (failed !== undefined) {
        const unsigned = step(
          next,
          { kind: 'unsigned', head, code: failed },
          tools.gatherer.ofLog(head.log.id, 'replay'),
        )
        return { ...unsigned.outcome!, news: false }
      }
      isSigned = true
      const isNews = (news || outcome.kind === 'advanced') && head.clean
      return {
        ...outcome,
        news: isNews,
        ...(counted === true && { counted }),
        ...(evidence !== undefined && { evidence }),
        ...(made && { own: made }),
      }
    } finally {
      if (!isSigned) giveBack()
    }
  }

  // ---- marks -----------------------------------------------------------------------------------------------------

  #ownIn(head: SizedHead): Cosignature | undefined {
    const own = this.#options.tools.signing.ownIn(head.log.id, head.cosignatures)
    return own.sort((a, b) => b.time - a.time)[0]
  }

  /** The marks that a head carries for us: one for our cosignature, and one for our auditor's. */
  marksIn(head: SizedHead): Mark[] {
    const own = this.#ownIn(head)
    const { auditor } = this.#options.keys
    const audited = auditor && head.cosignatures.get(auditor.vkey)
    return [
      ...(own === undefined ? [] : [markOf(head, own)]),
      ...(audited === undefined ? [] : [{ ...markOf(head, audited), by: auditor!.vkey }]),
    ]
  }

  /** Takes marks into the state of a log. Durable when it returns. */
  async takeMarks(log: string, marks: readonly Mark[]): Promise<void> {
    const { kept, barrier, tools } = this.#options
    for (;;) {
      const state = kept.store.heads.get(log)
      const { change, effects } = step(state, { kind: 'marks', marks }, tools.gatherer.ofLog(log, 'replay'))
      // Another machine with the key may have signed it, and this one may not have read that yet.
      const unknown = effects.flatMap((effect) => (effect.do === 'tellUnknown' ? effect.time : []))
      if (unknown.length > 0 && (await kept.store.heads.refresh(log, state))) continue
      if (change !== undefined && (await kept.store.heads.change(log, state, change)) === undefined) continue
      for (const time of unknown) barrier.sawUnknown(time)
      return
    }
  }
}

/**
 * Refuses what the shared-state database does not let us promise: while it is away, nobody knows what is new to our key;
 * and the key may be bound to a log of the same origin that only another machine follows.
 */
function unpromised(log: string): (error: unknown) => Outcome {
  return (error) => {
    const code = errorCode(error)
    if (code !== 'STATE_UNCONFIRMED' && code !== 'ORIGIN_TAKEN') throw error
    return { kind: 'refused', code, news: false, log }
  }
}

function withForged(outcome: Outcome, forged: boolean): Outcome {
  return forged ? { ...outcome, forged } : outcome
}

/** The floor as a candidate that replaces the given one of the same log. */
function replayOf({ log, receivedAt }: Candidate, note: string): Candidate {
  return { source: 'replay', note: utf8(note), receivedAt, ...(log !== undefined && { log }) }
}

/** What a head with our cosignature tells: that we signed it, and when. */
function markOf({ checkpoint: { size, root }, logNote }: SizedHead, { signature, time }: Cosignature): Mark {
  return {
    size,
    root,
    time,
    note: spellNote({ text: logNote.text, signatures: [...logNote.signatures, signature] }),
  }
}

/** What a promise of ours tells about a head; `by` is our auditor's key, if that made it. */
export function markOfPromise({ checkpoint: { size, root }, logNote }: SizedHead, time: number, by?: string): Mark {
  return { size, root, time, note: spellNote(logNote), ...(by !== undefined && { by }) }
}
