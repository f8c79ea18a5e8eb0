/**
 * The witness: every head, wherever it comes from, is read, compared, proven, persisted, cosigned and published here.
 * It knows neither libp2p nor HTTP: everything leaves through the callbacks it was given.
 *
 * Trusted: the configured log keys, our own keys, our disk as far as the journal vouches for it. Not trusted: the log,
 * the peers, the clock.
 */
import { GossumError } from '../errors.js'
import { lastingController } from '../lib/timed.js'
import type { Hash } from '../tlog/hash.js'
import type { Tree } from '../tlog/merkle.js'
import { Auditor, type AuditorKey, type AuditorOutcome } from './auditor.js'
import { Gatherer, type Barrier } from './circumstances.js'
import { Deferred } from './deferred.js'
import { Effects, type LogMemory, type Listeners } from './effects.js'
import type { Candidate, SizedHead } from './head.js'
import { VerdictCache } from './verdict-cache.js'
import { OpenEnds } from './open-ends.js'
import type { Outcome } from './outcome.js'
import { AdvanceThrottle } from './advance-throttle.js'
import type { Proof } from './decide.js'
import type { PromisedHead } from './promise.js'
import { Prover, type FollowedLog, type PrefixFromPeers } from './prover.js'
import { Publisher } from './publisher.js'
import type { TakePush } from './push-budget.js'
import { markOfPromise, Runner, type Judged, type ReadKeys } from './runner.js'
import { Signing, type LogSigners, type PromiseDeposits } from './signing.js'
import type { Mark } from './step-types.js'
import { UnderWay } from './under-way.js'

export interface WitnessOptions {
  readonly logs: readonly FollowedLog[]
  readonly kept: LogMemory
  /** The keys whose signatures are read, and those that sign. */
  readonly keys: Omit<ReadKeys, 'auditor'> & {
    readonly own: LogSigners
    readonly auditor?: AuditorKey | undefined
    /** Whether our policy or a neighbour's counts the cosignatures of this key (vkey). */
    readonly isHeard: (vkey: string) => boolean
  }
  /** What can prevent a signature, and the deposits of promises. */
  readonly barrier: Barrier & { readonly deposits?: PromiseDeposits | undefined }
  readonly ask: {
    /** Asks peers for a proof that the log does not give. */
    readonly prefixFromPeers: PrefixFromPeers
    /** Resolves when this node has polled the log itself (runner.ts); if absent, as if it always had. */
    readonly looked?: (log: string) => Promise<unknown>
    /** For an observer: whether a quorum vouches for a head (vouching.ts). */
    readonly isVouched?: ((head: SizedHead) => boolean) | undefined
    /** Limits what a log may push (push-budget.ts); no limit when absent. */
    readonly takePush?: TakePush
  }
  readonly told: Listeners
  readonly time: {
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Monotonic milliseconds, for durations. */
    readonly monotonic: () => number
    /** Milliseconds between two heads of one log that others bring; PAUSE_MS if absent. */
    readonly pauseMs?: number
  }
}

export class Witness {
  readonly #told: Listeners
  readonly #logs: ReadonlyMap<string, FollowedLog>
  readonly #memory = new VerdictCache()
  readonly #stopped = lastingController()
  readonly #underWay: UnderWay
  readonly #prover: Prover
  readonly #publisher: Publisher
  readonly #runner: Runner
  readonly #openEnds: OpenEnds
  readonly #auditor: Auditor | undefined
  readonly #auditorKey: string | undefined

  constructor({ logs, kept, keys, barrier, ask, told, time }: WitnessOptions) {
    const { now, monotonic, pauseMs } = time
    this.#told = told
    // A head that is pushed again and again is verified once.
    this.#logs = new Map(logs.map((log) => [log.id, { ...log, key: keys.known.remembering([log.key])[0] ?? log.key }]))
    this.#underWay = new UnderWay(told.onError, monotonic)
    this.#prover = new Prover(ask.prefixFromPeers, this.#stopped.signal, monotonic)
    this.#publisher = new Publisher({ ...keys, publish: told.publish, pauseMs })
    const deferred = new Deferred(keys.counted)
    const throttle = new AdvanceThrottle(now, pauseMs)
    const signing = new Signing({
      keyring: keys.own,
      cosigned: kept.cosigned,
      deposits: barrier.deposits,
      obstacle: (log) => gatherer.standsInTheWay(log),
      confirm: (log, state) => kept.store.heads.confirm(log, state),
    })
    const { isVouched } = ask
    const gatherer: Gatherer = new Gatherer({ kept, barrier, memory: this.#memory, deferred, signing, isVouched, now })
    const effects = new Effects({
      kept,
      keys,
      told,
      memory: this.#memory,
      tools: { signing, throttle, publisher: this.#publisher, prover: this.#prover },
    })
    const tools = { gatherer, prover: this.#prover, throttle, signing, effects, deferred }
    const auditor = keys.auditor?.signer.verifier
    this.#auditorKey = auditor?.vkey
    const runnerOptions = {
      logs: this.#logs,
      kept,
      keys: { ...keys, auditor },
      barrier,
      tools,
      looked: ask.looked ?? (() => Promise.resolve()),
      takePush: ask.takePush ?? (() => () => undefined),
    }
    this.#runner = new Runner(runnerOptions, this.#underWay, this.#stopped.signal)
    const runner = this.#runner
    this.#openEnds = new OpenEnds({ logs: this.#logs, kept, told, tools, runner, now }, this.#stopped.signal)
    this.#auditor =
      keys.auditor &&
      new Auditor({
        ...{ key: keys.auditor, kept, now },
        standsInTheWay: (log) => gatherer.standsInTheWay(log),
        prove: (log, of, size) => this.#prove(log, of, size),
        isHeard: keys.isHeard,
        publish: told.publish,
      })
  }

  /** Resumes where the last run ended (open-ends.ts). Throws LOG_KEY_CHANGED. */
  resume(): Promise<void> {
    return this.#openEnds.resume()
  }

  /** Aborts the proofs in progress, so that their callers continue, undecided. Sends what waits to be published. */
  abort(): void {
    this.#stopped.abort()
    this.#publisher.stop()
  }

  /** Aborts, and waits until every submission has ended: nothing is written after that. */
  async stop(): Promise<void> {
    this.abort()
    await this.idle()
  }

  /** Milliseconds since the oldest unfinished work began; 0 if there is none. */
  get underWayMs(): number {
    return this.#underWay.oldestMs
  }

  /** Resolves when nothing is in progress any more. */
  idle(): Promise<void> {
    return this.#underWay.idle()
  }

  /**
   * Takes a head through the pipeline. Throws only our own failures and our disk's (STORE_WRITE_FAILED, INTERNAL): then
   * nothing was signed.
   */
  submit(candidate: Candidate): Promise<Outcome> {
    const refused = this.#memory.refusal(candidate)
    const judged = refused ? Promise.resolve({ outcome: refused, again: [] }) : this.#runner.judge(candidate)
    return this.#underWay.track(judged.then((its) => this.#concluded(candidate, its)))
  }

  /** What follows from an outcome, with nobody waiting for it. */
  #concluded(candidate: Candidate, { outcome, again }: Judged): Outcome {
    this.#memory.noteRefusal(candidate, outcome)
    this.#told.onOutcome(outcome, candidate)
    this.#submitLater(again)
    if (outcome.kind === 'advanced') this.#underWay.background(this.#retry(outcome.log!, 0))
    return outcome
  }

  /** Takes heads through the pipeline with nobody waiting for them. */
  #submitLater(candidates: readonly Candidate[]): void {
    for (const candidate of candidates) this.#underWay.background(this.submit(candidate))
  }

  /**
   * Takes up what peers remember of our own keys before any of it is proven: heads with our cosignatures, and heads
   * that we promised. What our keys did not sign is ignored. Durable when it returns.
   */
  async recall(told: {
    readonly heads: readonly Uint8Array[]
    /** Each is by a key of ours; `witness` says which. */
    readonly promises: readonly (PromisedHead & { readonly witness?: string })[]
  }): Promise<void> {
    const marks = new Map<string, Mark[]>()
    const add = (log: string, its: readonly Mark[]): void => {
      if (its.length > 0) marks.set(log, [...(marks.get(log) ?? []), ...its])
    }
    for (const note of told.heads) {
      const head = this.#read(note)
      if (head !== undefined) add(head.log.id, this.#runner.marksIn(head))
    }
    for (const { log, head: note, time, witness } of told.promises) {
      const head = this.#read(note, log)
      const by = witness === this.#auditorKey ? witness : undefined
      if (head !== undefined) add(log, [markOfPromise(head, time, by)])
    }
    for (const [log, its] of marks) await this.#runner.takeMarks(log, its)
  }

  #read(note: Uint8Array, log?: string): SizedHead<FollowedLog> | undefined {
    const head = this.#runner.read({ source: 'sync', note, receivedAt: 0, ...(log !== undefined && { log }) })
    if ('kind' in head || head.checkpoint === undefined) return undefined
    return { ...head, checkpoint: head.checkpoint }
  }

  /** Makes the cosignatures that were promised on disk and could not be made, now that they can. */
  async retryOwed(): Promise<void> {
    for (const candidate of this.#openEnds.owed()) await this.submit(candidate)
  }

  /** Deposits again what an earlier run signed. */
  redeposit(): Promise<void> {
    return this.#underWay.track(this.#openEnds.redeposit())
  }

  /** Processes what arrived while nothing could be signed. */
  submitDeferred(): Promise<void> {
    return this.#openEnds.takeDeferred((candidate) => this.submit(candidate))
  }

  /** Tries again what is open of a log, and at most `limit` suspects larger than our tree (open-ends.ts). */
  retrySuspects(log: string, limit: number): Promise<void> {
    return this.#underWay.track(this.#retry(log, limit))
  }

  async #retry(log: string, limit: number): Promise<void> {
    this.#submitLater(await this.#openEnds.retry(log, limit))
  }

  /**
   * The proof (checkTree) from the first `size` records to a head that we proved, from the log or from peers. Throws
   * the log's GossumError when there is none.
   */
  async proof(log: string, of: Tree, size: number): Promise<readonly Hash[]> {
    const proof = await this.#underWay.track(this.#prove(log, of, size))
    if ('failed' in proof) throw new GossumError(proof.failed)
    return proof.prefix.proof
  }

  async #prove(log: string, of: Tree, size: number): Promise<Proof> {
    const followed = this.#logs.get(log)
    if (followed === undefined) throw new GossumError('LOG_UNKNOWN', log)
    return this.#prover.prove(followed, of, size, undefined, undefined)
  }

  /**
   * Cosigns with the auditor's key the head of this size, after an audit has read all its records and found none bad.
   * Returns the outcome; undefined when this witness has no auditor's key. Throws STORE_WRITE_FAILED, with nothing
   * signed.
   */
  async cosignAudited(log: string, size: number): Promise<AuditorOutcome | undefined> {
    if (this.#auditor === undefined || this.#stopped.signal.aborted) return undefined
    return this.#underWay.track(this.#auditor.cosign(log, size))
  }
}
