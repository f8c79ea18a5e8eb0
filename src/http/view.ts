/**
 * What a node shows of itself: one reading of the heart, the store and the mesh, in the words of the API. The API, the
 * metrics and the command line all show this and nothing else.
 */
import type { LogSetting } from '../config.js'
import { errorText } from '../errors.js'
import type { Received } from '../evidence/alarm.js'
import { followedOf } from '../logs/setting.js'
import type { LogSample, Sample } from '../metrics.js'
import { isFrozen, unmetFloor } from '../store/heads.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { formatHash } from '../tlog/hash.js'
import { formatNote, type VerifierKey } from '../tlog/note.js'
import { quorumThreshold } from '../tlog/policy.js'
import { encodeCosigned, type CosignedHead } from '../witness/cosigned-head.js'
import type { Candidate, Outcome } from '../witness/decide.js'
import type { GuardReport, GuardState } from '../witness/rollback.js'
import type { Suspect, Suspects } from '../witness/suspects.js'
import type {
  EvidenceView,
  ExchangeView,
  HeadView,
  LogView,
  NodeView,
  PeerView,
  Readiness,
  SigningView,
  StatusView,
  SuspectView,
  WitnessView,
} from './api.js'
import type { BastionReport } from './bastion.js'
import { cosignatureViews, evidenceViews, witnessViews, type WitnessParts } from './witnesses.js'

export interface ViewParts extends WitnessParts {
  readonly suspects: Suspects
  readonly version: string
  readonly now: () => number
  readonly guard: () => GuardReport
  readonly signing: () => SigningView
  readonly bastion: () => BastionReport | undefined
  /** The places outside the mesh. */
  readonly exchange: () => ExchangeView[]
  readonly alarm: { acknowledge(id: string): Promise<boolean>; take(file: Uint8Array): Promise<Received> }
  /** The corridor. */
  readonly submit: (candidate: Candidate) => Promise<Outcome>
  /** The mesh, once it runs. */
  readonly mesh: () => MeshView | undefined
}

interface MeshView {
  readonly peerId: string
  multiaddrs(): string[]
  peers(): PeerView[]
  /** Keys that neighbours count. */
  relayed(): readonly VerifierKey[]
}

/** A log that has not answered for this long makes the node not ready, in polling intervals. */
const STALE_INTERVALS = 5
/** But not before this many seconds. */
const STALE_SECONDS = 300
/** States of the rollback guard in which nothing is signed, or nobody has said what was signed before. */
const NOT_READY: ReadonlySet<GuardState> = new Set(['waiting', 'unanswered', 'twin'])

interface PollRecord {
  failures: number
  lastAnswer: number | undefined
  error: string | null
}

export class View implements NodeView {
  readonly #parts: ViewParts
  readonly #polls = new Map<string, PollRecord>()
  readonly #startedAt: number
  /** Set once they exist. */
  http = ''
  metrics: () => Promise<string> = () => Promise.resolve('')

  constructor(parts: ViewParts) {
    this.#parts = parts
    this.#startedAt = parts.now()
  }

  /**
   * Notes how a poll went. Returns whether it is worth telling people: the first answer, the first failure, and then
   * ever more rarely.
   */
  polled(log: string, error: unknown): boolean {
    const record = this.#poll(log)
    if (error === undefined) {
      const isNews = record.failures > 0 || record.lastAnswer === undefined
      Object.assign(record, { failures: 0, lastAnswer: this.#parts.now(), error: null })
      return isNews
    }
    record.failures++
    record.error = errorText(error)
    return Number.isInteger(Math.log2(record.failures))
  }

  #poll(log: string): PollRecord {
    let record = this.#polls.get(log)
    if (record === undefined) this.#polls.set(log, (record = { failures: 0, lastAnswer: undefined, error: null }))
    return record
  }

  async status(): Promise<StatusView> {
    const { config, witness, second, version, mesh, guard, signing, bastion, exchange } = this.#parts
    const evidence = await this.evidence()
    return {
      version,
      witness: witness.vkey,
      mlDsa: second?.vkey ?? null,
      peerId: mesh()?.peerId ?? null,
      multiaddrs: mesh()?.multiaddrs() ?? [],
      http: this.http,
      startedAt: iso(this.#startedAt),
      policy: config.policy
        ? {
            quorum: config.policy.quorum,
            threshold: quorumThreshold(config.policy),
            witnesses: config.policy.witnesses.length,
          }
        : null,
      logs: config.logs.map((log) => this.#log(log)),
      peers: this.peers().length,
      evidence: evidence.filter((item) => !item.acked).length,
      guard: { ...guard() },
      signing: signing(),
      bastion: bastion() ?? null,
      exchange: exchange(),
    }
  }

  #log({ id, key, url, origin, disabled, list, perDay }: LogSetting): LogView {
    const { store, cosigned, suspects } = this.#parts
    const state = store.heads.get(id)
    const head = cosigned.current(id)
    const quorum = cosigned.quorum(id)
    const floor = unmetFloor(state)
    const poll = this.#poll(id)
    return {
      id,
      name: key.name,
      key: key.vkey,
      url,
      origin,
      disabled,
      list,
      perDay,
      size: state.tree?.size ?? 0,
      root: state.tree ? formatHash(state.tree.root) : null,
      time: state.signed ? iso(state.signed.time * 1000) : null,
      frozen: isFrozen(state),
      holds: state.holds.map(({ id: hold, acked }) => ({ id: hold, acked })),
      cosignatures: head ? cosignatureViews(this.#parts, head) : [],
      quorum: quorum
        ? { size: quorum.size, root: formatHash(quorum.root), cosignatures: cosignatureViews(this.#parts, quorum) }
        : null,
      suspects: suspects.list(id).map(suspectView),
      paused: store.heads.disagreement(id) ?? null,
      floor: floor ? { size: floor.size, at: floor.at } : null,
      firstUse: state.firstUse ? { ...state.firstUse } : null,
      reachable: poll.lastAnswer === undefined && poll.failures === 0 ? null : poll.failures === 0,
      lastPoll: poll.lastAnswer === undefined ? null : iso(poll.lastAnswer),
      error: poll.error,
    }
  }

  head(log: string): Promise<HeadView | undefined> {
    const head = this.#parts.cosigned.current(log)
    return Promise.resolve(head && this.#headView(head))
  }

  /** The newest head of a log that this node cosigned, with the line of the log and its own lines alone. */
  async checkpoint(log: string): Promise<Uint8Array | undefined> {
    const { cosigned, witness, second } = this.#parts
    const current = cosigned.current(log)
    const own = [witness, second].flatMap((key) => (key && current?.cosignatures.get(key.vkey)?.signature) ?? [])
    if (current === undefined || !current.cosignatures.has(witness.vkey)) {
      const largest = await cosigned.signers.largestBy(log, witness.vkey)
      return largest && encodeCosigned(largest)
    }
    return formatNote({ ...current.note, signatures: [current.note.signatures[0]!, ...own] })
  }

  async heads(log: string, limit: number): Promise<HeadView[]> {
    return (await this.#parts.cosigned.history(log, limit)).map((head) => this.#headView(head))
  }

  #headView(head: CosignedHead): HeadView {
    const own = head.cosignatures.get(this.#parts.witness.vkey)
    return {
      size: head.size,
      root: formatHash(head.root),
      time: own ? iso(own.time * 1000) : null,
      note: fromUtf8(encodeCosigned(head))!,
      cosignatures: cosignatureViews(this.#parts, head),
    }
  }

  /** Whether this node follows the log. */
  follows(log: string): boolean {
    return this.#parts.config.logs.some(({ id }) => id === log)
  }

  peers(): PeerView[] {
    return this.#parts.mesh()?.peers() ?? []
  }

  evidence(): Promise<EvidenceView[]> {
    return evidenceViews(this.#parts)
  }

  witnesses(): WitnessView[] {
    return witnessViews(this.#parts)
  }

  async evidenceFile(id: string): Promise<Uint8Array | undefined> {
    const kept = await this.#parts.store.evidence.get(id)
    return kept && utf8(kept.text)
  }

  /** Acknowledges evidence, or a suspect that froze its log. False when no log and no witness is held by this id. */
  async acknowledge(id: string): Promise<boolean> {
    const { config, store, alarm } = this.#parts
    let found = await alarm.acknowledge(id)
    for (const log of config.logs) found = (await store.heads.acknowledge(log.id, id)) || found
    return found
  }

  async submitHead(note: Uint8Array): Promise<{ outcome: Outcome; held: number | null }> {
    const { submit, store, now } = this.#parts
    const outcome = await submit({ door: 'push', note, receivedAt: now() })
    const held = outcome.log === undefined ? undefined : store.heads.get(outcome.log).tree?.size
    return { outcome, held: held ?? null }
  }

  submitEvidence(file: Uint8Array): Promise<Received> {
    return this.#parts.alarm.take(file)
  }

  readiness(): Promise<Readiness> {
    const { config, store, now, guard, signing, bastion } = this.#parts
    const checks: Readiness['checks'] = followedOf(config.logs).flatMap(({ id, key, url }) => {
      const state = store.heads.get(id)
      const poll = this.#poll(id)
      const patience = Math.max(STALE_INTERVALS * config.poll, STALE_SECONDS) * 1000
      const fresh = poll.lastAnswer !== undefined && now() - poll.lastAnswer < patience
      const disagreement = store.heads.disagreement(id)
      const floor = unmetFloor(state)
      // A log that is only pushed comes when it wants to.
      const polled = [
        { name: `${key.name} head`, ok: state.tree !== undefined, detail: `size ${state.tree?.size ?? 0}` },
        {
          name: `${key.name} reachable`,
          ok: fresh,
          detail: poll.error ?? (poll.lastAnswer ? iso(poll.lastAnswer) : 'not asked yet'),
        },
      ]
      return [
        ...(url === null ? [] : polled),
        {
          name: `${key.name} not frozen`,
          ok: !isFrozen(state),
          detail: isFrozen(state) ? 'proven to misbehave' : 'not frozen',
        },
        { name: `${key.name} guard`, ok: disagreement === undefined, detail: disagreement ?? 'agrees' },
        {
          name: `${key.name} floor`,
          ok: floor === undefined,
          detail: floor ? `size ${floor.size} was cosigned before` : 'reached',
        },
      ]
    })
    const { state, text } = guard()
    checks.push({ name: 'rollback guard', ok: !NOT_READY.has(state), detail: text })
    const { by, error } = signing()
    if (by === 'ssh-agent') checks.push({ name: 'signing', ok: error === null, detail: error ?? 'by ssh-agent' })
    const behind = bastion()
    if (behind !== undefined) {
      checks.push({ name: 'bastion', ok: behind.state === 'serving', detail: behind.error ?? behind.state })
    }
    return Promise.resolve({ ready: checks.every(({ ok }) => ok), checks })
  }

  /** What the gauges show. */
  samples(): Sample {
    const { config, store, cosigned, suspects, now, guard, mesh } = this.#parts
    const logs = config.logs.map(({ id, key, url, disabled }): LogSample => {
      const state = store.heads.get(id)
      const head = cosigned.current(id)
      const [oldest] = suspects.list(id)
      return {
        name: key.name,
        size: state.tree?.size ?? 0,
        signedAt: state.signed?.time ?? 0,
        quorumSize: cosigned.quorum(id)?.size ?? 0,
        cosignatures: head ? cosignatureViews(this.#parts, head).filter(({ counted }) => counted).length : 0,
        suspects: suspects.list(id).length,
        suspectAge: oldest === undefined ? 0 : Math.max(0, (now() - Date.parse(oldest.firstSeen)) / 1000),
        floor: unmetFloor(state) !== undefined,
        frozen: isFrozen(state),
        paused: store.heads.disagreement(id) !== undefined,
        reachable:
          url === null || disabled
            ? undefined
            : this.#poll(id).lastAnswer !== undefined && this.#poll(id).failures === 0,
      }
    })
    return {
      logs,
      peers: this.peers().length,
      convicted: store.convictions.convicted().size,
      relayed: mesh()?.relayed().length ?? 0,
      guard: guard().state,
    }
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

function suspectView({ id, size, firstSeen, door, peer, code, alarmed, note }: Suspect): SuspectView {
  // The third line of a checkpoint is its root.
  return { id, size, root: note.split('\n')[2]!, firstSeen, door, peer: peer ?? null, code, alarmed, note }
}
