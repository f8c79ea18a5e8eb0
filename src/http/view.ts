/**
 * What a node shows of itself: one reading of the witness, the store and the mesh, in the words of the API. The API, the
 * metrics and the command line all show this and nothing else.
 */
import type { LogSetting } from '../config.js'
import type { Received } from '../evidence/alarm.js'
import { followedOf } from '../logs/setting.js'
import type { LogSample, Sample } from '../metrics.js'
import { isFrozen, unmetFloor } from '../store/heads.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { formatHash } from '../tlog/hash.js'
import { formatNote, type VerifierKey } from '../tlog/note.js'
import { quorumThreshold } from '../tlog/policy.js'
import { encodeCosigned, type CosignedHead } from '../witness/cosigned-head.js'
import type { Candidate } from '../witness/head.js'
import type { Outcome } from '../witness/outcome.js'
import type { ClockReport, PromisedTime } from '../witness/clock.js'
import type { DepositReport } from '../witness/deposit-report.js'
import type { GuardReport } from '../witness/rollback.js'
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
import { Ages } from './ages.js'
import { Polls, type PollView } from './polls.js'
import { depositView, standingChecks } from './standing.js'
import { cosignatureViews, evidenceViews, ownKeys, witnessViews, type WitnessParts } from './witnesses.js'

export interface ViewParts extends WitnessParts {
  readonly suspects: Suspects
  readonly version: string
  readonly now: () => number
  /** Milliseconds since any moment, by a clock that nobody sets. */
  readonly monotonic: () => number
  readonly guard: () => GuardReport
  readonly deposit: () => DepositReport
  readonly clock: (promises: readonly PromisedTime[]) => ClockReport
  /** Why nothing of a log may be signed with its key: that is bound to another of its origin; undefined when it may. */
  readonly taken: (log: string) => string | undefined
  readonly signing: () => SigningView
  readonly bastion: () => BastionReport | undefined
  /** The places outside the mesh. */
  readonly exchange: () => ExchangeView[]
  /** Takes a head through the pipeline. */
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

export class View implements NodeView {
  readonly #parts: ViewParts
  readonly #polls: Polls
  readonly #ages: Ages
  readonly #startedAt: number
  /** Set once they exist. */
  http = ''
  metrics: () => Promise<string> = () => Promise.resolve('')

  constructor(parts: ViewParts) {
    this.#parts = parts
    this.#startedAt = parts.now()
    this.#polls = new Polls(parts.monotonic)
    this.#ages = new Ages(parts.now, parts.monotonic)
  }

  /** Notes how a poll went. Returns whether it is worth telling people. */
  polled(log: string, error: unknown): boolean {
    // Seen between two looks at the metrics, too.
    this.#signedAge(log)
    return this.#polls.note(log, error)
  }

  /** Seconds since our newest cosignature of a log was made; undefined without one. */
  #signedAge(log: string): number | undefined {
    const { signed } = this.#parts.store.heads.get(log)
    return signed && this.#ages.of(`signed ${log}`, signed.time * 1000)
  }

  /** When the last poll was answered, by our clock as it is set now. */
  #lastPoll({ answeredAgo }: PollView): string | null {
    return answeredAgo === undefined ? null : iso(this.#parts.now() - answeredAgo)
  }

  #clock(): ClockReport {
    const { config, store, clock } = this.#parts
    const promises = config.logs.flatMap(({ id, key }) => {
      const { signed } = store.heads.get(id)
      return signed === undefined ? [] : { log: key.name, time: signed.time }
    })
    return clock(promises)
  }

  /** Why nothing of a log is signed for a reason of our own. */
  #paused(log: string): string | undefined {
    return this.#parts.store.heads.disagreement(log) ?? this.#parts.taken(log)
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
      deposit: depositView(this.#parts.deposit()),
      clock: [...this.#clock().conditions],
      signing: signing(),
      bastion: bastion() ?? null,
      exchange: exchange(),
    }
  }

  #log({ id, key, url, origin, disabled, list, perDay }: LogSetting): LogView {
    const { store, cosigned, suspects, keysOf } = this.#parts
    const state = store.heads.get(id)
    const head = cosigned.current(id)
    const quorum = cosigned.quorum(id)
    const floor = unmetFloor(state)
    const poll = this.#polls.of(id)
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
      frozen: this.#isFrozen(id),
      holds: this.#holds(id),
      cosignatures: head ? cosignatureViews(this.#parts, head) : [],
      quorum: quorum
        ? { size: quorum.size, root: formatHash(quorum.root), cosignatures: cosignatureViews(this.#parts, quorum) }
        : null,
      ...suspectViews(suspects.list(id), this.#holds(id)),
      witness: keysOf(id)[0].vkey,
      paused: this.#paused(id) ?? null,
      floor: floor ? { size: floor.size, at: floor.at } : null,
      firstUse: state.firstUse ? { ...state.firstUse } : null,
      reachable: poll.reachable,
      lastPoll: this.#lastPoll(poll),
      error: poll.error,
    }
  }

  /** Also by evidence that could not be written yet. */
  #isFrozen(log: string): boolean {
    return isFrozen(this.#parts.store.heads.get(log)) || this.#parts.alarm.holds(log)
  }

  #holds(log: string): LogView['holds'] {
    const { store, alarm } = this.#parts
    const { holds } = store.heads.get(log)
    const unwritten = alarm.unwritten().filter((kept) => kept.log === log && kept.witness === undefined)
    const more = unwritten.filter(({ id }) => holds.every((hold) => hold.id !== id))
    return [...holds.map(({ id, acked }) => ({ id, acked })), ...more.map(({ id }) => ({ id, acked: false }))]
  }

  head(log: string): Promise<HeadView | undefined> {
    const head = this.#parts.cosigned.current(log)
    return Promise.resolve(head && this.#headView(head))
  }

  /** The newest head of a log that this node cosigned, with the line of the log and its own lines alone. */
  async checkpoint(log: string): Promise<Uint8Array | undefined> {
    const { cosigned, keysOf } = this.#parts
    const current = cosigned.current(log)
    const keys = keysOf(log)
    const own = keys.flatMap((key) => current?.cosignatures.get(key.vkey)?.signature ?? [])
    if (current === undefined || !current.cosignatures.has(keys[0].vkey)) {
      const largest = await cosigned.signers.largestBy(log, keys[0].vkey)
      return largest && encodeCosigned(largest)
    }
    return formatNote({ ...current.note, signatures: [current.note.signatures[0]!, ...own] })
  }

  async heads(log: string, limit: number, below?: number): Promise<HeadView[]> {
    return (await this.#parts.cosigned.history(log, limit, below)).map((head) => this.#headView(head))
  }

  #headView(head: CosignedHead): HeadView {
    const own = ownKeys(this.#parts).flatMap(({ vkey }) => head.cosignatures.get(vkey) ?? [])[0]
    return {
      size: head.size,
      root: formatHash(head.root),
      time: own ? iso(own.time * 1000) : null,
      note: fromUtf8(encodeCosigned(head))!,
      cosignatures: cosignatureViews(this.#parts, head),
    }
  }

  suspectNote(id: string): Promise<string | undefined> {
    const { config, suspects } = this.#parts
    const all = config.logs.flatMap((log) => suspects.list(log.id))
    return Promise.resolve(all.find((suspect) => suspect.id === id)?.note)
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
    const kept = await this.#parts.alarm.get(id)
    return kept && utf8(kept.text)
  }

  /** Acknowledges evidence, all that convicts the same log by now, or a suspect that froze its log. False when no log and no witness is held by this id. */
  async acknowledge(id: string): Promise<boolean> {
    const { config, store, alarm } = this.#parts
    let found = await alarm.acknowledge(id)
    for (const each of new Set([id, ...alarm.acknowledgedWith(id)]))
      for (const log of config.logs) found = (await store.heads.acknowledge(log.id, each)) || found
    return found
  }

  async submitHead(note: Uint8Array): Promise<{ outcome: Outcome; held: number | null }> {
    const { submit, store, now } = this.#parts
    const outcome = await submit({ source: 'submit', note, receivedAt: now() })
    const held = outcome.log === undefined ? undefined : store.heads.get(outcome.log).tree?.size
    return { outcome, held: held ?? null }
  }

  submitEvidence(file: Uint8Array): Promise<Received> {
    return this.#parts.alarm.take(file)
  }

  readiness(): Promise<Readiness> {
    const { config, store, guard, deposit, signing, bastion, taken } = this.#parts
    const checks: Readiness['checks'] = followedOf(config.logs).flatMap(({ id, key, url }) => {
      const state = store.heads.get(id)
      const poll = this.#polls.of(id)
      const patience = Math.max(STALE_INTERVALS * config.poll, STALE_SECONDS) * 1000
      const fresh = poll.answeredAgo !== undefined && poll.answeredAgo < patience
      const disagreement = store.heads.disagreement(id)
      const floor = unmetFloor(state)
      const isTaken = taken(id)
      // A log that is only pushed comes when it wants to.
      const polled = [
        { name: `${key.name} head`, ok: state.tree !== undefined, detail: `size ${state.tree?.size ?? 0}` },
        {
          name: `${key.name} reachable`,
          ok: fresh,
          detail: poll.error ?? this.#lastPoll(poll) ?? 'not asked yet',
        },
      ]
      return [
        ...(url === null ? [] : polled),
        {
          name: `${key.name} not frozen`,
          ok: !this.#isFrozen(id),
          detail: this.#isFrozen(id) ? 'proven to misbehave' : 'not frozen',
        },
        { name: `${key.name} guard`, ok: disagreement === undefined, detail: disagreement ?? 'agrees' },
        {
          name: `${key.name} floor`,
          ok: floor === undefined,
          detail: floor ? `size ${floor.size} was cosigned before` : 'reached',
        },
        ...(isTaken === undefined ? [] : [{ name: `${key.name} key`, ok: false, detail: isTaken }]),
      ]
    })
    checks.push(...standingChecks(deposit(), guard(), this.#clock()))
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
    const { config, store, cosigned, suspects, now, guard, deposit, mesh } = this.#parts
    const clock = this.#clock()
    const logs = config.logs.map(({ id, key, url, disabled }): LogSample => {
      const state = store.heads.get(id)
      const head = cosigned.current(id)
      const [oldest] = suspects.list(id)
      return {
        name: key.name,
        size: state.tree?.size ?? 0,
        signedAt: state.signed?.time ?? 0,
        signedAge: this.#signedAge(id),
        promiseAhead: Math.max(0, (state.signed?.time ?? 0) - now() / 1000),
        quorumSize: cosigned.quorum(id)?.size ?? 0,
        cosignatures: head ? cosignatureViews(this.#parts, head).filter(({ counted }) => counted).length : 0,
        suspects: suspects.list(id).length,
        suspectAge: oldest === undefined ? 0 : this.#ages.of(`suspect ${id}`, Date.parse(oldest.firstSeen)),
        floor: unmetFloor(state) !== undefined,
        frozen: this.#isFrozen(id),
        paused: this.#paused(id) !== undefined,
        reachable: url === null || disabled ? undefined : this.#polls.of(id).reachable === true,
      }
    })
    return {
      logs,
      peers: this.peers().length,
      convicted: store.convictions.convicted().size,
      relayed: mesh()?.relayed().length ?? 0,
      guard: guard().state,
      deposit: depositView(deposit()),
      clock: { offset: clock.offset, conditions: clock.conditions.map(({ name }) => name) },
    }
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** Suspects of one log that are shown: a log can make hundreds, of 64 KiB each. */
const MAX_SHOWN = 16

/** What is shown of the suspects of a log: first what somebody should look at, then what was acknowledged. */
function suspectViews(
  suspects: readonly Suspect[],
  holds: LogView['holds'],
): Pick<LogView, 'suspects' | 'suspectCount'> {
  const acked = new Set(holds.flatMap((hold) => (hold.acked ? hold.id : [])))
  const rank = ({ id, alarmed }: Suspect): number => (acked.has(id) ? 1 : alarmed ? 0 : 2)
  const shown = suspects.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_SHOWN)
  return { suspects: shown.map(suspectView), suspectCount: suspects.length }
}

function suspectView({ id, size, firstSeen, door, peer, code, alarmed, note }: Suspect): SuspectView {
  // The third line of a checkpoint is its root.
  return { id, size, root: note.split('\n', 3)[2]!, firstSeen, door, peer: peer ?? null, code, alarmed }
}
