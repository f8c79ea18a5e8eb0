/**
 * The one corridor: every head, whatever door it came through, goes parse -> verify -> compare -> prove -> persist ->
 * cosign -> publish. The heart knows neither libp2p nor HTTP: what leaves goes through the callbacks it was given.
 *
 * Trusted here: the configured log keys, our own key, our disk as far as the guard vouches for it. Not trusted: the
 * log, the peers, the clock.
 */
import { makeSplitView, type Evidence } from '../evidence/evidence.js'
import { GossumError, type ErrorCode } from '../errors.js'
import { isFrozen, type LogState } from '../store/heads.js'
import type { Store } from '../store/store.js'
import { fromUtf8, toHex, utf8 } from '../tlog/bytes.js'
import type { Checkpoint } from '../tlog/checkpoint.js'
import { cosign, type Cosignature } from '../tlog/cosignature.js'
import { sha256 } from '../tlog/hash.js'
import { checkTree, type Tree } from '../tlog/merkle.js'
import { formatNote, isBy, parseNote, type Note, type SignerKey, type VerifierKey } from '../tlog/note.js'
import { encodeCosigned, type CosignedHeads } from './cosigned.js'
import { decide, type Candidate, type Decision, type Outcome, type Prefix, type Proof } from './decide.js'
import type { Suspect, Suspects } from './suspects.js'
import { verifyCandidate, type LogIdentity, type VerifiedNote } from './verify.js'

/** A log that this node follows, and where it sees it from. */
export interface FollowedLog extends LogIdentity {
  /** Shows the root of a tree's first `size` records. Throws a GossumError when it cannot. */
  readonly prefix: (of: Tree, size: number, options: { signal: AbortSignal }) => Promise<Prefix>
}

export interface PipelineParts {
  readonly logs: readonly FollowedLog[]
  readonly store: Store
  readonly cosigned: CosignedHeads
  readonly suspects: Suspects
  readonly signer: SignerKey
  /** Keys whose cosignatures are verified and kept. */
  readonly counted: readonly VerifierKey[]
  /** Raises the alarm with evidence. Not new when it is about a lie that is known. */
  readonly alarm: (evidence: Evidence) => Promise<{ id: string; isNew: boolean }>
  /** Sends a head to the mesh. It is on disk already. */
  readonly publish: (log: string, note: Uint8Array) => void
  readonly onOutcome: (outcome: Outcome, candidate: Candidate) => void
  /** A suspect that stayed one for too long, or that no tree can explain. */
  readonly onSuspectAlarm: (suspect: Suspect) => void
  /** A suspect that had to make room for newer ones. */
  readonly onSuspectDropped: (suspect: Suspect) => void
  /** What failed in the background: our bug, or our disk. */
  readonly onError: (error: unknown) => void
  /** Milliseconds since 1970. */
  readonly now: () => number
}

/** A verified note whose checkpoint could be read. */
type Head = VerifiedNote<FollowedLog> & { readonly checkpoint: Checkpoint }

/** A cosignature of an unchanged head is made anew after this long, so that its time stays fresh. */
const REFRESH_SECONDS = 30 * 60
/** The longest that one proof may take. */
const PROVE_TIMEOUT_MS = 60_000
/** How long a suspect may stay one before people are told. */
const SUSPECT_ALARM_MS = 15 * 60_000
/** Outcomes remembered by the bytes of the note: what was refused or past once is so for ever. */
const REMEMBERED = 2048

export class Pipeline {
  readonly #parts: PipelineParts
  readonly #logs: ReadonlyMap<string, FollowedLog>
  readonly #remembered = new Map<string, Outcome>()
  readonly #stopped = new AbortController()
  readonly #underWay = new Set<Promise<unknown>>()
  /** Logs whose promised cosignature could not be stored (a full disk): made again when the head comes back. */
  readonly #owed = new Set<string>()

  constructor(parts: PipelineParts) {
    this.#parts = parts
    this.#logs = new Map(parts.logs.map((log) => [log.id, log]))
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
      const state = store.heads.get(log)
      if (state.note !== undefined && this.#isSigned(state) && this.#disagreement(log) === undefined) {
        await this.#release(log, state, parseNote(utf8(state.note)), new Map())
      }
    }
  }

  /** Ends the proofs that are under way: whoever waits for one goes on, undecided. */
  abort(): void {
    this.#stopped.abort()
  }

  /** Aborts, and waits until every submission has ended: then nothing writes any more. */
  async stop(): Promise<void> {
    this.abort()
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
    // With the log that the door expects: the same bytes on another log's topic are another matter.
    const key = `${candidate.log ?? ''} ${toHex(sha256(candidate.note))}`
    const outcome = this.#remembered.get(key) ?? (await this.#judge(candidate))
    this.#remember(key, outcome)
    this.#parts.onOutcome(outcome, candidate)
    if (outcome.kind === 'advanced') {
      void this.#tracked(this.retrySuspects(outcome.log!, 0)).catch(this.#parts.onError)
    }
    return outcome
  }

  /**
   * Tries the suspects of a log again: all that our own tree has overtaken, and at most `limit` larger ones, which
   * only the log itself can explain. Tells about those that stay.
   */
  async retrySuspects(log: string, limit: number): Promise<void> {
    const { suspects, store, onOutcome, now } = this.#parts
    let left = limit
    for (const suspect of suspects.list(log)) {
      if (this.#stopped.signal.aborted) return
      const overtaken = suspect.size !== null && suspect.size <= (store.heads.get(log).tree?.size ?? 0)
      if (overtaken || (suspect.size !== null && left-- > 0)) {
        const candidate = { ...suspect, note: utf8(suspect.note), receivedAt: now() }
        const outcome = await this.#judge(candidate)
        const isSuspect = outcome.kind === 'pending' || outcome.code === 'LOG_FROZEN'
        if (!isSuspect) onOutcome(outcome, candidate)
        if (!isSuspect) continue
      }
      if (now() - Date.parse(suspect.firstSeen) >= SUSPECT_ALARM_MS) await this.#alarmSuspect(suspect)
    }
  }

  async #alarmSuspect(suspect: Suspect): Promise<void> {
    if (await this.#parts.suspects.alarm(suspect)) this.#parts.onSuspectAlarm(suspect)
  }

  /** Work that stop() waits for. */
  #tracked<T>(work: Promise<T>): Promise<T> {
    const ended: Promise<unknown> = work.catch(() => undefined).finally(() => this.#underWay.delete(ended))
    this.#underWay.add(ended)
    return work
  }

  #remember(key: string, outcome: Outcome): void {
    // What depends on our state or our operator may change; the rest may not.
    const lasting = outcome.kind === 'past' || (outcome.kind === 'refused' && !PASSING.has(outcome.code!))
    if (!lasting || this.#remembered.has(key)) return
    if (this.#remembered.size >= REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!)
    this.#remembered.set(key, outcome)
  }

  async #judge(candidate: Candidate): Promise<Outcome> {
    let verified: VerifiedNote<FollowedLog>
    try {
      verified = verifyCandidate(candidate.note, this.#logs, candidate.log, this.#parts.counted)
    } catch (error) {
      if (!(error instanceof GossumError)) throw error
      const about = candidate.log !== undefined && this.#logs.has(candidate.log) ? { log: candidate.log } : {}
      return { kind: 'refused', news: false, code: error.code, ...about }
    }
    const { checkpoint } = verified
    return checkpoint === undefined
      ? this.#suspect(candidate, verified, 'SIZE_IMPOSSIBLE')
      : this.#conclude(candidate, { ...verified, checkpoint })
  }

  /** Compare and prove until there is a decision, then act on it; again when somebody else moved the head meanwhile. */
  async #conclude(candidate: Candidate, head: Head): Promise<Outcome> {
    const { log, checkpoint, canonical } = head
    for (;;) {
      const state = this.#parts.store.heads.get(log.id)
      const held = { tree: state.tree, frozen: isFrozen(state) }
      const tree = { ...checkpoint, canonical, ownEyes: candidate.door === 'poll' }
      let decision = decide(held, tree)
      if (decision.kind === 'prove') decision = decide(held, tree, await this.#prove(log, decision.of, decision.size))
      const outcome = await this.#act(candidate, head, state, decision)
      if (outcome !== undefined) return outcome
    }
  }

  async #prove(log: FollowedLog, of: Tree, size: number): Promise<Proof> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(PROVE_TIMEOUT_MS)])
    try {
      const prefix = await log.prefix(of, size, { signal })
      checkTree(prefix.proof, of.size, of.root, size, prefix.root)
      return { prefix }
    } catch (error) {
      if (error instanceof GossumError) return { failed: error.code }
      if (signal.aborted) return { failed: 'TIMEOUT' }
      throw error
    }
  }

  /** What follows from a decision. Undefined when the state was changed by somebody else: decide again. */
  async #act(candidate: Candidate, head: Head, state: LogState, decision: Decision): Promise<Outcome | undefined> {
    const { log, bare, cosignatures, clean } = head
    const { suspects, cosigned } = this.#parts
    const about = { log: log.id, size: head.checkpoint.size, root: head.checkpoint.root }
    switch (decision.kind) {
      case 'advanced': {
        if (this.#disagreement(log.id) !== undefined) {
          return { kind: 'refused', news: false, ...about, code: 'STATE_DISAGREES' }
        }
        if (!(await this.#advance(head, state))) return undefined
        await suspects.resolve(log.id, bare)
        return { kind: 'advanced', news: clean, ...about }
      }
      case 'known': {
        const fresh = await cosigned.merge(log.id, bare, cosignatures)
        await this.#refresh(head, state)
        await suspects.resolve(log.id, bare)
        if (fresh) this.#passOn(candidate, head, cosigned.current(log.id)?.note ?? bare)
        return { kind: 'known', news: fresh && clean, ...about }
      }
      case 'past':
        await suspects.resolve(log.id, bare)
        await cosigned.merge(log.id, bare, cosignatures)
        return { kind: 'past', news: false, ...about }
      case 'pending':
        return this.#suspect(candidate, head, decision.code)
      case 'refused':
        return { kind: 'refused', news: false, ...about, code: decision.code }
      case 'conflict': {
        const ours = state.note === undefined ? undefined : parseNote(utf8(state.note))
        // A size-0 head with records convicts alone; anything else needs the head that it conflicts with.
        if (ours === undefined && about.size > 0) return this.#suspect(candidate, head, 'HISTORY_MISSING')
        const { id, isNew } = await this.#parts.alarm(makeSplitView(log.key, [bare, ours ?? bare], decision.prefix))
        await suspects.resolve(log.id, bare)
        if (isNew) this.#passOn(candidate, head, bare)
        return { kind: 'conflict', news: isNew && clean, ...about, evidence: id }
      }
      case 'prove':
        throw new Error('decide() asked twice for one proof')
    }
  }

  /** Keeps a head that could not be tied to our history. A signed size that no tree has freezes the log at once. */
  async #suspect(candidate: Candidate, head: VerifiedNote<FollowedLog>, code: ErrorCode): Promise<Outcome> {
    const { suspects, store } = this.#parts
    const { log, bare, checkpoint, clean } = head
    const { isNew, suspect, dropped } = await suspects.keep(head, candidate, code)
    if (dropped !== undefined) this.#parts.onSuspectDropped(dropped)
    if (checkpoint === undefined) {
      await store.heads.hold(log.id, suspect.id)
      await this.#alarmSuspect(suspect)
    }
    const worthTelling = isNew && (checkpoint?.size ?? Infinity) > (store.heads.get(log.id).tree?.size ?? 0)
    if (worthTelling) this.#passOn(candidate, head, bare)
    return {
      kind: 'pending',
      news: worthTelling && clean,
      log: log.id,
      code,
      ...(checkpoint && { size: checkpoint.size, root: checkpoint.root }),
    }
  }

  /** Persist, cosign, publish. False when the state moved meanwhile: nothing was written or signed. */
  async #advance({ log, checkpoint, bare, cosignatures }: Head, state: LogState): Promise<boolean> {
    const { size, root } = checkpoint
    const next = await this.#parts.store.heads.change(log.id, state, {
      tree: { size, root },
      note: fromUtf8(formatNote(bare))!,
      signed: this.#promise(state, size),
    })
    if (next === undefined) return false
    await this.#release(log.id, next, bare, cosignatures)
    this.#publishCurrent(log.id)
    return true
  }

  /** Cosigns a known head that we never cosigned with this key, or not for a long time. */
  async #refresh({ log, bare, canonical }: Head, state: LogState): Promise<void> {
    if (!canonical || isFrozen(state) || this.#disagreement(log.id) !== undefined) return
    const age = this.#parts.now() / 1000 - (state.signed?.time ?? 0)
    // After a recovery the tree is known without its note: the head that came back fills it in.
    if (state.note !== undefined && this.#isSigned(state) && age < REFRESH_SECONDS && !this.#owed.has(log.id)) return
    const signed = this.#promise(state, state.tree!.size)
    const next = await this.#parts.store.heads.change(log.id, state, { note: fromUtf8(formatNote(bare))!, signed })
    if (next === undefined) return
    await this.#release(log.id, next, bare, new Map())
    this.#publishCurrent(log.id)
  }

  /** What will be signed, for the disk. Time never runs backwards, whatever the clock says. */
  #promise(state: LogState, size: number): NonNullable<LogState['signed']> {
    const time = Math.max(Math.floor(this.#parts.now() / 1000), state.signed?.time ?? 0, 1)
    return { key: this.#parts.signer.verifier.vkey, size, time }
  }

  /** Makes the cosignature that the state on disk speaks of, and stores it: only then may it leave. */
  async #release(log: string, state: LogState, bare: Note, others: ReadonlyMap<string, Cosignature>): Promise<void> {
    const { signer, cosigned } = this.#parts
    const own = cosign(bare.text, state.signed!.time, signer)
    try {
      await cosigned.install(log, bare, new Map([...others, [signer.verifier.vkey, own]]))
      this.#owed.delete(log)
    } catch (error) {
      this.#owed.add(log)
      throw error
    }
  }

  #publishCurrent(log: string): void {
    const current = this.#parts.cosigned.current(log)
    if (current !== undefined) this.#parts.publish(log, encodeCosigned(current))
  }

  /** Sends on what gossip will not forward by itself: news from another door, or news in bytes not fit to be sent. */
  #passOn(candidate: Candidate, head: VerifiedNote<FollowedLog>, note: Note): void {
    if (candidate.door !== 'gossip' || !head.clean) this.#parts.publish(head.log.id, formatNote(note))
  }

  #isSigned(state: LogState): boolean {
    return state.signed?.key === this.#parts.signer.verifier.vkey && state.signed.size === state.tree?.size
  }

  #disagreement(log: string): string | undefined {
    return this.#parts.store.heads.disagreement(log)
  }
}

/** Refusals that depend on the state of this node, and so may not be remembered. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['LOG_FROZEN', 'STATE_DISAGREES'])
