/**
 * The one place where all parts meet. What stays as long as the node runs is its frame. Everything that depends on the
 * settings is a generation, which a reload replaces while requests wait. A part reports to parts built after it through
 * News.
 */
import type { Config, LogSetting } from '../config/config.js'
import { errorCode, errorText, GossumError } from '../errors.js'
import { operatorControls, type OperatorControls } from '../http/operator-controls.js'
import { Serial } from '../lib/serial.js'
import type { View } from '../status/view.js'
import type { NodeEvent } from './events.js'
import { makeFrame, type Frame } from './frame.js'
import { Ending, inReverse, type Stop } from './generation.js'
import { Generations, type ReloadReport } from './generations.js'
import { handlersBehind, startMesh } from './meshing.js'

export interface GossumNode {
  /** The witness's verifier key; undefined for an observer. */
  readonly witness: string | undefined
  /** Undefined if the node has no mesh. */
  readonly peerId: string | undefined
  readonly multiaddrs: readonly string[]
  /** URL of the HTTP API. */
  readonly http: string
  readonly view: View
  /** The logs from the settings, the home and the log lists. */
  readonly logs: readonly LogSetting[]
  /** Applies other settings while the node runs. Throws what a node would not start with; then nothing has changed. */
  reload(config: Config): Promise<ReloadReport>
  /** Reads the settings again, through NodeControls, and applies them. Throws likewise. */
  reread(): Promise<ReloadReport>
  /**
   * Resolves with a description when the shared-state database is not the one that it was at the start: what it had
   * committed may be lost. From then on this node signs nothing; a newly created one asks its peers first.
   */
  readonly moved: Promise<string>
  /** Ends everything, in the reverse order of the start. Safe to call twice. */
  stop(): Promise<void>
}

/** What the operator may request that only the code that started the node can do. */
export interface NodeControls extends Omit<OperatorControls, 'reload'> {
  /** Reads the settings as they are now. Throws what loadConfig throws. */
  readonly reread: () => Config
  /** Called with the settings from now on. */
  readonly onReload: (config: Config) => void
  /** Called when a request was answered; `route` as it is declared, or empty. */
  readonly onRequest: (route: string, status: number) => void
}

/** Builds and starts a node. Throws a GossumError when it cannot; then nothing is left running. */
export async function createNode(
  config: Config,
  onEvent: (event: NodeEvent) => void = () => undefined,
  controls?: NodeControls,
): Promise<GossumNode> {
  const stops: Stop[] = []
  let node: Running | undefined
  try {
    const { frame, self } = await makeFrame(config, { onEvent, onRequest: controls?.onRequest }, stops)
    const { barrier, mesh, keyring, news } = frame
    keyring.agent?.watch({ onLost: news.onError, onBack: () => void news.emit('keyBack') })
    const ending = new Ending()
    // A generation ends in two parts, between which the chosen peers learn what was signed.
    stops.push(
      () => ending.end(),
      () => mesh.stop(),
      () => barrier.stop(),
      () => keyring.agent?.stop(),
      () => ending.halt(),
    )
    const generations = await Generations.begin(frame, ending, config, self)
    node = new Running(frame, generations, stops, controls)
    await node.start()
    // First of all when stopping: a poller or a peer may be waiting for a proof or signature that will never come.
    stops.push(
      () => ending.abort(),
      () => keyring.agent?.stop(),
      () => barrier.close(),
    )
    return node
  } catch (error) {
    await (node === undefined ? inReverse(stops) : node.stop())
    throw error
  }
}

class Running implements GossumNode {
  readonly #frame: Frame
  readonly #generations: Generations
  readonly #stops: Stop[]
  readonly #controls: NodeControls | undefined
  readonly #turns = new Serial()
  #stopping: Promise<void> | undefined

  /** `stops` receives the function that ends each part as soon as that part exists. */
  constructor(frame: Frame, generations: Generations, stops: Stop[], controls: NodeControls | undefined) {
    this.#frame = frame
    this.#generations = generations
    this.#stops = stops
    this.#controls = controls
  }

  /** Opens the doors, and begins to poll and to sign. A reload that is requested meanwhile waits. */
  start(): Promise<void> {
    return this.#turns.run('reload', () => this.#start())
  }

  async #start(): Promise<void> {
    const { barrier, mesh, doors, gate } = this.#frame
    const { given, now } = this.#generations
    this.#stops.push(() => doors.stop())
    barrier.start()
    const controls = this.#controls
    const fixed = controls === undefined ? [] : operatorControls({ log: controls.log, reload: () => this.reread() })
    await doors.start(now.served, fixed)
    if (this.#frame.hasMesh) {
      const handlers = handlersBehind(gate, () => this.#generations.now.side.handlers)
      mesh.start(await startMesh(given, this.#frame, { ...now.side, handlers }))
    }
    now.start()
  }

  get witness(): string | undefined {
    return this.#frame.keyring.first?.verifier.vkey
  }

  get peerId(): string | undefined {
    return this.#frame.mesh.mesh?.peerId
  }

  get multiaddrs(): readonly string[] {
    return this.#frame.mesh.mesh?.multiaddrs() ?? []
  }

  get http(): string {
    return this.#frame.doors.url
  }

  get view(): View {
    return this.#generations.now.view
  }

  get moved(): Promise<string> {
    return this.#frame.moved
  }

  get logs(): readonly LogSetting[] {
    return this.#generations.self.config.logs
  }

  reload(given: Config): Promise<ReloadReport> {
    return this.#inTurn(() => given)
  }

  reread(): Promise<ReloadReport> {
    const controls = this.#controls
    if (controls === undefined) return this.reload(this.#generations.given)
    return this.#inTurn(() => controls.reread())
  }

  /** Runs reloads one after another; each reads the settings when its turn has come. */
  #inTurn(read: () => Config): Promise<ReloadReport> {
    return this.#turns.run('reload', async () => {
      const { news } = this.#frame
      try {
        const given = read()
        if (this.#stopping !== undefined) throw new GossumError('NODE_BUSY', 'it stops')
        const report = await this.#generations.reload(given)
        this.#controls?.onReload(this.#generations.given)
        news.tell({ event: 'reload', ...report, error: null })
        return report
      } catch (error) {
        const nothing = { changed: [], restart: [], followed: [], left: [] }
        news.tell({ event: 'reload', ...nothing, error: `${errorText(error)} (${errorCode(error)})` })
        throw error
      }
    })
  }

  stop(): Promise<void> {
    // A reload in progress ends first: half a generation could not be stopped.
    this.#stopping ??= this.#turns.run('reload', () => inReverse(this.#stops))
    return this.#stopping
  }
}
