/** Sends alerts about events and conditions to the webhooks in the settings and the hooks in the home. */
import { join } from 'node:path'
import { adviceFor, TEST_ADVICE } from '../alerts/advice.js'
import { makeAlert, type Advice, type Alert, type AlertEvidence, type Tidings } from '../alerts/alert.js'
import { Dispatch } from '../alerts/dispatch.js'
import { Holding, type Moments, type ToldCondition } from '../alerts/holding.js'
import { readTold, writeTold } from '../alerts/told.js'
import type { AlarmOperator } from '../http/alarm-operator.js'
import { lastingController } from '../lib/timed.js'
import { TokenBuckets } from '../lib/token-buckets.js'
import type { AlarmListView, AlarmTestView, AlarmView } from '../status/alarm-shapes.js'
import type { AlarmFault, Condition } from '../status/conditions.js'
import { fromUtf8 } from '../tlog/bytes.js'
import { VERSION } from '../version.js'
import { foundIn, type EventTidings } from './alert-of.js'
import type { NodeBase } from './base.js'
import type { NodeEvent } from './events.js'
import { Rounds } from './rounds.js'

/** Milliseconds between two checks of the conditions. */
const EVERY_MS = 15_000
/** The largest evidence file that is sent with an alert, in bytes. */
const MAX_INLINE_BYTES = 64 * 1024
/**
 * Alerts of one kind about one log: at once, and per second in the long run. A log can make any number of forks and
 * suspects.
 */
const BURST = 8
const PER_SECOND = 1 / 900

/** What is read from the node. */
export interface AlarmingParts {
  readonly conditions: () => readonly Condition[]
  readonly evidenceFile: (id: string) => Promise<Uint8Array | undefined>
  /** URL of its API. */
  readonly http: () => string
  readonly everyMs?: number
}

export class Alarming implements AlarmOperator {
  readonly #base: NodeBase
  readonly #parts: AlarmingParts
  readonly #dispatch: Dispatch
  readonly #holding: Holding
  /** Verifier keys of this node. */
  readonly #own: readonly string[]
  readonly #budget = new TokenBuckets(BURST, PER_SECOND)
  readonly #stopped = lastingController()
  readonly #rounds = new Rounds(this.#stopped.signal)
  readonly #telling = new Set<Promise<void>>()
  #running: Promise<void> = Promise.resolve()
  /** The alerted conditions as they were last written to disk. */
  #kept: string

  private constructor(base: NodeBase, parts: AlarmingParts, dispatch: Dispatch, holding: Holding) {
    this.#base = base
    this.#parts = parts
    this.#dispatch = dispatch
    this.#holding = holding
    this.#kept = namesOf(holding.told)
    // The process may have been killed between an event and the check of the condition that it causes.
    for (const cover of dispatch.covers()) holding.cover(cover, this.#moments)
    this.#own = base.keyring.verifiers.map(({ vkey }) => vkey)
  }

  /** Loads which alerts were sent, and those not delivered yet. From then on, events raise alerts. */
  static async open(base: NodeBase, parts: AlarmingParts): Promise<Alarming> {
    const { config, news, clock } = base
    const told = await readTold(toldFile(config.home)).catch((error: unknown) => {
      news.onError(error)
      return []
    })
    const dispatch = await Dispatch.open({
      ...{ home: config.home, settings: config.alarm, onError: news.onError },
      onOutcome: (kind, outcome) => news.metrics.alarmDelivery(kind, outcome),
      world: { ...clock, random: Math.random },
    })
    const alarming = new Alarming(base, parts, dispatch, new Holding(told))
    news.on('told', (event) => alarming.#hear(event))
    return alarming
  }

  start(): void {
    if (!this.#stopped.signal.aborted) this.#running = this.#run()
  }

  /** When this resolves, every event so far is on disk. */
  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the node stops'))
    await this.#running
    await Promise.all(this.#telling)
    await this.#dispatch.stop()
  }

  view(): AlarmView {
    return { receivers: this.#dispatch.views() }
  }

  get faults(): readonly AlarmFault[] {
    return this.#dispatch.faults()
  }

  list(): AlarmListView {
    return { firing: this.#holding.told.map((condition) => ({ ...condition })), receivers: this.#dispatch.views() }
  }

  async test(): Promise<AlarmTestView> {
    const at = this.#moments.day
    const sentence = 'this is a test: nothing is wrong, and nothing has to be done'
    const common = { kind: 'test', state: 'firing', severity: 'notice', name: 'test' } as const
    const alert = this.#alert({ ...common, log: null, sentence, since: at, evidence: null }, TEST_ADVICE)
    return { results: await this.#dispatch.test(alert) }
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      this.#rounds.begin()
      await this.#look().catch(this.#base.news.onError)
      await this.#rounds.rest(this.#parts.everyMs ?? EVERY_MS)
    }
  }

  async #look(): Promise<void> {
    await this.#dispatch.look()
    // Without a receiver nothing counts as told: once the first hook is installed, it is sent every current condition.
    if (!this.#dispatch.isHeard) return
    const turns = this.#holding.look(this.#parts.conditions(), this.#moments)
    for (const { state, condition } of turns) {
      const { name, severity, log, sentence, since } = condition
      const tidings = { kind: 'condition', state, severity, name, log: this.#logOf(log), sentence, since } as const
      await this.#dispatch.send(this.#alert({ ...tidings, evidence: null }, adviceFor(name)))
    }
    await this.#keep()
  }

  /** Written after the alert was handed over: after a crash in between, it is sent twice rather than never. */
  async #keep(): Promise<void> {
    const { told } = this.#holding
    const names = namesOf(told)
    if (names === this.#kept) return
    await writeTold(toldFile(this.#base.config.home), told)
    this.#kept = names
  }

  #hear(event: NodeEvent): void {
    const found = foundIn(event, this.#own)
    if (found === undefined) return
    const moments = this.#moments
    if (!this.#dispatch.isHeard) return
    this.#holding.cover(found.covers, moments)
    this.#rounds.wake()
    if (!this.#budget.take(`${found.kind} ${found.log}`, moments.monotonic)) return
    const telling = this.#tell(found).catch(this.#base.news.onError)
    this.#telling.add(telling)
    void telling.then(() => this.#telling.delete(telling))
  }

  async #tell({ covers, ...found }: EventTidings): Promise<void> {
    const evidence = found.evidence === null ? null : await this.#evidence(found.evidence)
    const tidings = { ...found, log: this.#logOf(found.log), evidence }
    await this.#dispatch.send(this.#alert(tidings, adviceFor(covers[0])), covers)
  }

  async #evidence(id: string): Promise<AlertEvidence> {
    const file = await this.#parts.evidenceFile(id)
    const isSmall = file !== undefined && file.length <= MAX_INLINE_BYTES
    return { id, path: `/api/v1/evidence/${id}`, file: isSmall ? fromUtf8(file)! : null }
  }

  #logOf(id: string | null): Tidings['log'] {
    const log = this.#base.config.logs.find((one) => one.id === id)
    return log === undefined ? null : { id: log.id, name: log.key.name, key: log.key.vkey }
  }

  #alert(tidings: Tidings, advice: Advice): Alert {
    const node = {
      witness: this.#base.keyring.first?.verifier.vkey ?? null,
      version: VERSION,
      http: this.#parts.http(),
    }
    return makeAlert(tidings, advice, node, this.#moments.day)
  }

  get #moments(): Moments {
    const { now, monotonic } = this.#base.clock
    return { monotonic: monotonic(), day: new Date(now()).toISOString() }
  }
}

/** Identifies the set of alerted conditions; their texts may change all the time. */
function namesOf(told: readonly ToldCondition[]): string {
  return JSON.stringify(told.map(({ name, log, since }) => [name, log, since]))
}

function toldFile(home: string): string {
  return join(home, 'alarm', 'told.json')
}
