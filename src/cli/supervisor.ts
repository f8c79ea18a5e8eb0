/**
 * Notifies systemd that a node is ready, is reloading, is stopping, and, periodically, that it is alive. Node.js has no
 * datagram sockets of the unix domain, on which systemd listens, so systemd-notify, a part of systemd, sends the
 * messages.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { errorText } from '../errors.js'
import { timed } from '../lib/timed.js'

export interface SupervisorOptions {
  readonly env: NodeJS.ProcessEnv
  /** Receives messages: systemd could not be notified, or the node failed to prove that it is alive. */
  readonly talk: (text: string) => void
  /** Sends a state to systemd; systemd-notify by default. */
  readonly notify?: (state: string) => Promise<unknown>
}

/** Milliseconds that systemd-notify may take. */
const NOTIFY_TIMEOUT_MS = 10_000
const run = promisify(execFile)

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #notify: (state: string) => Promise<unknown>
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isStuck = false

  private constructor(options: SupervisorOptions) {
    this.#options = options
    this.#notify = options.notify ?? ((state) => run('systemd-notify', [state], { timeout: NOTIFY_TIMEOUT_MS }))
  }

  /** Undefined unless systemd started this process and expects notifications. */
  static of(options: SupervisorOptions): Supervisor | undefined {
    return options.env['NOTIFY_SOCKET'] ? new Supervisor(options) : undefined
  }

  /** Reports the node as ready; from now on it is reported alive each time `pulse` resolves. */
  ready(pulse: () => Promise<void>): void {
    this.#tell('READY=1')
    const { WATCHDOG_USEC: patience, WATCHDOG_PID: pid } = this.#options.env
    const isMeant = pid === undefined || Number(pid) === process.pid
    if (!isMeant || !(Number(patience) > 0) || this.#timer !== undefined) return
    // Four beats per period: three in a row may be missed.
    const everyMs = Number(patience) / 1000 / 4
    const beat = async (): Promise<void> => {
      await this.#beat(pulse, everyMs * 2)
      // Beats do not overlap: a hanging node is not asked again.
      if (this.#timer !== undefined) this.#timer = setTimeout(() => void beat(), everyMs).unref()
    }
    this.#timer = setTimeout(() => void beat(), 0).unref()
  }

  /** Reports that the node is reloading its settings; `ready` ends that. */
  reloading(): void {
    this.#tell('RELOADING=1')
  }

  /** Reports that the node is stopping. Resolves when systemd has been notified. */
  async stopping(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#tell('STOPPING=1')
    await this.#last
  }

  async #beat(pulse: () => Promise<void>, patienceMs: number): Promise<void> {
    try {
      await timed(patienceMs, [], (signal) => Promise.race([pulse(), aborted(signal)]))
      this.#isStuck = false
      this.#tell('WATCHDOG=1')
    } catch (error) {
      if (!this.#isStuck) this.#options.talk(`systemd is not told that this node is alive: ${errorText(error)}`)
      this.#isStuck = true
    }
  }

  /** Messages are sent in order. */
  #tell(state: string): void {
    this.#last = this.#last
      .then(() => this.#notify(state))
      .catch((error: unknown) => this.#options.talk(`systemd could not be told ${state}: ${errorText(error)}`))
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
