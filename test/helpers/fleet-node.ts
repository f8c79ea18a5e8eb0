/**
 * A node in a process of its own, for code that needs many, kills them, and starts them again: benchmarks, the soak,
 * storms. It needs no test runner; its user stops it, and it also ends when this process does.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { buffer } from 'node:stream/consumers'
import type { NodeEvent } from '../../src/node/events.js'
import type { StatusView } from '../../src/status/shapes.js'
import { program } from './built.js'
import { usageOf, type Usage } from './process-usage.js'

export const PROGRAM = program()

export interface Ready {
  readonly witness: string
  readonly peerId: string
  readonly multiaddrs: readonly string[]
  readonly http: string
}

/** The number of events kept per node, the newest. */
const KEPT_EVENTS = 20_000
/** The length of a node's output that is kept to explain a failure, in characters. */
const KEPT_TALK = 4096
/** The number of events reported when waiting for one has failed. */
const LAST_EVENTS = 12
/** Milliseconds until a node must be ready, and until an answer of its API. */
const START_TIMEOUT_MS = 60_000
const ASK_TIMEOUT_MS = 20_000

export class FleetNode {
  readonly ready: Ready
  readonly pid: number
  readonly #child: ChildProcess
  readonly #exited: Promise<number | null>
  readonly #events: NodeEvent[] = []
  readonly #listeners = new Set<(event: NodeEvent) => void>()
  /** The latest part of its stderr. */
  readonly #talk: () => string

  private constructor(child: ChildProcess, exited: Promise<number | null>, ready: Ready, talk: () => string) {
    this.ready = ready
    this.pid = child.pid!
    this.#child = child
    this.#exited = exited
    this.#talk = talk
  }

  /**
   * Starts `gossum run` with these arguments, after `prefix` if any ("ip netns exec NAME"). It uses multicast DNS only
   * if `mdns` is set, since tests must not meet each other. Rejects if it ends.
   */
  static async start(args: readonly string[], prefix: readonly string[] = [], mdns = false): Promise<FleetNode> {
    const [command, ...rest] = [...prefix, process.execPath, PROGRAM, 'run', '--json', ...args]
    const child = spawn(command!, rest, {
      // Through the channel the child ends when this process does.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { PATH: process.env['PATH'], HOME: '/nonexistent', GOSSUM_MDNS: String(mdns) },
    })
    let talk = ''
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (talk = (talk + text).slice(-KEPT_TALK)))
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
    const timer = setTimeout(() => child.kill('SIGKILL'), START_TIMEOUT_MS)
    let node: FleetNode | undefined
    return new Promise<FleetNode>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`a node ended with ${String(code)}: ${talk.trim()}`)))
      createInterface({ input: child.stdout! }).on('line', (line) => {
        const message = JSON.parse(line) as NodeEvent | (Ready & { ready: true })
        if ('ready' in message) resolve((node = new FleetNode(child, exited, message, () => talk.trim())))
        else if (node !== undefined) node.#take(message)
      })
    }).finally(() => clearTimeout(timer))
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** The newest events, oldest first. */
  get events(): readonly NodeEvent[] {
    return this.#events
  }

  /** Calls the listener with every event from now on; the returned function removes it. */
  listen(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The first event, past or future, that satisfies the condition. Rejects with `what` if it takes too long. */
  when<E extends NodeEvent>(what: string, question: (event: NodeEvent) => event is E, timeoutMs = 30_000): Promise<E> {
    const past = this.#events.find(question)
    if (past !== undefined) return Promise.resolve(past)
    return new Promise((resolve, reject) => {
      const end = this.listen((event) => {
        if (!question(event)) return
        clearTimeout(timer)
        end()
        resolve(event)
      })
      const timer = setTimeout(() => {
        end()
        const last = this.#events.slice(-LAST_EVENTS).map((event) => JSON.stringify(event).slice(0, 300))
        reject(new Error(`${this.ready.http}: no ${what} within ${timeoutMs} ms: ${this.#talk()}\n${last.join('\n')}`))
      }, timeoutMs)
    })
  }

  /** Requests a path of the node's API. */
  async ask(path: string): Promise<Uint8Array> {
    // A connection of its own: the node may close a kept one while the request is being sent.
    const options = { agent: false, signal: AbortSignal.timeout(ASK_TIMEOUT_MS) }
    // Once there is an answer, an error is reported by reading it.
    const sent = get(`${this.ready.http}${path}`, options).on('error', () => undefined)
    const [response] = (await once(sent, 'response').catch((error: unknown) => {
      throw new Error(`${path}: ${this.isRunning ? 'no answer' : `the node ended: ${this.#talk()}`}`, { cause: error })
    })) as [IncomingMessage]
    const body = await buffer(response)
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`)
    return body
  }

  async json(path: string): Promise<unknown> {
    return JSON.parse(Buffer.from(await this.ask(path)).toString()) as unknown
  }

  async status(): Promise<StatusView> {
    return (await this.json('/api/v1/status')) as StatusView
  }

  usage(): Usage {
    return usageOf(this.pid)
  }

  /** Stops the node as an operator does. Returns its exit code. */
  async stop(): Promise<number | null> {
    if (this.isRunning) this.#child.kill('SIGTERM')
    return this.#exited
  }

  /** Ends the node as a power failure does. */
  async kill(): Promise<void> {
    if (this.isRunning) this.#child.kill('SIGKILL')
    await this.#exited
  }

  #take(event: NodeEvent): void {
    this.#events.push(event)
    if (this.#events.length > KEPT_EVENTS) this.#events.splice(0, KEPT_EVENTS / 2)
    for (const listener of [...this.#listeners]) listener(event)
  }
}

// ---- questions -------------------------------------------------------------------------------------------------

type Of<Name extends NodeEvent['event']> = Extract<NodeEvent, { event: Name }>

/** Whether an event reports that a head of this size has its quorum. */
export function isQuorum(log: string, size: number) {
  return (event: NodeEvent): event is Of<'quorum'> =>
    event.event === 'quorum' && event.log === log && event.size === size
}

/** Whether an event reports that the node's own history reached this size. */
export function isAdvanced(log: string, size: number) {
  return (event: NodeEvent): event is Of<'outcome'> =>
    event.event === 'outcome' && event.log === log && event.outcome === 'advanced' && event.size === size
}

export function isEvidence(log: string) {
  return (event: NodeEvent): event is Of<'evidence'> => event.event === 'evidence' && event.log === log
}

export function isPeer(connected: boolean, peerId?: string) {
  return (event: NodeEvent): event is Of<'peer'> =>
    event.event === 'peer' && event.connected === connected && (peerId === undefined || event.peerId === peerId)
}
