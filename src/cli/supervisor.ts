/**
 * What systemd is told of a node: that it is ready, reads its settings anew, stops, and, again and again, that it lives. Node.js has no
 * sockets of the kind at which systemd listens, so systemd-notify speaks for it, which is wherever systemd is.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { errorText } from '../errors.js'
import { timed } from '../lib/timed.js'

export interface SupervisorOptions {
  readonly env: NodeJS.ProcessEnv
  /** Hears why systemd could not be told, or is told no more that the node lives. */
  readonly talk: (text: string) => void
  /** Tells systemd; systemd-notify unless said otherwise. */
  readonly notify?: (state: string) => Promise<unknown>
}

/** How long systemd-notify may take, in milliseconds. */
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

  /** Undefined where nobody listens: systemd did not start this process, or does not want to know. */
  static of(options: SupervisorOptions): Supervisor | undefined {
    return options.env['NOTIFY_SOCKET'] ? new Supervisor(options) : undefined
  }

  /** The node is ready; from now on `pulse` says, each time it resolves, that it lives. */
  ready(pulse: () => Promise<void>): void {
    this.#tell('READY=1')
    const { WATCHDOG_USEC: patience, WATCHDOG_PID: pid } = this.#options.env
    const isMeant = pid === undefined || Number(pid) === process.pid
    if (!isMeant || !(Number(patience) > 0) || this.#timer !== undefined) return
    // Three may be missed in a row before systemd loses patience.
    const everyMs = Number(patience) / 1000 / 4
    const beat = async (): Promise<void> => {
      await this.#beat(pulse, everyMs * 2)
      // One after another: what hangs is not asked again and again.
      if (this.#timer !== undefined) this.#timer = setTimeout(() => void beat(), everyMs).unref()
    }
    this.#timer = setTimeout(() => void beat(), 0).unref()
  }

  /** It reads its settings anew; `ready` says when it has. */
  reloading(): void {
    this.#tell('RELOADING=1')
  }

  /** It stops. Resolves when systemd was told. */
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
      if (!this.#isStuck) this.#options.talk(`systemd is not told that this node lives: ${errorText(error)}`)
      this.#isStuck = true
    }
  }

  /** In the order in which it was said. */
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
