/** All who are told: the webhooks of the settings and the hooks of the home, and what each of them is still to be told. */
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

/** Hooks that run at the same time. */
const HOOKS_AT_ONCE = 4
/** Milliseconds in which what is under way may end when the node stops: what is taken then is not told again. */
const GRACE_MS = 1000
/** Seconds after which it is said that a receiver takes nothing. */
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

  /** Takes up what was not delivered before. Never rejects: a home that cannot be read tells nobody of less. */
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

  /** Looks which hooks there are, and goes on with what waits. */
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

  /** Whether there is anybody to tell. */
  get isHeard(): boolean {
    return this.#receivers().length > 0
  }

  /** Whether somebody took a receiver away. A hook that is refused, or cannot be seen now, may be right again in a moment. */
  #isRemoved(key: string): boolean {
    const { refused } = this.#hooks
    return !key.startsWith('hook ') || refused.every(({ name }) => name !== 'hooks.d' && key !== `hook ${name}`)
  }

  /** What is not to be told beside what waits. */
  covers(): readonly Cover[] {
    return this.#outbox.covers()
  }

  /** Tells it to all, and not what it covers. It is on disk when this resolves, and not delivered. */
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

  /** Tells a sample to all, once, and beside what waits. */
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

  /** Those that are not told, for long enough that somebody should look. */
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

  /** Ends what does not end soon; it is tried again after the next start. */
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
