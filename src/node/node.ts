/**
 * The one place where the parts meet. What stays as long as the node runs is its frame; everything that follows the settings is a
 * generation, which a reload exchanges for the next while whoever asks waits. What a part tells those that are made after it goes
 * through News.
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
  /** Undefined when the node has no mesh. */
  readonly peerId: string | undefined
  readonly multiaddrs: readonly string[]
  /** URL of the HTTP API. */
  readonly http: string
  readonly view: View
  /** The logs of the settings, of the home and of the log lists. */
  readonly logs: readonly LogSetting[]
  /** Takes up other settings while it runs. Throws what a node would not start with; then nothing has changed. */
  reload(config: Config): Promise<ReloadReport>
  /** Reads the settings anew, as whoever started it says, and takes them up. Throws likewise. */
  reread(): Promise<ReloadReport>
  /**
   * Resolves, with how, when the database of a shared state is not the one that it was at the start: what it had committed may
   * be gone. Nothing is signed from then on by this node; one that is made anew asks its peers first.
   */
  readonly moved: Promise<string>
  /** Ends everything, in the reverse order of the start. Safe to call twice. */
  stop(): Promise<void>
}

/** What a reload took up. */
export interface ReloadReport extends SettingChanges {
  /** Ids of logs that are followed now, and were not. */
  readonly followed: readonly string[]
  /** Ids of logs that were followed, and are not any more. */
  readonly left: readonly string[]
}

/** What the operator may ask of a node that only whoever started it can do. */
export interface NodeControls extends Omit<OperatorControls, 'reload'> {
  /** The settings as they are written now. Throws what loadConfig throws. */
  readonly reread: () => Config
  /** These are the settings from now on. */
  readonly onReload: (config: Config) => void
  /** A request was answered; `route` as it is declared, or empty. */
  readonly onRequest: (route: string, status: number) => void
}

/** Milliseconds that what is under way may take before a reload ends it. */
const DRAIN_MS = 5_000
/** Milliseconds that peers may take to come back before a node goes on without them. */
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
    // The generation is ended in two parts, between which those whom we chose learn what was signed.
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
    // First of all when stopping: a poller or a peer may be waiting for a proof or a signature that will never come.
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

  /** One reload after another; each with the settings as they are when its turn has come. */
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
    // A reload that is under way ends first: half of a generation could not be stopped.
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
    // All that can be wrong with them is found before anything ends.
    const next = await selfOf(takenUp(this.#given, given), keyring, news)
    try {
      barrier.requireKept(next.config.logs)
      const [unwritten] = this.#generation.alarm.unwritten()
      // It is in memory, and only there.
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

  /** One generation ends and the next begins; where that one cannot, the settings are as they were. */
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
          // Neither forth nor back: it goes on showing what it knows, and signs nothing until it is started anew.
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
