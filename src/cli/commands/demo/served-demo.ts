/**
 * The demo that keeps running: a log with two faces and its page, and witnesses with theirs, until it is stopped. Half
 * of the witnesses see each face; whoever presses the fork button can watch them find out.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GossumError } from '../../../errors.js'
import { lastingController } from '../../../lib/timed.js'
import type { NodeEvent } from '../../../node/events.js'
import { grouped } from '../../../lib/words.js'
import type { Output } from '../../ui/output.js'
import type { Child } from './child.js'
import { FACES, ForkableLog } from './forkable-log.js'
import { LogServer } from './log-server.js'
import { demoQuorum, DemoWitnesses } from './witnesses.js'

export interface ServedDemoOptions {
  readonly out: Output
  /** The directory of everything that it writes; removed at the end. */
  readonly directory: string
  readonly count: number
  /** Seconds between the heads that the log publishes on its own; 0 for none. */
  readonly every: number
}

/** Milliseconds that the start of the witnesses may take. */
const START_TIMEOUT_MS = 60_000
/** Seconds between polls: short, since someone is watching. */
const POLL_SECONDS = 1

type Held = Extract<NodeEvent, { event: 'evidence' }>

export class ServedDemo {
  readonly #options: ServedDemoOptions
  /** Aborts every wait. */
  readonly #ended = lastingController()
  #server: Promise<LogServer> | undefined
  #witnesses: DemoWitnesses | undefined

  constructor(options: ServedDemoOptions) {
    this.#options = options
  }

  /**
   * Starts everything, prints the addresses, and reports evidence until the end. Rejects when a node exits
   * unexpectedly.
   */
  async run(): Promise<never> {
    const { out, count, directory, every } = this.#options
    const log = await ForkableLog.open(join(directory, 'log'), 'demo.log.example')
    this.#server = LogServer.start(log, { host: '127.0.0.1', port: 0 }, every)
    const server = await this.#server
    const policy = join(directory, 'policy')
    this.#witnesses = new DemoWitnesses({ directory, vkey: log.vkey, policy, poll: POLL_SECONDS })
    const faces = Array.from({ length: count }, (_, i) => FACES[i % FACES.length]!)
    const nodes = await out.progress(`starting ${count} witnesses`, this.#start(this.#witnesses, server, faces))
    const seers = nodes.map(({ number, ready }, i) => ({
      name: `witness-${number}`,
      page: `${ready.http}/`,
      face: faces[i]!,
    }))
    server.seers = seers

    const witnesses = nodes.map(({ ready: { witness } }, i) => ({
      witness,
      page: seers[i]!.page,
      face: seers[i]!.face,
    }))
    out.json({ ready: true, log: log.vkey, page: `${server.url}/`, need: demoQuorum(count), witnesses })
    out.line(`log        ${server.url}/   its buttons publish a head, and fork it`)
    for (const { name, page, face } of seers) out.line(`${name.padEnd(11)}${page}   sees the ${face} face`)
    out.line(
      `quorum     ${demoQuorum(count)} of ${count}. Open a page of a witness, then fork the log. Ctrl-C ends it all.`,
    )
    return Promise.race(nodes.flatMap((node) => [this.#tell(node), unexpectedEnd(node)]))
  }

  /** Ends everything, whatever its state, and leaves nothing behind. */
  async end(): Promise<void> {
    this.#ended.abort()
    await this.#witnesses?.stop()
    const server = await this.#server?.catch(() => undefined)
    await server?.close()
    await rm(this.#options.directory, { recursive: true, force: true })
  }

  async #start(
    witnesses: DemoWitnesses,
    server: LogServer,
    faces: readonly (typeof FACES)[number][],
  ): Promise<Child[]> {
    await witnesses.make(faces.length)
    const starting = new AbortController()
    const timer = setTimeout(() => {
      starting.abort(new GossumError('TIMEOUT', `the witnesses did not start in ${START_TIMEOUT_MS} ms`))
    }, START_TIMEOUT_MS)
    this.#ended.signal.addEventListener('abort', () => starting.abort(this.#ended.signal.reason), { once: true })
    this.#ended.signal.throwIfAborted()
    const urls = faces.map((face) => server.faceUrl(face))
    return witnesses.startAll(urls, () => starting.signal).finally(() => clearTimeout(timer))
  }

  /** Reports each piece of evidence that a node holds. */
  async #tell(node: Child): Promise<never> {
    const { out } = this.#options
    const told = new Set<string>()
    const isNew = (event: NodeEvent): event is Held => event.event === 'evidence' && !told.has(event.id)
    for (;;) {
      const event = await node.when(isNew, this.#ended.signal)
      told.add(event.id)
      out.json({ node: node.number, ...event })
      const sizes = event.sizes.map(grouped).join(' and ')
      out.line(`witness-${node.number} holds the proof: two signed heads, sizes ${sizes}  ${node.ready.http}/`)
    }
  }
}

async function unexpectedEnd(node: Child): Promise<never> {
  await node.exited
  throw new GossumError('INTERNAL', `node ${node.number} has ended`)
}
