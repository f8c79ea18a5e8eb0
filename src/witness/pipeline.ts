/**
 * The one corridor: every head, whatever door it came through, goes parse -> verify -> compare -> prove -> persist ->
 * cosign -> publish. The heart knows neither libp2p nor HTTP: what leaves goes through the callbacks it was given.
 *
 * Trusted here: the configured log keys, our own key, our disk as far as the guard vouches for it. Not trusted: the
 * log, the peers, the clock.
 */
import { lastingController } from '../timed.js'
import type { Evidence } from '../evidence/evidence.js'
import { errorCode, GossumError, type ErrorCode } from '../errors.js'
import { isFrozen, unmetFloor, type LogState } from '../store/heads.js'
import { utf8 } from '../tlog/bytes.js'
import type { Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { isBy, parseNote, type VerifierKey } from '../tlog/note.js'
import type { ProvenHead } from './cosigned-head.js'
import { decide, objectionTo, unproven, type Candidate, type Decision, type Outcome, type Proof } from './decide.js'
import { Consequences } from './consequences.js'
import { Cosigner, type CosignerParts, type Head } from './cosigner.js'
import type { KnownLines } from './known-lines.js'
import { Liars } from './liars.js'
import { Memory } from './memory.js'
import { Outlet, type OutletParts } from './outlet.js'
import { Pace } from './pace.js'
import { Prover, type FollowedLog, type PrefixFromPeers } from './prover.js'
import type { TakePush } from './push-budget.js'
import { Retries } from './retries.js'
import type { Suspect, Suspects } from './suspects.js'
import { verifyCandidate, type VerifiedNote } from './verify.js'

export type { FollowedLog }

export interface PipelineParts extends CosignerParts, OutletParts {
  readonly logs: readonly FollowedLog[]
  readonly suspects: Suspects
  /** Witness keys of our neighbours: what they signed is remembered for them. */
  readonly neighbours: () => readonly VerifierKey[]
  /** Cosignatures that were verified before. */
  readonly knownLines: KnownLines
  /**
   * Resolves when this node has looked for a log's newest head itself, or will not soon; without it, that is always so.
   * Asked before a head that is pushed becomes the first.
   */
  readonly looked?: (log: string) => Promise<unknown>
  /** Takes one of the cosignatures that a log may have for what it pushes; without it, there is no end to them. */
  readonly takePush?: TakePush
  /** Asks peers for a proof that the log does not give. */
  readonly prefixFromPeers: PrefixFromPeers
  /** Raises the alarm with evidence. Not new when it is about a lie that is known. */
  readonly alarm: (evidence: Evidence) => Promise<{ id: string; isNew: boolean }>
  readonly onOutcome: (outcome: Outcome, candidate: Candidate) => void
  /** A suspect that stayed one for too long, or that no tree can explain. */
  readonly onSuspectAlarm: (suspect: Suspect) => void
  /** A suspect that had to make room for newer ones, or that nobody can ever explain. */
  readonly onSuspectDropped: (suspect: Suspect) => void
  /** What failed in the background: our bug, or our disk. */
  readonly onError: (error: unknown) => void
}

/** Heads that are kept until the rollback guard has heard from a peer. */
const MAX_DEFERRED = 256

export class Pipeline {
  readonly #parts: PipelineParts
  readonly #logs: ReadonlyMap<string, FollowedLog>
  readonly #memory = new Memory()
  readonly #stopped = lastingController()
  readonly #underWay = new Set<Promise<unknown>>()
  /** Logs whose suspects are being tried again. */
  readonly #retrying = new Set<string>()
  readonly #retries: Retries
  /** What came while the rollback guard was waiting. */
  readonly #deferred: Candidate[] = []
  readonly #prover: Prover
  readonly #pace: Pace
  readonly #cosigner: Cosigner
  readonly #outlet: Outlet
  readonly #consequences: Consequences

  constructor(parts: PipelineParts) {
    this.#parts = parts
    // A head that is pushed again and again is verified once.
    const remembering = (log: FollowedLog): FollowedLog => ({
      ...log,
      key: parts.knownLines.remembering([log.key])[0]!,
    })
    this.#logs = new Map(parts.logs.map((log) => [log.id, remembering(log)]))
    this.#prover = new Prover(parts.prefixFromPeers, this.#stopped.signal, parts.now)
    this.#cosigner = new Cosigner(parts)
    this.#outlet = new Outlet(parts, this.#cosigner.keys)
    this.#pace = new Pace(parts.now, parts.pauseMs)
    const judge = (candidate: Candidate): Promise<Outcome> => this.#judge(candidate, false)
    this.#retries = new Retries({ ...parts, judge, stopped: this.#stopped.signal })
    this.#consequences = new Consequences({
      ...parts,
      memory: this.#memory,
      prover: this.#prover,
      cosigner: this.#cosigner,
      outlet: this.#outlet,
      pace: this.#pace,
      liars: new Liars({ ...parts, prover: this.#prover }),
      alarmSuspect: (suspect) => this.#retries.alarm(suspect),
      reachFloor: (log) => this.#reachFloor(log),
      submit: (candidate) => this.#submit(candidate),
      inBackground: (work) => this.#inBackground(work),
    })
  }

  /**
   * Takes up where the last run ended: the cosignatures that were promised on disk are made again, bit for bit, and
   * logs that signed an impossible size are frozen, in case the crash came in between. Throws LOG_KEY_CHANGED when a
   * head that we hold was signed by another key than the one that is configured now.
   */
  async resume(): Promise<void> {
    const { cosigned, store, suspects } = this.#parts
    for (const [log, { key }] of this.#logs) {
      const { note } = store.heads.get(log)
      if (note !== undefined && !parseNote(utf8(note)).signatures.some((line) => isBy(line, key))) {
        throw new GossumError('LOG_KEY_CHANGED', key.vkey)
      }
      await cosigned.load(log)
      for (const { id, size } of suspects.list(log)) if (size === null) await store.heads.hold(log, id)
      await this.#cosigner.resume(log)
    }
  }

  /** Ends the proofs that are under way: whoever waits for one goes on, undecided. */
  abort(): void {
    this.#stopped.abort()
    this.#outlet.stop()
  }

  /** Aborts, and waits until every submission has ended: then nothing writes any more. */
  async stop(): Promise<void> {
    this.abort()
    await this.idle()
  }

  /** Resolves when nothing is under way any more. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
  }

  /**
   * Takes a head through the corridor. Throws only what is nobody's fault but ours or our disk's
   * (STORE_WRITE_FAILED, INTERNAL): then nothing was signed.
   */
  submit(candidate: Candidate): Promise<Outcome> {
    return this.#tracked(this.#submit(candidate))
  }

  async #submit(candidate: Candidate): Promise<Outcome> {
    const outcome = this.#memory.refusal(candidate) ?? (await this.#judge(candidate, true))
    this.#memory.noteRefusal(candidate, outcome)
    if (outcome.code === 'GUARD_WAITING' && this.#deferred.length < MAX_DEFERRED) this.#deferred.push(candidate)
    this.#parts.onOutcome(outcome, candidate)
    if (outcome.kind === 'advanced') {
      this.#inBackground(this.retrySuspects(outcome.log!, 0))
    }
    return outcome
  }

  /** Takes up the cosignatures that were promised on disk and could not be made, now that they can. */
  async retryOwed(): Promise<void> {
    const { store, now } = this.#parts
    for (const log of this.#cosigner.owed) {
      const { note } = store.heads.get(log)
      if (note !== undefined) await this.submit({ door: 'sync', note: utf8(note), log, receivedAt: now() })
    }
  }

  /** Takes up what came while nothing could be signed, as it would be if it came now. */
  async submitDeferred(): Promise<void> {
    // Not by gossip: what it brought then was not forwarded.
    for (const candidate of this.#deferred.splice(0)) await this.submit({ ...unproven(candidate), door: 'sync' })
  }

  /**
   * Tries again what was left open: a floor that is not reached; of the suspects of a log all that our own tree has
   * overtaken, and at most `limit` larger ones, which only the log or a peer can explain. Tells about those that stay.
   */
  async retrySuspects(log: string, limit: number): Promise<void> {
    // One at a time: each may wait for peers that do not answer.
    if (this.#retrying.has(log)) return
    this.#retrying.add(log)
    try {
      if (limit > 0) await this.#tracked(this.#reachFloor(log))
      await this.#tracked(this.#retries.retry(this.#logs.get(log)!, limit))
    } finally {
      this.#retrying.delete(log)
    }
  }

  /**
   * The proof (checkTree) that leads from the first `size` records of a head that we proved to that head, from the log
   * or from peers. Throws the GossumError of the log when there is none.
   */
  async proof(log: string, of: Tree, size: number): Promise<readonly Hash[]> {
    const proof = await this.#tracked(this.#prover.prove(this.#logs.get(log)!, of, size, undefined, undefined))
    if ('failed' in proof) throw new GossumError(proof.failed)
    return proof.prefix.proof
  }

  /** Work that stop() waits for. */
  #tracked<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.catch(() => undefined).finally(() => this.#underWay.delete(ended))
    this.#underWay.add(ended)
    return work
  }

  /** `charged`: the peer that brought it pays for the proof. */
  async #judge(candidate: Candidate, charged: boolean): Promise<Outcome> {
    let verified: VerifiedNote<FollowedLog>
    try {
      const { counted, relayed, neighbours, knownLines } = this.#parts
      const keys = {
        counted: knownLines.remembering(counted),
        relayed: knownLines.remembering(relayed()),
        neighbours: knownLines.remembering(neighbours()),
      }
      verified = verifyCandidate(candidate.note, this.#logs, candidate.log, keys)
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      const about = candidate.log !== undefined && this.#logs.has(candidate.log) ? { log: candidate.log } : {}
      return { kind: 'refused', news: false, code: error.code, ...about }
    }
    const { checkpoint } = verified
    const outcome =
      checkpoint === undefined
        ? await this.#consequences.suspect(candidate, verified, 'SIZE_IMPOSSIBLE')
        : await this.#conclude(candidate, { ...verified, checkpoint }, charged)
    return verified.forged ? { ...outcome, forged: true } : outcome
  }

  /** Compare and prove until there is a decision, then act on it; again when somebody else moved the head meanwhile. */
  async #conclude(candidate: Candidate, head: Head, charged: boolean): Promise<Outcome> {
    const { log } = head
    const { store, guard } = this.#parts
    const own = this.#cosigner.ownIn(head.cosignatures)
    if (own !== undefined) await this.#cosigner.recall(head, own)
    if (candidate.proof !== undefined && store.heads.get(log.id).tree === undefined && guard.maySign) {
      await this.#parts.looked?.(log.id)
    }
    for (;;) {
      const leave = await this.#turn(candidate, head)
      if (leave === undefined) return this.#consequences.suspect(candidate, head, 'HEADS_WAITING')
      const outcome = await this.#round(candidate, head, own !== undefined, charged)
        .catch((error: unknown) => unsigned(error, head))
        .finally(leave)
      if (outcome !== undefined) return outcome
      // A head that has to be decided about again is paid for.
      charged = false
    }
  }

  /** One comparison and what follows from it; undefined when somebody else moved the head meanwhile. */
  async #round(candidate: Candidate, head: Head, isOurs: boolean, charged: boolean): Promise<Outcome | undefined> {
    const { log, checkpoint, canonical } = head
    const state = this.#parts.store.heads.get(log.id)
    const objection = candidate.proof && objectionTo(state.tree, { ...checkpoint, canonical }, candidate.proof)
    if (objection !== undefined) return this.#object(candidate, head, state, objection)
    const isPast = this.#memory.isPast(log.id, head.bare)
    const kept = isPast ? undefined : await this.#keptAt(head, state)
    const held = { tree: state.tree, kept, frozen: isFrozen(state) }
    // What we cosigned once, we saw with our own eyes; what is pushed is the log's own word, as what we ask it for is.
    const ownEyes = candidate.door === 'poll' || isOurs || candidate.proof !== undefined
    const tree = { ...checkpoint, canonical, ownEyes }
    let decision: Decision = isPast ? { kind: 'past' } : decide(held, tree)
    if (decision.kind === 'prove') {
      const proof = pushedProof(candidate, state) ?? (await this.#prove(candidate, log, decision, charged))
      decision = decide(held, tree, proof)
    }
    return this.#consequences.act(candidate, head, state, decision, kept)
  }

  #prove(
    { door, peer }: Candidate,
    log: FollowedLog,
    { of, size }: Extract<Decision, { kind: 'prove' }>,
    charged: boolean,
  ): Promise<Proof> {
    // Whoever pushes says no name: they all have one budget.
    const payer = peer ?? (door === 'push' ? door : undefined)
    return this.#prover.prove(log, of, size, peer, charged ? payer : undefined)
  }

  /**
   * The proof that came with a pushed head does not do, and the sender is told why. The head itself is what it is: one
   * beyond our own waits for a better proof, or for what the log and the peers show; any other is compared with our
   * history without keeping the sender waiting.
   */
  async #object(candidate: Candidate, head: Head, { tree }: LogState, code: ErrorCode): Promise<Outcome> {
    const { log, checkpoint } = head
    const held = tree?.size ?? 0
    if (tree === undefined || checkpoint.size > tree.size) {
      return { ...(await this.#consequences.suspect(candidate, head, code)), held }
    }
    this.#inBackground(this.#submit(unproven(candidate)))
    return { kind: 'refused', news: false, log: log.id, size: checkpoint.size, root: checkpoint.root, code, held }
  }

  /** The head of the same size that was proven before, ours or one that somebody brought, for an older head. */
  async #keptAt({ log, checkpoint }: Head, { tree }: LogState): Promise<ProvenHead | undefined> {
    return tree === undefined || checkpoint.size >= tree.size
      ? undefined
      : this.#parts.cosigned.at(log.id, checkpoint.size)
  }

  /**
   * Waits until a larger head that others bring may be taken up; undefined when it may not. The log itself comes at our
   * own pace, and what it pushes with a proof needs no other.
   */
  async #turn({ door, proof }: Candidate, { log, checkpoint }: Head): Promise<(() => void) | undefined> {
    const { tree } = this.#parts.store.heads.get(log.id)
    const isPaced = door !== 'poll' && proof === undefined && tree !== undefined && checkpoint.size > tree.size
    return isPaced ? this.#pace.turn(log.id, checkpoint, this.#stopped.signal) : () => undefined
  }

  /** Goes on to the head that our key is known to have signed; nothing else is signed before. Whether it is reached. */
  async #reachFloor(log: string): Promise<boolean> {
    const { store, now } = this.#parts
    const note = unmetFloor(store.heads.get(log))?.note
    if (note !== undefined) await this.#judge({ door: 'sync', note: utf8(note), log, receivedAt: now() }, false)
    return unmetFloor(store.heads.get(log)) === undefined
  }

  #inBackground(work: Promise<unknown>): void {
    void this.#tracked(work).catch(this.#parts.onError)
  }
}

/** What becomes of a head when the key that should have signed it is away: it is on disk, and its cosignature owed. */
function unsigned(error: unknown, { log, checkpoint: { size, root } }: Head): Outcome {
  if (errorCode(error) !== 'AGENT_UNAVAILABLE') throw error
  return { kind: 'refused', news: false, log: log.id, size, root, code: 'AGENT_UNAVAILABLE' }
}

/** The proof of a pushed head that nothing can be objected to, as decide() asks for one. */
function pushedProof({ proof }: Candidate, { tree }: LogState): Proof | undefined {
  return proof && tree && { prefix: { root: tree.root, proof: proof.hashes } }
}
