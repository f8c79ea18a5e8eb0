/**
 * All receivers, which are the webhooks in the settings and the hooks in the home, and what each still has to be sent.
 */
import { join } from 'node:path'
import type { AlarmSetting } from '../config/alarm-setting.js'
import { AtOnce } from '../lib/at-once.js'
import { lastingController, within } from '../lib/timed.js'
import type { AlarmTestView, ReceiverView } from '../status/alarm-shapes.js'
import type { AlarmFault } from '../status/conditions.js'
import type { Alert } from './alert.js'
import type { Cover } from './holding.js'
import { Hook } from './hook.js'
import { hooksFolder, readHooks, type Hooks } from './hooks.js'
import { Lane, type DeliveryOutcome, type LaneParts } from './lane.js'
import { Outbox } from './outbox.js'
import type { Attempt, Receiver, ReceiverKind } from './receiver.js'
import { webhooksOf } from './webhook.js'

/** Hooks that run concurrently. */
const HOOKS_AT_ONCE = 4
/** Milliseconds that deliveries in progress have when the node stops: what is accepted by then is not sent again. */
const GRACE_MS = 1000
/** A receiver is reported as failing after this many seconds. */
const FAILING_SECONDS = 300

export interface DispatchParts {
  readonly home: string
  readonly settings: readonly AlarmSetting[]
  readonly onOutcome: (kind: ReceiverKind, outcome: DeliveryOutcome) => void
  readonly onError: (error: unknown) => void
  readonly world: LaneParts['world']
}

export class Dispatch {
  readonly #parts: DispatchParts
  readonly #outbox: Outbox
  readonly #webhooks: readonly Receiver[]
  readonly #lanes = new Map<string, Lane>()
  readonly #room = new AtOnce(HOOKS_AT_ONCE)
  readonly #stopped = lastingController()
  readonly #testing = new Set<Promise<unknown>>()
  #hooks: Hooks = { hooks: [], refused: [] }

  private constructor(parts: DispatchParts, outbox: Outbox) {
    this.#parts = parts
    this.#outbox = outbox
    this.#webhooks = webhooksOf(parts.settings, parts.world.now)
  }

  /** Loads undelivered alerts. Never rejects: if the home cannot be read, receivers still get everything else. */
  static async open(parts: DispatchParts): Promise<Dispatch> {
    const { home, onError, world } = parts
    const outbox = await Outbox.open({
      dir: join(home, 'alarm', 'outbox'),
      now: world.now,
      onError,
      onDropped: (_alert, receivers) =>
        receivers.forEach((key) => parts.onOutcome(key.startsWith('hook ') ? 'hook' : 'webhook', 'dropped')),
    })
    const dispatch = new Dispatch(parts, outbox)
    await dispatch.look()
    return dispatch
  }

  /** Reads the list of hooks, and continues with pending alerts. */
  async look(): Promise<void> {
    this.#hooks = await readHooks(hooksFolder(this.#parts.home))
    this.#outbox.expire()
    const receivers = this.#receivers()
    for (const receiver of receivers) this.#laneOf(receiver)
    const known = new Set(receivers.map(({ key }) => key))
    for (const key of this.#lanes.keys()) if (!known.has(key)) this.#end(key)
    for (const key of this.#outbox.receivers())
      if (!known.has(key) && this.#isRemoved(key)) await this.#outbox.forget(key)
    this.#wake()
  }

  /** Whether there is any receiver. */
  get isHeard(): boolean {
    return this.#receivers().length > 0
  }

  /**
   * Whether a receiver was removed. A hook that is refused, or temporarily unreadable, may be valid again in a moment.
   */
  #isRemoved(key: string): boolean {
    const { refused } = this.#hooks
    return !key.startsWith('hook ') || refused.every(({ name }) => name !== 'hooks.d' && key !== `hook ${name}`)
  }

  /** Conditions that pending alerts already cover. */
  covers(): readonly Cover[] {
    return this.#outbox.covers()
  }

  /**
   * Sends an alert to all receivers, and marks what it covers. When this resolves it is on disk, but not yet delivered.
   */
  async send(alert: Alert, covers?: Cover): Promise<void> {
    this.#hooks = await readHooks(hooksFolder(this.#parts.home))
    const lanes = this.#receivers().map((receiver) => this.#laneOf(receiver))
    await this.#outbox.put(
      alert,
      lanes.flatMap(({ receiver, isGone }) => (isGone ? [] : receiver.key)),
      covers,
    )
    this.#wake()
  }

  /** Sends a sample to all receivers once, independently of pending alerts. */
  async test(alert: Alert): Promise<AlarmTestView['results']> {
    const testing = this.#test(alert)
    this.#testing.add(testing)
    try {
      return await testing
    } finally {
      this.#testing.delete(testing)
    }
  }

  async #test(alert: Alert): Promise<AlarmTestView['results']> {
    this.#hooks = await readHooks(hooksFolder(this.#parts.home))
    const refused = this.#hooks.refused.map(({ name, why }) => ({
      ...({ name, kind: 'hook', ok: false, ms: 0 } as const),
      ...{ said: `it is not run: ${why}`, output: '' },
    }))
    const { monotonic } = this.#parts.world
    const tried = this.#receivers().map(async (receiver) => {
      const began = monotonic()
      const { isTaken, said, output } = await receiver.deliver(alert, this.#stopped.signal)
      const { name, kind } = receiver
      return { name, kind, ok: isTaken, ms: Math.round(monotonic() - began), said, output }
    })
    return [...(await Promise.all(tried)), ...refused]
  }

  views(): ReceiverView[] {
    const lanes = this.#receivers().map((receiver) => this.#laneOf(receiver))
    return [
      ...lanes.map(({ receiver: { key, name, kind }, lastTaken, error }) => ({
        ...{ name, kind, waiting: this.#outbox.count(key), oldest: this.#outbox.oldest(key)?.at ?? null },
        ...{ lastTaken: lastTaken === undefined ? null : new Date(lastTaken).toISOString(), error },
      })),
      ...this.#hooks.refused.map(({ name, why }) => ({
        ...({ name, kind: 'hook', waiting: 0, oldest: null, lastTaken: null } as const),
        error: `it is not run: ${why}`,
      })),
    ]
  }

  /** Receivers that have failed for long enough to need attention. */
  faults(): AlarmFault[] {
    const lanes = this.#receivers().map((receiver) => this.#laneOf(receiver))
    return [
      ...lanes.flatMap(({ receiver, failing, isGone, error }) =>
        isGone || (failing !== undefined && failing > FAILING_SECONDS)
          ? { receiver: receiver.name, why: error ?? '' }
          : [],
      ),
      ...this.#hooks.refused.map(({ name, why }) => ({ receiver: name, why: `it is not run: ${why}` })),
    ]
  }

  /** Ends deliveries that do not finish soon; they are retried after the next start. */
  async stop(): Promise<void> {
    const ended = Promise.all([...this.#lanes.values()].map((lane) => lane.stop())).then(() => undefined)
    await within(GRACE_MS, ended)
    this.#stopped.abort(new Error('the node stops'))
    await Promise.all([ended, ...[...this.#testing].map((one) => one.catch(() => undefined))])
  }

  #receivers(): Receiver[] {
    return [...this.#webhooks, ...this.#hooks.hooks.map((file) => new Hook(file))]
  }

  #laneOf(receiver: Receiver): Lane {
    let lane = this.#lanes.get(receiver.key)
    if (lane === undefined) {
      const { onOutcome, onError, world } = this.#parts
      lane = new Lane(receiver, {
        outbox: this.#outbox,
        run: (to, alert) => this.#run(to, alert),
        onOutcome: ({ kind }, outcome) => onOutcome(kind, outcome),
        ...{ onError, world },
      })
      this.#lanes.set(receiver.key, lane)
    }
    lane.receiver = receiver
    return lane
  }

  #end(key: string): void {
    void this.#lanes.get(key)?.stop()
    this.#lanes.delete(key)
  }

  #wake(): void {
    for (const lane of this.#lanes.values()) lane.wake()
  }

  #run(receiver: Receiver, alert: Alert): Promise<Attempt> {
    const act = (): Promise<Attempt> => receiver.deliver(alert, this.#stopped.signal)
    return receiver.kind === 'hook' ? this.#room.run(act) : act()
  }
}
