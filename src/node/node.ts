/**
 * The one place where all parts meet. What stays as long as the node runs is its frame. Everything that depends on the
 * settings is a generation, which a reload replaces while requests wait. A part reports to parts built after it through
 * News.
 */
import type { Config, LogSetting } from '../config/config.js'
import { changesOf, takenUp, type SettingChanges } from '../config/changes.js'
import { errorCode, errorText, GossumError } from '../errors.js'
import { operatorControls, type OperatorControls } from '../http/operator-controls.js'
import { Serial } from '../lib/serial.js'
import type { View } from '../status/view.js'
import type { NodeEvent } from './events.js'
import { makeFrame, selfOf, type Frame } from './frame.js'
import { Ending, inReverse, makeGeneration, type Generation } from './generation.js'
import { handlersBehind, startMesh } from './meshing.js'
import type { Self } from './self.js'

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

/** What a reload changed. */
export interface ReloadReport extends SettingChanges {
  /** Ids of the logs that are newly followed. */
  readonly followed: readonly string[]
  /** Ids of the logs that are no longer followed. */
  readonly left: readonly string[]
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

/** Milliseconds that work in progress may take before a reload aborts it. */
const DRAIN_MS = 5_000
/** Milliseconds that peers may take to reconnect before a node continues without them. */
const PEERS_BACK_MS = 3_000

/** Builds and starts a node. Throws a GossumError when it cannot; then nothing is left running. */
export async function createNode(
  config: Config,
  onEvent: (event: NodeEvent) => void = () => undefined,
  controls?: NodeControls,
): Promise<GossumNode> {
  const node = new Running()
  try {
    await node.start(config, onEvent, controls)
    return node
  } catch (error) {
    await node.stop()
    throw error
  }
}

class Running implements GossumNode {
  readonly #stops: (() => void | Promise<void>)[] = []
  readonly #turns = new Serial()
  #frame!: Frame
  #controls: NodeControls | undefined
  #given!: Config
  #self!: Self
  #generation!: Generation
  #ending = new Ending()
  #stopping: Promise<void> | undefined

  async start(given: Config, onEvent: (event: NodeEvent) => void, controls: NodeControls | undefined): Promise<void> {
    this.#controls = controls
    const fixed = controls === undefined ? [] : operatorControls({ log: controls.log, reload: () => this.reread() })
    const { frame, self } = await makeFrame(given, { onEvent, fixed, onRequest: controls?.onRequest }, this.#stops)
    const { barrier, mesh, doors, keyring, news } = frame
    this.#frame = frame
    this.#given = given
    frame.news.metrics.places(given.places.map(({ name }) => name))
    // The generation ends in two parts, between which the chosen peers learn what was signed.
    this.#stops.push(
      () => this.#ending.end(),
      () => mesh.stop(),
      () => barrier.stop(),
    )
    keyring.agent?.watch({
      onLost: news.onError,
      onBack: () => void this.#generation.witness.retryOwed().catch(news.onError),
    })
    this.#stops.push(
      () => keyring.agent?.stop(),
      () => this.#ending.halt(),
    )
    await this.#make(self)
    this.#stops.push(() => doors.stop())
    barrier.start()
    await doors.start(this.#generation.served)
    if (frame.hasMesh) {
      const handlers = handlersBehind(frame.gate, () => this.#generation.side.handlers)
      mesh.start(await startMesh(given, frame, { ...this.#generation.side, handlers }))
    }
    this.#generation.start()
    // First of all when stopping: a poller or a peer may be waiting for a proof or signature that will never come.
    this.#stops.push(
      () => this.#ending.abort(),
      () => keyring.agent?.stop(),
      () => barrier.close(),
    )
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
    return this.#generation.view
  }

  get moved(): Promise<string> {
    return this.#frame.moved
  }

  get logs(): readonly LogSetting[] {
    return this.#self.config.logs
  }

  reload(given: Config): Promise<ReloadReport> {
    return this.#inTurn(() => given)
  }

  reread(): Promise<ReloadReport> {
    const controls = this.#controls
    if (controls === undefined) return this.reload(this.#given)
    return this.#inTurn(() => controls.reread())
  }

  /** Runs reloads one after another; each reads the settings when its turn has come. */
  #inTurn(read: () => Config): Promise<ReloadReport> {
    return this.#turns.run('reload', async () => {
      const { news } = this.#frame
      try {
        const given = read()
        const report = await this.#reload(given)
        this.#controls?.onReload(this.#given)
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

  async #make(self: Self): Promise<void> {
    this.#self = self
    this.#generation = await makeGeneration(this.#frame, self, this.#ending)
  }

  async #reload(given: Config): Promise<ReloadReport> {
    if (this.#stopping !== undefined) throw new GossumError('NODE_BUSY', 'it stops')
    const { keyring, news, barrier } = this.#frame
    const before = this.#self
    const changes = changesOf(this.#given, given)
    if (changes.changed.length === 0) return { ...changes, followed: [], left: [] }
    // Every possible fault in the settings is found before anything ends.
    const next = await selfOf(takenUp(this.#given, given), keyring, news)
    try {
      barrier.requireKept(next.config.logs)
      const [unwritten] = this.#generation.alarm.unwritten()
      // It exists only in memory.
      if (unwritten !== undefined) throw new GossumError('EVIDENCE_UNWRITTEN', unwritten.id)
    } catch (error) {
      await next.lists.stop()
      throw error
    }
    await this.#exchange(next)
    this.#given = takenUp(this.#given, given)
    news.metrics.places(given.places.map(({ name }) => name))
    const ids = (of: Self): string[] => of.followed.map(({ id }) => id)
    const [old, now] = [ids(before), ids(next)]
    return {
      ...changes,
      followed: now.filter((id) => !old.includes(id)),
      left: old.filter((id) => !now.includes(id)),
    }
  }

  /** Ends one generation and builds the next; if that fails, rebuilds it with the old settings. */
  async #exchange(next: Self): Promise<void> {
    const { gate, doors, barrier, keyring, news } = this.#frame
    await gate.close(DRAIN_MS)
    try {
      await this.#end()
      try {
        await this.#begin(next)
      } catch (error) {
        await this.#end()
        await this.#begin(await selfOf(this.#given, keyring, news)).catch((worse: unknown) => {
          // Neither generation can be built: the node keeps showing its status, and signs nothing until it is
          // restarted.
          barrier.close()
          news.onError(worse)
        })
        throw error
      }
    } finally {
      doors.serve(this.#generation.served)
      gate.open()
    }
  }

  async #begin(self: Self): Promise<void> {
    const { barrier, mesh } = this.#frame
    this.#ending = new Ending()
    barrier.follow(self.config.logs)
    await this.#make(self)
    await mesh.attend(this.#generation.side.interests, PEERS_BACK_MS)
    this.#generation.start()
  }

  async #end(): Promise<void> {
    await this.#ending.halt()
    await this.#ending.end()
  }
}
