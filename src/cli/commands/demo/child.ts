/** A real node in a process of its own, observed through `gossum run --json`. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { GossumError } from '../../../errors.js'
import type { NodeEvent } from '../../../node/events.js'
import { fromUtf8 } from '../../../tlog/bytes.js'
import { NodeClient } from '../../node-client.js'

/** The path of this program. */
export const PROGRAM = fileURLToPath(new URL('../../main.js', import.meta.url))

interface Ready {
  readonly witness: string
  readonly multiaddrs: readonly string[]
  readonly http: string
}

/**
 * The environment of every process of the demo: none of the settings of the operator, who may run nodes, and no proxy
 * between the processes.
 */
export function demoEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const ours = Object.entries(env).filter(([name]) => !/^GOSSUM_|^(?:https?|all|no)_proxy$/i.test(name))
  return { ...Object.fromEntries(ours), GOSSUM_CONFIG: '' }
}

/** Milliseconds between two checks of a state for which there is no event. */
const LOOK_AGAIN_MS = 50

type Waiter = (event: NodeEvent) => void

/** The most events of a child that are kept for later questions. */
const KEPT_EVENTS = 10_000
/** Output of a child kept to explain a failure, in characters. */
const KEPT_OUTPUT = 4096

export class Child {
  readonly number: number
  readonly ready: Ready
  readonly #process: ChildProcess
  readonly #events: NodeEvent[] = []
  readonly #waiters = new Set<Waiter>()
  /** Resolves when the process has ended. */
  readonly exited: Promise<void>

  private constructor(number: number, process: ChildProcess, ready: Ready, exited: Promise<void>) {
    this.number = number
    this.#process = process
    this.ready = ready
    this.exited = exited
  }

  /** Starts a node and waits until it is ready. Throws if it exits first, which it does when the signal aborts. */
  static async start(number: number, args: readonly string[], signal: AbortSignal): Promise<Child> {
    signal.throwIfAborted()
    // The channel ties the child's life to ours: it stops when this process ends, in whatever way.
    const child = spawn(process.execPath, [PROGRAM, 'run', '--json', ...args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: demoEnv(process.env),
    })
    let talk = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (talk = (talk + text).slice(-KEPT_OUTPUT)))
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    let node: Child | undefined
    return new Promise<Child>((resolve, reject) => {
      signal.addEventListener('abort', () => node ?? child.kill('SIGKILL'), { once: true })
      child.once('exit', () => reject(new GossumError('INTERNAL', `node ${number} did not start: ${talk.trim()}`)))
      child.once('error', reject)
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const message = JSON.parse(line) as NodeEvent | (Ready & { ready: true })
        if ('ready' in message) resolve((node = new Child(number, child, message, exited)))
        else if (node !== undefined) node.#take(message)
      })
    })
  }

  /** The first event, past or future, that satisfies the question. */
  when<E extends NodeEvent>(question: (event: NodeEvent) => event is E, signal: AbortSignal): Promise<E> {
    const past = this.#events.find(question)
    if (past !== undefined) return Promise.resolve(past)
    if (signal.aborted) return Promise.reject(signal.reason as Error)
    return new Promise((resolve, reject) => {
      const waiter = (event: NodeEvent): void => {
        if (!question(event)) return
        this.#waiters.delete(waiter)
        resolve(event)
      }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
    })
  }

  /** Requests a path of the node's API. */
  async ask(path: string): Promise<Uint8Array> {
    return new NodeClient(this.ready.http).ask(path)
  }

  /** Waits until its logs are frozen, which becomes visible a moment after the event that reports the evidence. */
  async untilFrozen(signal: AbortSignal): Promise<void> {
    for (;;) {
      const { logs } = JSON.parse(fromUtf8(await this.ask('/api/v1/logs'))!) as { logs: { frozen: boolean }[] }
      if (logs.every(({ frozen }) => frozen)) return
      await setTimeout(LOOK_AGAIN_MS, undefined, { signal })
    }
  }

  async stop(): Promise<void> {
    this.#process.kill('SIGTERM')
    await this.exited
  }

  #take(event: NodeEvent): void {
    this.#events.push(event)
    if (this.#events.length > KEPT_EVENTS) this.#events.shift()
    for (const waiter of [...this.#waiters]) waiter(event)
  }
}
