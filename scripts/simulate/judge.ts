/**
 * The pipeline of one node on virtual time. The production code decides everything: heads are read by readHead, stepped
 * by step, paced by AdvanceThrottle, published by Publisher, and convicted by Alarm. The code here replaces the
 * production runner and its effects (src/witness/runner.ts, effects.ts), without a disk; test/simulate/judge.test.ts
 * compares the two.
 */
import type { Alarm } from '../../src/evidence/alarm.js'
import type { Evidence } from '../../src/evidence/evidence.js'
import { isFrozen, NOTHING, type LogState } from '../../src/store/log-state.js'
import { equalBytes, utf8 } from '../../src/tlog/bytes.js'
import { cosign } from '../../src/tlog/cosignature.js'
import type { Tree } from '../../src/tlog/merkle.js'
import type { SignerKey, VerifierKey } from '../../src/tlog/note.js'
import { AdvanceThrottle, PAUSE_MS } from '../../src/witness/advance-throttle.js'
import type { Prefix, Proof } from '../../src/witness/decide.js'
import type { Candidate, SizedHead } from '../../src/witness/head.js'
import type { Outcome } from '../../src/witness/outcome.js'
import { Publisher } from '../../src/witness/publisher.js'
import type { Quorum } from '../../src/witness/quorum.js'
import type { Made } from '../../src/witness/signing.js'
import { SOURCES } from '../../src/witness/source.js'
import { step } from '../../src/witness/step.js'
import type { AnsweredProof, Circumstances, Effect, HeadInput } from '../../src/witness/step-types.js'
import { VerdictCache } from '../../src/witness/verdict-cache.js'
import { lastingController } from '../../src/lib/timed.js'
import { alarmInMemory } from './alarm.js'
import { findingsOf } from './findings.js'
import { HeldHeads, type CosignedTable } from './held-heads.js'
import type { SimulatedLog } from './log.js'
import type { Reader } from './reader.js'
import type { VirtualTime } from './virtual-time.js'

/** Suspects larger than our tree that are retried after a poll, as in the production poller. */
const SUSPECTS_PER_POLL = 8

/** What all nodes share. */
export interface JudgeWorld {
  readonly time: VirtualTime
  readonly log: SimulatedLog
  readonly reader: Reader
  readonly table: CosignedTable
  readonly quorum: Quorum
}

export interface JudgeOptions {
  readonly world: JudgeWorld
  /** The witness key, if the node has one. */
  readonly signer?: SignerKey | undefined
  /** Keys that neighbours count. */
  readonly relayed: () => readonly VerifierKey[]
  /** Asks the log, and then peers, beginning with the one that sent the head. */
  readonly prove: (of: Tree, size: number, peer: string | undefined, answered: (proof: Proof) => void) => void
  /** The log's own answer, immediately: whether heads of evidence are of one history. */
  readonly fromLog: (of: Tree, size: number) => Prefix | undefined
  /** Deposits a promise with peers. */
  readonly deposit: (deposited: () => void) => void
  readonly told: {
    readonly publishHead: (note: Uint8Array) => void
    readonly publishEvidence: (file: Uint8Array, id: string) => void
    readonly onQuorum: (size: number) => void
  }
}

/** The results of the effects of one step. */
interface Performed {
  news: boolean
  counted?: boolean
  made: Made
  again: Candidate[]
  evidence?: string
  isRefused?: boolean
}

type Decided = (outcome: Outcome) => void

export class Judge {
  state: LogState = NOTHING
  readonly held: HeldHeads
  readonly #options: JudgeOptions
  readonly #publisher: Publisher
  readonly #throttle: AdvanceThrottle
  readonly #memory = new VerdictCache()
  readonly #stopped = lastingController()
  /** By the text of the head. */
  readonly suspects = new Map<string, { readonly note: Uint8Array; readonly size: number; readonly peer?: string }>()
  #alarm: Alarm | undefined
  #starting: Promise<Alarm> | undefined

  constructor(options: JudgeOptions) {
    const { world, told } = options
    this.#options = options
    this.held = new HeldHeads(world.table, told.onQuorum)
    const policy = new Set(world.quorum.keys.map(({ vkey }) => vkey))
    this.#publisher = new Publisher({
      counted: world.quorum.keys,
      isHeard: (vkey) => policy.has(vkey),
      publish: (_log, note) => told.publishHead(note),
    })
    this.#throttle = new AdvanceThrottle(world.time.now, PAUSE_MS, world.time.setTimer)
  }

  /** Ids of the evidence that is held. */
  evidence(): readonly string[] {
    return this.#alarm?.ids().map(({ id }) => id) ?? []
  }

  /** The file of one of them. */
  async evidenceFile(id: string): Promise<Uint8Array | undefined> {
    const kept = await this.#alarm?.get(id)
    return kept && utf8(kept.text)
  }

  /** Takes a head; `decided` may be called much later, when there is a proof, or when its turn has come. */
  submit(candidate: Candidate, decided: Decided = () => undefined): void {
    const { reader, time } = this.#options.world
    const read = reader.read(candidate.note, this.#options.relayed())
    if ('kind' in read) return decided(read)
    if (read.checkpoint === undefined) throw new Error('no scenario has a head of an impossible size')
    const head = { ...read, checkpoint: read.checkpoint }
    const isForged = read.forged
    const end: Decided = (outcome) => {
      decided(isForged ? { ...outcome, forged: true } : outcome)
      if (outcome.kind === 'advanced') this.#retry(0)
    }
    const { tree } = this.state
    const isPaced = SOURCES[candidate.source].paced && tree !== undefined && head.checkpoint.size > tree.size
    if (!isPaced) return this.#steps(candidate, head, [], end)
    time.awaits()
    void this.#throttle.turn(head.log.id, head.checkpoint, this.#stopped.signal).then((leave) => {
      if (leave === undefined) return end(this.#waiting(candidate, head))
      this.#steps(candidate, head, [], (outcome) => {
        leave()
        end(outcome)
      })
    })
  }

  /** Takes evidence from a peer. */
  async receiveEvidence(file: Uint8Array): Promise<'new' | 'known' | 'invalid' | 'unknown'> {
    return (await this.#theAlarm()).receive(this.#options.world.log.identity.id, file)
  }

  /** Called after each poll, whatever its result. */
  retrySuspects(): void {
    this.#retry(SUSPECTS_PER_POLL)
  }

  stop(): void {
    this.#stopped.abort()
    this.#publisher.stop()
  }

  // ---- steps ---------------------------------------------------------------------------------------------------

  #steps(candidate: Candidate, head: SizedHead, proofs: readonly AnsweredProof[], decided: Decided): void {
    for (;;) {
      const input: HeadInput = { kind: 'head', head, source: candidate.source, proofs, triedFloor: false }
      const { change, outcome, effects } = step(this.state, input, this.#circumstances(head))
      const [first] = effects
      if (first?.do === 'prove') {
        const { of, size } = first
        return this.#options.prove(of, size, candidate.peer, (answer) =>
          this.#steps(candidate, head, [...proofs, { of, size, answer }], decided),
        )
      }
      if (change !== undefined) this.state = { ...this.state, ...change, seq: this.state.seq + 1 }
      if (outcome === undefined) continue
      const performed: Performed = { news: false, made: [], again: [] }
      return this.#perform([...effects], candidate, head, performed, () => {
        const { news, counted, evidence, again, isRefused } = performed
        if (isRefused) return decided({ ...outcome, kind: 'refused', code: 'LOG_FROZEN', news: false })
        const isNews = (news || outcome.kind === 'advanced') && head.clean
        decided({
          ...outcome,
          news: isNews,
          ...(counted === true && { counted }),
          ...(evidence !== undefined && { evidence }),
        })
        for (const more of again) this.submit(more)
      })
    }
  }

  #circumstances(head: SizedHead): Circumstances {
    const { world, signer } = this.#options
    const { tree } = this.state
    const { size } = head.checkpoint
    const isOlder = tree !== undefined && size < tree.size
    const isPast = isOlder && this.#memory.isPast(head.log.id, head.logNote)
    const own = signer && this.held.cosignatureOf(signer.verifier.vkey, tree?.size)
    return {
      now: Math.floor(world.time.now() / 1000),
      keys: { key: signer?.verifier.vkey ?? '' },
      frozen: this.#isFrozen(),
      kept: isOlder && !isPast ? this.held.at(size) : undefined,
      isPast,
      made: own === undefined ? [] : [own],
      isOwed: false,
    }
  }

  #isFrozen(): boolean {
    return isFrozen(this.state) || this.#alarm?.holds(this.#options.world.log.identity.id) === true
  }

  // ---- effects -------------------------------------------------------------------------------------------------

  #perform(effects: Effect[], candidate: Candidate, head: SizedHead, performed: Performed, done: () => void): void {
    for (let effect = effects.shift(); effect !== undefined; effect = effects.shift()) {
      const goOn = (): void => this.#perform(effects, candidate, head, performed, done)
      switch (effect.do) {
        case 'cosign':
          if (this.#options.signer === undefined)
            this.held.install(head.logNote, head.checkpoint.size, head.cosignatures)
          else return this.#cosign(this.#options.signer, head, performed, goOn, done)
          break
        case 'raise':
          return this.#raise(effect.evidence, candidate, head, performed, goOn)
        default:
          this.#performAtOnce(effect, candidate, head, performed)
      }
    }
    done()
  }

  #performAtOnce(effect: Effect, candidate: Candidate, head: SizedHead, performed: Performed): void {
    const { log, checkpoint, logNote } = head
    switch (effect.do) {
      case 'publish':
        return this.#publish(effect.what, candidate, head, performed.made)
      case 'merge': {
        if (head.cosignatures.size === 0) return
        const before = this.held.quorumSize
        const isOnItsWay = this.state.note?.startsWith(`${logNote.text}\n`) === true
        const fresh = this.held.merge(logNote, checkpoint.size, head.cosignatures, isOnItsWay)
        if (fresh.size === 0 || !this.#publisher.merged(candidate.source, head, fresh, before)) return
        performed.news = true
        performed.counted = this.#options.world.quorum.keys.some(({ vkey }) => fresh.has(vkey))
        return
      }
      case 'keepSuspect':
        if (this.#keepSuspect(candidate, head)) performed.news = true
        return
      case 'resolve': {
        const suspect = this.suspects.get(logNote.text)
        this.suspects.delete(logNote.text)
        if (suspect !== undefined && !equalBytes(suspect.note, candidate.note))
          performed.again.push({ ...candidate, source: 'replay', note: suspect.note })
        return
      }
      case 'notePast':
        return this.#memory.notePast(log.id, logNote)
      case 'tellFirstUse':
      case 'compareWitnesses':
        // In all scenarios the witnesses cosign only what they have proven.
        return
      default:
        throw new Error(`no scenario leads to ${effect.do}`)
    }
  }

  #cosign(signer: SignerKey, head: SizedHead, performed: Performed, goOn: () => void, done: () => void): void {
    const { signed } = this.state
    this.#options.deposit(() => {
      if (this.#isFrozen()) {
        performed.isRefused = true
        return done()
      }
      const cosignature = cosign(head.logNote.text, signed!.time, signer)
      const cosignatures = new Map([...head.cosignatures, [signer.verifier.vkey, cosignature]])
      this.held.install(head.logNote, head.checkpoint.size, cosignatures)
      performed.made = [cosignature]
      goOn()
    })
  }

  #publish(what: 'advance' | 'renewal' | 'frozen', { source }: Candidate, head: SizedHead, made: Made): void {
    const { signer } = this.#options
    const own = signer === undefined ? [] : [signer.verifier]
    switch (what) {
      case 'advance':
        this.#throttle.signed(head.log.id, head.checkpoint.size)
        return this.#publisher.advanced(source, head, own, made)
      case 'renewal':
        return this.#publisher.renewed(head, own, made)
      case 'frozen':
        return this.#publisher.shownFrozen(head)
    }
  }

  #raise(evidence: Evidence, { source }: Candidate, head: SizedHead, performed: Performed, goOn: () => void): void {
    this.#options.world.time.awaits()
    void this.#theAlarm()
      .then((alarm) => alarm.raise(evidence))
      .then(({ id, isNew }) => {
        performed.evidence = id
        performed.news = isNew
        if (isNew) this.#publisher.passOn(source, head, head.logNote)
        goOn()
      })
  }

  #waiting(candidate: Candidate, head: SizedHead): Outcome {
    const news = this.#keepSuspect(candidate, head) && head.clean
    return { kind: 'pending', news, log: head.log.id, code: 'HEADS_WAITING', ...head.checkpoint }
  }

  #keepSuspect({ source, note, peer }: Candidate, head: SizedHead): boolean {
    const { text } = head.logNote
    const isNew = !this.suspects.has(text)
    const { size } = head.checkpoint
    if (isNew) this.suspects.set(text, { note, size, ...(peer !== undefined && { peer }) })
    const isNews = isNew && size > (this.state.tree?.size ?? 0)
    if (isNews) this.#publisher.passOn(source, head, head.logNote)
    return isNews
  }

  /** Retries suspects that our tree has overtaken, and some that are larger. */
  #retry(limit: number): void {
    let left = limit
    for (const { note, size, peer } of [...this.suspects.values()]) {
      if (size > (this.state.tree?.size ?? 0) && left-- <= 0) continue
      const receivedAt = this.#options.world.time.now()
      this.submit({ source: 'replay', note, receivedAt, ...(peer !== undefined && { peer }) })
    }
  }

  // ---- evidence ------------------------------------------------------------------------------------------------

  #theAlarm(): Promise<Alarm> {
    const { world, told } = this.#options
    return (this.#starting ??= alarmInMemory({
      ...{ time: world.time, log: world.log.identity, witnesses: world.quorum.keys },
      node: {
        ...findingsOf(this, this.#options.fromLog),
        freeze: (_log, id) => this.#freeze(id),
        isFrozen: () => isFrozen(this.state),
      },
      tell: told.publishEvidence,
    }).then((alarm) => (this.#alarm = alarm)))
  }

  #freeze(id: string): Promise<void> {
    const { holds, seq } = this.state
    if (!holds.some((hold) => hold.id === id))
      this.state = { ...this.state, holds: [...holds, { id, acked: false }], seq: seq + 1 }
    return Promise.resolve()
  }
}
