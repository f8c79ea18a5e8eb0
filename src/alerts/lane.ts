/** The alerts for one receiver, in order, with retries. No receiver waits for another. */
import { errorText } from '../errors.js'
import type { Alert } from './alert.js'
import type { Outbox } from './outbox.js'
import type { Attempt, Receiver } from './receiver.js'

/** Milliseconds before the second attempt; doubled from attempt to attempt, up to the most. */
const BACKOFF_MS = 5_000
const MAX_BACKOFF_MS = 600_000
/** How often a receiver may refuse an alert because of its content. */
const REFUSED_TRIES = 5

export type DeliveryOutcome = 'taken' | 'failed' | 'dropped'

export interface LaneParts {
  readonly outbox: Outbox
  /** Runs an attempt when there is a free slot. */
  readonly run: (receiver: Receiver, alert: Alert) => Promise<Attempt>
  readonly onOutcome: (receiver: Receiver, outcome: DeliveryOutcome) => void
  readonly onError: (error: unknown) => void
  readonly world: {
    readonly now: () => number
    readonly monotonic: () => number
    /** Uniform in [0, 1). */
    readonly random: () => number
    /** Factor for all delays, for tests. */
    readonly pace?: number
  }
}

export class Lane {
  #receiver: Receiver
  readonly #parts: LaneParts
  #isBusy = false
  #isWoken = false
  #working: Promise<void> = Promise.resolve()
  #isStopped = false
  #timer: NodeJS.Timeout | undefined
  #alert: string | undefined
  #tries = 0
  /** On the monotonic clock. */
  #failingSince: number | undefined
  #lastTaken: number | undefined
  #error: string | null = null
  #isGone = false

  constructor(receiver: Receiver, parts: LaneParts) {
    this.#receiver = receiver
    this.#parts = parts
  }

  get receiver(): Receiver {
    return this.#receiver
  }

  /** The current form of the same receiver: a hook may be a new file with the same name. */
  set receiver(receiver: Receiver) {
    this.#receiver = receiver
  }

  /** When it last accepted something, in milliseconds since 1970. */
  get lastTaken(): number | undefined {
    return this.#lastTaken
  }

  /** Why it did not accept the last alert. */
  get error(): string | null {
    return this.#error
  }

  /** Seconds since it has failed; undefined if it accepts everything. */
  get failing(): number | undefined {
    return this.#failingSince === undefined ? undefined : (this.#parts.world.monotonic() - this.#failingSince) / 1000
  }

  /** Whether it said that it wants no more messages. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** There may be something to send. */
  wake(): void {
    this.#isWoken = true
    if (this.#isBusy || this.#isStopped || this.#timer !== undefined) return
    this.#isBusy = true
    this.#working = this.#work()
      .catch(this.#parts.onError)
      .finally(() => {
        this.#isBusy = false
        // Something arrived after it had checked for the last time.
        if (this.#isWoken) this.wake()
      })
  }

  /** Resolves when deliveries in progress have ended. */
  stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    return this.#working
  }

  async #work(): Promise<void> {
    const { outbox, run } = this.#parts
    for (;;) {
      this.#isWoken = false
      const alert = outbox.oldest(this.#receiver.key)
      if (alert === undefined || this.#isStopped || this.#isGone) return
      if (this.#alert !== alert.id) [this.#alert, this.#tries] = [alert.id, 0]
      this.#tries++
      const attempt = await run(this.#receiver, alert).catch((error: unknown): Attempt | undefined =>
        this.#isStopped ? undefined : { isTaken: false, said: errorText(error), output: '' },
      )
      if (attempt === undefined) return
      if (!(await this.#ended(alert, attempt))) return
    }
  }

  /** Returns whether the next alert may be sent at once. */
  async #ended(alert: Alert, attempt: Attempt): Promise<boolean> {
    const { outbox, onOutcome, world } = this.#parts
    const { key, maxTries = Infinity } = this.#receiver
    if (attempt.isTaken) {
      this.#lastTaken = world.now()
      this.#failingSince = undefined
      this.#error = null
      onOutcome(this.#receiver, 'taken')
      await outbox.done(alert.id, key)
      return true
    }
    this.#error = attempt.said
    this.#failingSince ??= world.monotonic()
    onOutcome(this.#receiver, 'failed')
    if (attempt.gives === 'all') {
      this.#isGone = true
      onOutcome(this.#receiver, 'dropped')
      await outbox.forget(key)
      return false
    }
    if (this.#tries >= (attempt.gives === 'alert' ? REFUSED_TRIES : maxTries)) {
      onOutcome(this.#receiver, 'dropped')
      await outbox.done(alert.id, key)
      return true
    }
    this.#rest(attempt.retryAfterMs ?? 0)
    return false
  }

  #rest(leastMs: number): void {
    const { random, pace = 1 } = this.#parts.world
    const backoff = Math.min(BACKOFF_MS * 2 ** (this.#tries - 1), MAX_BACKOFF_MS) * pace
    // At least half of the delay: a receiver that is down must not be tried at once by chance.
    const ms = Math.max(leastMs, backoff / 2 + (random() * backoff) / 2)
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.wake()
    }, ms).unref()
  }
}
