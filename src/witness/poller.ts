/**
 * Door: asks the log for its newest head, from our own vantage, with jitter so that nodes do not poll in step, and with
 * backoff so that a failing log is not overloaded.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { lastingController } from '../lib/timed.js'
import { pollFailure, type Polled } from './polled.js'
import type { Witness } from './witness.js'

/** Suspects larger than our tree that are retried after a poll. */
const SUSPECTS_PER_POLL = 8
/** The longest pause after failures, in polling intervals. */
const MAX_BACKOFF_INTERVALS = 5

export interface PollerParts {
  /** Log id. */
  readonly log: string
  /**
   * The bytes of the log's newest head, unverified. Throws a GossumError if the log does not serve one. Absent for a
   * log that only pushes: for it, only the suspects are retried.
   */
  readonly latestNote?: (options: { signal: AbortSignal }) => Promise<Uint8Array>
  readonly witness: Pick<Witness, 'submit' | 'retrySuspects'>
  /** Seconds between polls, on average. */
  readonly interval: number
  /** Called after each poll, once its head was judged. */
  readonly onPoll: (polled: Polled) => void
  /** Failures that are not the log's fault: our bug, or our disk. */
  readonly onError: (error: unknown) => void
  /** Time and randomness. */
  readonly world: {
    /** Milliseconds since 1970. */
    readonly now: () => number
    /** Uniform in [0, 1). */
    readonly random: () => number
    /** Waits so many milliseconds; rejects when the signal is aborted. If absent, timers of the process are used. */
    readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
  }
}

export class Poller {
  readonly #parts: PollerParts
  readonly #stopped = lastingController()
  #running: Promise<void> = Promise.resolve()
  #failures = 0

  constructor(parts: PollerParts) {
    this.#parts = parts
  }

  start(): void {
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    const { pause = (ms: number) => delay(ms, undefined, { signal }) } = this.#parts.world
    while (!signal.aborted) {
      await this.#poll(signal)
      await pause(this.#pause(), signal).catch(() => undefined)
    }
  }

  async #poll(signal: AbortSignal): Promise<void> {
    const { log, latestNote, witness, onPoll, onError } = this.#parts
    if (latestNote !== undefined) {
      const polled = await this.#look(latestNote, signal)
      if (signal.aborted && 'silence' in polled) return
      this.#failures = pollFailure(polled) === undefined ? 0 : this.#failures + 1
      onPoll(polled)
      if ('failed' in polled) onError(polled.failed)
    }
    // Even if the log is down: peers may be able to explain what it does not.
    witness.retrySuspects(log, SUSPECTS_PER_POLL).catch(onError)
  }

  async #look(latestNote: NonNullable<PollerParts['latestNote']>, signal: AbortSignal): Promise<Polled> {
    const { log, witness, world } = this.#parts
    let note: Uint8Array
    try {
      note = await latestNote({ signal })
    } catch (silence) {
      return { silence }
    }
    try {
      return { outcome: await witness.submit({ source: 'poll', note, log, receivedAt: world.now() }) }
    } catch (failed) {
      return { failed }
    }
  }

  /** Milliseconds until the next poll: the interval, plus or minus a fifth, longer after failures. */
  #pause(): number {
    const { interval, world } = this.#parts
    const backoff = Math.min(2 ** Math.max(0, this.#failures - 1), MAX_BACKOFF_INTERVALS)
    return interval * 1000 * backoff * (0.8 + 0.4 * world.random())
  }
}
