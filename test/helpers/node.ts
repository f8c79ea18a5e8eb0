/** Whole nodes: the built program in processes of their own, with their events. `npm test` builds it first. */
import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import type { NodeEvent } from '../../src/node/events.js'
import { PROGRAM } from './cli.js'

export interface ReadyLine {
  readonly ready: true
  readonly witness: string
  readonly peerId: string
  readonly multiaddrs: string[]
  readonly http: string
  readonly goproxy: string | null
  readonly logs: { id: string; name: string; size: number; gosumdb: string | null }[]
}

/** A node that runs until the test ends, on loopback and free ports. */
export class RunningNode {
  readonly child: ChildProcess
  readonly ready: ReadyLine
  readonly home: string
  readonly #events: NodeEvent[]
  readonly #waiting: Set<() => void>

  private constructor(
    child: ChildProcess,
    home: string,
    ready: ReadyLine,
    events: NodeEvent[],
    waiting: Set<() => void>,
  ) {
    this.child = child
    this.home = home
    this.ready = ready
    this.#events = events
    this.#waiting = waiting
  }

  /** `atEnd` receives the function that stops it; by default it is stopped when the test ends. */
  static async start(
    home: string,
    args: readonly string[],
    env: Readonly<Record<string, string>> = {},
    atEnd: (end: () => void) => void = onTestFinished,
  ): Promise<RunningNode> {
    const fixed = ['--home', home, '--http', '127.0.0.1:0', '--listen', '/ip4/127.0.0.1/tcp/0']
    const child = spawn(process.execPath, [PROGRAM, 'run', '--json', ...fixed, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Tests must not find each other's nodes on the network.
      env: { ...process.env, GOSSUM_MDNS: 'false', ...env },
    })
    atEnd(() => void child.kill('SIGKILL'))
    let talk = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (talk += text))
    const events: NodeEvent[] = []
    const waiting = new Set<() => void>()
    const ready = await new Promise<ReadyLine>((resolve, reject) => {
      child.once('exit', () => reject(new Error(`the node ended: ${talk}`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        const message = JSON.parse(line) as NodeEvent | ReadyLine
        if ('ready' in message) return resolve(message)
        events.push(message)
        waiting.forEach((look) => look())
      })
    })
    return new RunningNode(child, home, ready, events, waiting)
  }

  /** The number of events so far. */
  get told(): number {
    return this.#events.length
  }

  /** The first event that satisfies the condition, past or future, except the first `after` events. */
  async event(isSought: (event: NodeEvent) => boolean, after = 0): Promise<NodeEvent> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.#events.slice(after).find(isSought)
        if (found === undefined) return
        this.#waiting.delete(look)
        resolve(found)
      }
      this.#waiting.add(look)
      look()
    })
  }

  /** All events so far that satisfy the condition. */
  all(isSought: (event: NodeEvent) => boolean): NodeEvent[] {
    return this.#events.filter(isSought)
  }

  async json(path: string): Promise<unknown> {
    return (await fetch(`${this.ready.http}${path}`)).json()
  }

  /** Ends the node like a power failure, as far as its files are concerned. */
  async kill(): Promise<void> {
    const exited = new Promise<void>((resolve) => this.child.once('exit', () => resolve()))
    this.child.kill('SIGKILL')
    return exited
  }

  /** Stops the node as an operator does. Returns its exit code. */
  async stop(): Promise<number | null> {
    const exited = new Promise<number | null>((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGTERM')
    return exited
  }
}
