/**
 * What a node knows about each log and about itself at this moment, in one place: the status, the conditions and the
 * metrics are made from it. It is read from memory, and cheap whatever a log did.
 */
import type { LogSetting } from '../config/config.js'
import { Ages } from './ages.js'
import { isFrozen, unmetFloor } from '../store/heads.js'
import { conditionsOf, type Condition, type Facts, type LogFacts } from './conditions.js'
import { Lags } from './lags.js'
import { Outlook } from './outlook.js'
import { Polls, type PollView } from './polls.js'
import type { ClockReport } from '../witness/clock.js'
import { quorumSatisfied } from '../tlog/policy.js'
import type { Polled } from '../witness/polled.js'
import { renewedTime } from '../witness/quorum-time.js'
import type { LogView } from './shapes.js'
import type { ViewParts } from './view-parts.js'
import { convictedNames } from './witnesses.js'

/** How long a log may show nothing provable, in polling intervals. */
const STALE_INTERVALS = 5
/** But at least so many seconds. */
const STALE_SECONDS = 300

export class Readings {
  readonly #parts: ViewParts
  readonly #polls: Polls
  readonly #ages: Ages
  readonly #lags: Lags
  readonly #outlook: Outlook
  readonly #labels: ReadonlyMap<string, string>

  constructor(parts: ViewParts) {
    this.#parts = parts
    const { now, monotonic } = parts.time
    this.#polls = parts.past?.polls ?? new Polls(monotonic)
    this.#ages = new Ages(now, monotonic)
    this.#lags = new Lags(monotonic)
    this.#outlook = new Outlook(parts, this.#ages)
    this.#labels = labelsOf(parts.witnesses.config.logs)
  }

  /** Records the result of a poll. Returns whether it is worth reporting. */
  polled(log: string, polled: Polled): boolean {
    this.moved(log)
    this.#outlook.polled(log, polled)
    return this.#polls.note(log, polled)
  }

  /** Records where a log, its quorum and our cosignatures are, so that lags are measured between two looks as well. */
  moved(log: string): void {
    this.signedAge(log)
    this.#lagsOf(log)
  }

  /** Reads how a log has grown recently: to be called at the start, and when it has a new head. */
  tempo(log: string): Promise<void> {
    return this.#outlook.moved(log)
  }

  poll(log: string): PollView {
    return this.#polls.of(log)
  }

  /** Seconds since our newest cosignature of a log was made; undefined without one. */
  signedAge(log: string): number | undefined {
    const { signed } = this.#parts.witnesses.store.heads.get(log)
    return signed && this.#ages.of(`signed ${log}`, signed.time * 1000)
  }

  /** Seconds since the oldest suspect of a log was first seen; 0 if there is none. */
  suspectAge(log: string): number {
    const [oldest] = this.#parts.suspects.list(log)
    return oldest === undefined ? 0 : this.#ages.of(`suspect ${log}`, Date.parse(oldest.firstSeen))
  }

  /** Seconds since a witness last cosigned something, by its own account; undefined if it was never heard. */
  witnessAge(vkey: string): number | undefined {
    const last = this.#parts.witnesses.cosigned.signers.lastSeen(vkey)
    return last && this.#ages.of(`witness ${vkey}`, last.time * 1000)
  }

  clock(): ClockReport {
    const { witnesses, barrier } = this.#parts
    const { config, store } = witnesses
    const promises = config.logs.flatMap(({ id, key }) => {
      const { signed } = store.heads.get(id)
      return signed === undefined ? [] : { log: key.name, time: signed.time }
    })
    return barrier.clock(promises)
  }

  /** Why nothing of a log is signed, for a reason on our side. */
  paused(log: string): string | undefined {
    return this.#parts.witnesses.store.heads.disagreement(log) ?? this.#parts.barrier.taken(log)
  }

  /** Including by evidence that could not be written yet. */
  isFrozen(log: string): boolean {
    return isFrozen(this.#parts.witnesses.store.heads.get(log)) || this.#parts.witnesses.alarm.holds(log)
  }

  holds(log: string): LogView['holds'] {
    const { store, alarm } = this.#parts.witnesses
    const { holds } = store.heads.get(log)
    const unwritten = alarm.unwritten().filter((kept) => kept.log === log && kept.witness === undefined)
    const more = unwritten.filter(({ id }) => holds.every((hold) => hold.id !== id))
    return [...holds.map(({ id, acked }) => ({ id, acked })), ...more.map(({ id }) => ({ id, acked: false }))]
  }

  /** All conditions that hold. */
  conditions(): Condition[] {
    return conditionsOf(this.#facts())
  }

  #facts(): Facts {
    const { witnesses, barrier, around } = this.#parts
    const { config, store, alarm } = witnesses
    const behind = around.bastion()
    const peers = around.mesh()?.peers().length
    const { operator, lists, watch, alarm: receivers, publish } = around.faults()
    return {
      logs: config.logs.map((log) => this.#logFacts(log)),
      hasPolicy: config.policy !== undefined,
      isObserver: config.observer,
      convicted: convictedNames(witnesses),
      signing: {
        guard: barrier.guard(),
        deposit: barrier.deposit(),
        clock: this.clock().conditions,
        agent: barrier.signing().error ?? undefined,
        shared: barrier.state().error ?? undefined,
      },
      disk: { failure: this.#withoutHome(store.failure), unwritten: alarm.unwritable },
      around: {
        operator: this.#withoutHome(operator),
        lists,
        watch,
        alarm: receivers,
        publish,
        mesh: peers === undefined ? undefined : { configured: config.bootstrap.length, connected: peers },
        bastion: behind === undefined || behind.state === 'serving' ? undefined : (behind.error ?? behind.state),
        places: around.exchange().map(({ name, error, says }) => ({
          name,
          error,
          isContradicting: says.some(({ verdict }) => verdict === 'inconsistent'),
        })),
      },
      seclusion: this.#outlook.ofNode(),
      patience: Math.max(STALE_INTERVALS * config.poll, STALE_SECONDS),
    }
  }

  /** Removes the path of the home: the status is public. */
  #withoutHome(text: string | undefined): string | undefined {
    return text?.replaceAll(this.#parts.witnesses.config.home, '<home>')
  }

  #logFacts({ id, url, disabled }: LogSetting): LogFacts {
    const { witnesses, suspects, barrier, around } = this.#parts
    const { config, store, cosigned } = witnesses
    const acked = new Set(store.heads.get(id).holds.flatMap((hold) => (hold.acked ? hold.id : [])))
    const open = suspects.list(id).filter((suspect) => !acked.has(suspect.id))
    return {
      id,
      label: this.#labels.get(id)!,
      isDisabled: disabled,
      isFrozen: this.isFrozen(id),
      stops: {
        disagreement: store.heads.disagreement(id),
        taken: barrier.taken(id),
        floor: unmetFloor(store.heads.get(id))?.size,
      },
      // A log that only pushes comes when it likes, and an observer polls none.
      poll: url === null || config.observer ? undefined : this.#polls.of(id),
      suspects: { open: open.length, alarmed: open.filter(({ alarmed }) => alarmed).length },
      lag: this.#lagsOf(id),
      vouchedAgo: this.#vouchedAgo(id),
      hasQuorum: cosigned.quorum(id) !== undefined,
      audit: around.audit(id),
      seclusion: this.#outlook.ofLog(id),
    }
  }

  /**
   * Seconds since the oldest of the newest cosignatures of the quorum head, as many as the policy needs; undefined
   * without one.
   */
  #vouchedAgo(log: string): number | undefined {
    const { config, cosigned } = this.#parts.witnesses
    const { policy } = config
    const lines = cosigned.quorum(log)?.cosignatures
    const time = policy && lines && renewedTime(lines, (signedBy) => quorumSatisfied(policy, signedBy))
    return time === undefined ? undefined : this.#ages.of(`vouched ${log}`, time * 1000)
  }

  #lagsOf(log: string): LogFacts['lag'] {
    const { store, cosigned, keysOf } = this.#parts.witnesses
    const newest = store.heads.get(log).tree?.size
    const current = cosigned.current(log)
    const signed = current?.cosignatures.has(keysOf(log)[0]?.vkey ?? '') === true ? current.size : undefined
    return {
      quorum: this.#lags.note(`quorum ${log}`, cosigned.quorum(log)?.size, newest),
      cosignature: this.#lags.note(`cosignature ${log}`, signed, newest),
    }
  }
}

/** The display name of each log: its key name, followed by the beginning of its id if several logs share that name. */
function labelsOf(logs: readonly LogSetting[]): Map<string, string> {
  const named = (name: string): number => logs.filter(({ key }) => key.name === name).length
  return new Map(
    logs.map(({ id, key: { name } }) => [id, named(name) > 1 ? `${name} (${id.slice(0, 8)})` : name] as const),
  )
}
