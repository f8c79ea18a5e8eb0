/**
 * A hook: a program of the operator that receives an alert as JSON on its stdin. It runs in a process group of its own,
 * with a reduced environment, for a limited time; everything it started ends with it. Exit status 0 means that it has
 * accepted the alert.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { printableLines } from '../lib/printable.js'
import { subjectOf, type Alert } from './alert.js'
import type { HookFile } from './hooks.js'
import type { Attempt, Receiver } from './receiver.js'

/** Milliseconds that a hook may run, and that it has to end when told to. */
const TIMEOUT_MS = 30_000
const GRACE_MS = 3_000
/** How many of the last bytes of its output are kept, and how many it may print before it is ended. */
const KEPT_BYTES = 4096
const MAX_OUTPUT_BYTES = 1024 * 1024
/** How often it is run for one alert: each run may do half of its work. */
const MAX_TRIES = 5
/** The environment variables that it inherits: those for finding programs and for the language. */
const INHERITED = ['PATH', 'HOME', 'USER', 'LOGNAME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR', 'SystemRoot', 'ComSpec']
/** The most characters of the text in a variable, which spares short programs from parsing JSON. */
const MAX_TEXT = 8192

export interface HookTimes {
  readonly timeoutMs: number
  readonly graceMs: number
}

export class Hook implements Receiver {
  readonly kind = 'hook'
  readonly maxTries = MAX_TRIES
  readonly key: string
  readonly name: string
  readonly #path: string
  readonly #times: HookTimes

  constructor({ name, path }: HookFile, times: HookTimes = { timeoutMs: TIMEOUT_MS, graceMs: GRACE_MS }) {
    this.name = name
    this.key = `hook ${name}`
    this.#path = path
    this.#times = times
  }

  async deliver(alert: Alert, signal: AbortSignal): Promise<Attempt> {
    signal.throwIfAborted()
    const run = new Run(this.#path, alert, this.#times)
    const onAbort = (): void => run.end('the node stops')
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const attempt = await run.ended
      signal.throwIfAborted()
      return attempt
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

/** One run of the program. */
class Run {
  readonly ended: Promise<Attempt>
  readonly #child: ChildProcess
  readonly #times: HookTimes
  readonly #output: Buffer[] = []
  #bytes = 0
  #cut: string | undefined
  #kill: NodeJS.Timeout | undefined

  constructor(path: string, alert: Alert, times: HookTimes) {
    this.#times = times
    const late = setTimeout(() => this.end(`it did not end in ${times.timeoutMs / 1000} s`), times.timeoutMs)
    this.#child = spawn(path, [], {
      cwd: '/',
      env: environmentFor(alert),
      stdio: ['pipe', 'pipe', 'pipe'],
      // A process group of its own, so that everything it starts can be ended with it.
      detached: true,
    })
    const { stdin, stdout, stderr } = this.#child
    for (const stream of [stdout, stderr]) stream!.on('data', (piece: Buffer) => this.#hear(piece)).on('error', ignore)
    // It may end, or ignore its input, before it has read all of it.
    stdin!.on('error', ignore).end(`${JSON.stringify(alert)}\n`)
    this.ended = new Promise<string>((resolve) => {
      this.#child.once('error', (error: NodeJS.ErrnoException) =>
        resolve(`it cannot be run (${error.code ?? error.message})`),
      )
      this.#child.once('exit', (status, by) => resolve(by === null ? `exit status ${status}` : `ended by ${by}`))
    }).then((ending) => {
      clearTimeout(late)
      clearTimeout(this.#kill)
      // Ends the processes it left behind. Whoever keeps its output open is not waited for.
      this.#signal('SIGKILL')
      for (const stream of [stdin, stdout, stderr]) stream!.destroy()
      const said = this.#cut ?? ending
      return { isTaken: said === 'exit status 0', said, output: this.#shown() }
    })
  }

  /** Asks it to end, and soon kills it. */
  end(why: string): void {
    if (this.#cut !== undefined) return
    this.#cut = why
    this.#signal('SIGTERM')
    this.#kill = setTimeout(() => this.#signal('SIGKILL'), this.#times.graceMs)
  }

  #hear(piece: Buffer): void {
    this.#bytes += piece.length
    this.#output.push(piece)
    while (this.#output.length > 1 && total(this.#output) - this.#output[0]!.length >= KEPT_BYTES) this.#output.shift()
    if (this.#bytes <= MAX_OUTPUT_BYTES) return
    // Nothing more is read: a process that writes more blocks until it is ended.
    this.#child.stdout!.pause()
    this.#child.stderr!.pause()
    this.end(`it printed more than ${MAX_OUTPUT_BYTES} bytes`)
  }

  #shown(): string {
    return printableLines(Buffer.concat(this.#output).subarray(-KEPT_BYTES).toString('utf8').trim())
  }

  #signal(signal: NodeJS.Signals): void {
    const { pid } = this.#child
    if (pid === undefined) return
    try {
      process.kill(process.platform === 'win32' ? pid : -pid, signal)
    } catch {
      // There is nobody left.
    }
  }
}

function environmentFor(alert: Alert): NodeJS.ProcessEnv {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    ...Object.fromEntries(inherited),
    GOSSUM_ALARM_STATE: alert.state,
    GOSSUM_ALARM_SEVERITY: alert.severity,
    GOSSUM_ALARM_SUBJECT: subjectOf(alert),
    GOSSUM_ALARM_TEXT: alert.text.slice(0, MAX_TEXT),
  }
}

function total(pieces: readonly Buffer[]): number {
  return pieces.reduce((sum, { length }) => sum + length, 0)
}

function ignore(): void {
  // Nobody waits for it.
}
