/**
 * What a node shows of itself: one reading of the witness, the store and the mesh, in the terms of the API. The API,
 * the metrics and the command line all show this and nothing else.
 */
import type { LogSetting } from '../config/config.js'
import type { Received } from '../evidence/alarm.js'
import type { Sample } from './sample.js'
import { GossumError } from '../errors.js'
import { isReady, type Condition } from './conditions.js'
import type { PollView } from './polls.js'
import { unmetFloor } from '../store/heads.js'
import { fromUtf8, utf8 } from '../tlog/bytes.js'
import { formatHash } from '../tlog/hash.js'
import { quorumThreshold } from '../tlog/policy.js'
import { encodeCosigned, type CosignedHead } from '../witness/cosigned-head.js'
import type { Outcome, OutcomeKind } from '../witness/outcome.js'
import type { Polled } from '../witness/polled.js'
import type { Door } from '../witness/source.js'
import type { Suspect } from '../witness/suspects.js'
import type { NodeView, Readiness } from './node-view.js'
import type {
  EvidenceView,
  HeadView,
  ListedSuspect,
  LogView,
  PeerView,
  StatusView,
  SuspectView,
  WitnessView,
} from './shapes.js'
import { OutcomeMinutes, type OutcomeCount } from './outcome-minutes.js'
import { Readings } from './readings.js'
import { sampleOf } from './sampling.js'
import { checksOf, depositView } from './standing.js'
import type { ViewParts } from './view-parts.js'
import { cosignatureViews, evidenceViews, ownKeys, witnessViews } from './witnesses.js'

export type { ViewParts }

/** No head is in progress for this many milliseconds: proofs, deposits and lookups end long before. */
const STUCK_MS = 15 * 60_000
/** Milliseconds by which two readings of both clocks may differ. Polls are further apart. */
const CLOCKS_APART_MS = 20

export class View implements NodeView {
  readonly #parts: ViewParts
  readonly #readings: Readings
  readonly #minutes = new OutcomeMinutes()
  readonly #startedAt: number
  readonly #newestHeads = new WeakMap<CosignedHead, { readonly view: HeadView; readonly convicted: string }>()
  /** Times as they were last shown, in milliseconds since 1970. */
  readonly #shownAt = new Map<string, number>()

  constructor(parts: ViewParts) {
    this.#parts = parts
    this.#startedAt = parts.past?.startedAt ?? parts.time.now()
    this.#readings = new Readings(parts)
  }

  /** Records the result of a poll. Returns whether it is worth reporting. */
  polled(log: string, polled: Polled): boolean {
    return this.#readings.polled(log, polled)
  }

  /** Records a new head of a log, or its current one at the start. */
  advanced(log: string): void {
    this.#readings.moved(log)
  }

  /** Reads how a log has grown recently: to be called at the start, and when it has a new head. Throws STORE_DAMAGED. */
  tempo(log: string): Promise<void> {
    return this.#readings.tempo(log)
  }

  /** All conditions that hold. */
  conditions(): readonly Condition[] {
    return this.#readings.conditions()
  }

  /** Records the outcome of a head of a log. */
  counted(log: string, door: Door, kind: OutcomeKind): void {
    this.#minutes.note(log, door, kind, this.#parts.time.monotonic())
  }

  /**
   * A monotonic time as a time of our clock as it is set now; always shown as the same value, so that caches can keep
   * it.
   */
  #at(name: string, ago: number | undefined): string | null {
    if (ago === undefined) return null
    const at = this.#parts.time.now() - ago
    if (Math.abs(at - (this.#shownAt.get(name) ?? -Infinity)) > CLOCKS_APART_MS) this.#shownAt.set(name, at)
    return iso(this.#shownAt.get(name)!)
  }

  async status(): Promise<StatusView> {
    const { witnesses, version, barrier, around } = this.#parts
    const { config, witness, second, auditor } = witnesses
    const mesh = around.mesh()
    const evidence = await this.evidence()
    const conditions = this.#readings.conditions()
    return {
      version,
      ready: isReady(conditions),
      conditions: conditions.map((condition) => ({ ...condition })),
      observer: config.observer,
      witness: witness?.vkey ?? null,
      mlDsa: second?.vkey ?? null,
      auditor: auditor?.vkey ?? null,
      peerId: mesh?.peerId ?? null,
      multiaddrs: mesh?.multiaddrs() ?? [],
      http: around.http(),
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
      guard: { ...barrier.guard() },
      deposit: depositView(barrier.deposit()),
      clock: [...this.#readings.clock().conditions],
      signing: barrier.signing(),
      state: barrier.state(),
      bastion: around.bastion() ?? null,
      alarm: around.alarm(),
      exchange: around.exchange().map((place) => ({ ...place, says: [...place.says] })),
    }
  }

  #log({ id, key, url, origin, disabled, list, perDay }: LogSetting): LogView {
    const { witnesses, suspects } = this.#parts
    const { store, cosigned, keysOf } = witnesses
    const state = store.heads.get(id)
    const head = cosigned.current(id)
    const quorum = cosigned.quorum(id)
    const floor = unmetFloor(state)
    const poll: PollView = this.#readings.poll(id)
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
      frozen: this.#readings.isFrozen(id),
      holds: this.#readings.holds(id),
      cosignatures: head ? cosignatureViews(witnesses, head) : [],
      quorum: quorum
        ? { size: quorum.size, root: formatHash(quorum.root), cosignatures: cosignatureViews(witnesses, quorum) }
        : null,
      ...suspectViews(suspects.list(id), this.#readings.holds(id)),
      witness: keysOf(id)[0]?.vkey ?? null,
      paused: this.#readings.paused(id) ?? null,
      floor: floor ? { size: floor.size, at: floor.at } : null,
      firstUse: state.firstUse ? { ...state.firstUse } : null,
      reachable: poll.reachable,
      lastPoll: this.#at(`poll ${id}`, poll.answeredAgo),
      verifiedAt: this.#at(`proof ${id}`, poll.verifiedAgo),
      error: poll.error,
      audit: this.#parts.around.audit(id) ?? null,
    }
  }

  head(log: string): Promise<HeadView | undefined> {
    return Promise.resolve(this.#newest(this.#parts.witnesses.cosigned.current(log)))
  }

  quorum(log: string): Promise<HeadView | undefined> {
    return Promise.resolve(this.#newest(this.#parts.witnesses.cosigned.quorum(log)))
  }

  async heads(log: string, limit: number, below?: number): Promise<HeadView[]> {
    return (await this.#parts.witnesses.cosigned.history(log, limit, below)).map((head) => this.#headView(head))
  }

  /** The same object while nothing in it changes. */
  #newest(head: CosignedHead | undefined): HeadView | undefined {
    if (head === undefined) return undefined
    // Which cosignatures count changes only with convictions; another policy makes another view.
    const convicted = [...this.#parts.witnesses.store.convictions.convicted()].join(' ')
    const shown = this.#newestHeads.get(head)
    if (shown?.convicted === convicted) return shown.view
    const view = this.#headView(head)
    this.#newestHeads.set(head, { view, convicted })
    return view
  }

  #headView(head: CosignedHead): HeadView {
    const { auditor } = this.#parts.witnesses
    const keys = ownKeys(this.#parts.witnesses).filter(({ vkey }) => vkey !== auditor?.vkey)
    const own = keys.flatMap(({ vkey }) => head.cosignatures.get(vkey) ?? [])[0]
    return {
      size: head.size,
      root: formatHash(head.root),
      time: own ? iso(own.time * 1000) : null,
      note: fromUtf8(encodeCosigned(head))!,
      cosignatures: cosignatureViews(this.#parts.witnesses, head),
    }
  }

  suspects(): ListedSuspect[] {
    const { witnesses, suspects } = this.#parts
    return witnesses.config.logs.flatMap(({ id: log }) => {
      const acked = ackedOf(this.#readings.holds(log))
      return suspects.list(log).map((suspect) => ({ log, ...suspectView(suspect), acked: acked.has(suspect.id) }))
    })
  }

  suspectNote(id: string): Promise<string | undefined> {
    const { witnesses, suspects } = this.#parts
    const all = witnesses.config.logs.flatMap((log) => suspects.list(log.id))
    return Promise.resolve(all.find((suspect) => suspect.id === id)?.note)
  }

  /** Whether this node follows the log. */
  follows(log: string): boolean {
    return this.#parts.witnesses.config.logs.some(({ id }) => id === log)
  }

  peers(): PeerView[] {
    return this.#parts.around.mesh()?.peers() ?? []
  }

  evidence(): Promise<EvidenceView[]> {
    return evidenceViews(this.#parts.witnesses)
  }

  witnesses(): WitnessView[] {
    return witnessViews(this.#parts.witnesses)
  }

  outcomes(log: string): OutcomeCount[] {
    return this.#minutes.of(log, this.#parts.time.monotonic())
  }

  async evidenceFile(id: string): Promise<Uint8Array | undefined> {
    const kept = await this.#parts.witnesses.alarm.get(id)
    return kept && utf8(kept.text)
  }

  /**
   * Acknowledges evidence, with everything else that convicts the same log by now, or a suspect that froze its log.
   * Returns how many of them were not acknowledged before, always counting this one; 0 if no log or witness is held by
   * this id.
   */
  async acknowledge(id: string): Promise<number> {
    const { config, store, alarm } = this.#parts.witnesses
    const items = new Set((await alarm.acknowledge(id)) ? [id] : [])
    for (const each of new Set([id, ...alarm.acknowledgedWith(id)])) {
      for (const log of config.logs) {
        const hold = store.heads.get(log.id).holds.find((one) => one.id === each)
        if (hold === undefined) continue
        await store.heads.acknowledge(log.id, each)
        if (!hold.acked || each === id) items.add(each)
      }
    }
    return items.size
  }

  async submitHead(note: Uint8Array): Promise<{ outcome: Outcome; held: number | null }> {
    const { submit, witnesses, time } = this.#parts
    const outcome = await submit({ source: 'submit', note, receivedAt: time.now() })
    const held = outcome.log === undefined ? undefined : witnesses.store.heads.get(outcome.log).tree?.size
    return { outcome, held: held ?? null }
  }

  submitEvidence(file: Uint8Array): Promise<Received> {
    return this.#parts.witnesses.alarm.take(file)
  }

  readiness(): Promise<Readiness> {
    const conditions = this.#readings.conditions()
    return Promise.resolve({ ready: isReady(conditions), checks: checksOf(conditions) })
  }

  /**
   * Resolves when heads can be judged, signed and shown: a supervisor is told that. Whether they are does not matter,
   * since no restart fixes a log that lies or a network that is down. Rejects when something has been in progress for
   * longer than anything takes.
   */
  async pulse(): Promise<void> {
    await this.status()
    const ms = this.#parts.underWayMs()
    if (ms > STUCK_MS) throw new GossumError('INTERNAL', `a head has been in progress for ${Math.round(ms / 1000)} s`)
  }

  /** The values of the gauges. */
  samples(): Sample {
    return sampleOf(this.#parts, this.#readings)
  }

  async metrics(): Promise<string> {
    const { mirror, metrics } = this.#parts.around
    return metrics({ ...this.samples(), mirror: await mirror() })
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}

/** The most suspects shown per log: a log can make hundreds, of 64 KiB each. */
const MAX_SHOWN = 16

/** The suspects of a log that are shown: first those that need attention, then the acknowledged ones. */
function suspectViews(
  suspects: readonly Suspect[],
  holds: LogView['holds'],
): Pick<LogView, 'suspects' | 'suspectCount'> {
  const acked = ackedOf(holds)
  const rank = ({ id, alarmed }: Suspect): number => (acked.has(id) ? 1 : alarmed ? 0 : 2)
  const shown = suspects.toSorted((a, b) => rank(a) - rank(b)).slice(0, MAX_SHOWN)
  return { suspects: shown.map(suspectView), suspectCount: suspects.length }
}

function ackedOf(holds: LogView['holds']): ReadonlySet<string> {
  return new Set(holds.flatMap((hold) => (hold.acked ? hold.id : [])))
}

function suspectView({ id, size, firstSeen, door, peer, code, alarmed, note }: Suspect): SuspectView {
  // The third line of a checkpoint is its root.
  return { id, size, root: note.split('\n', 3)[2]!, firstSeen, door, peer: peer ?? null, code, alarmed }
}
