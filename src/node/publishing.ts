/** The published folder of a node: everything that its public API serves, written by the routes themselves. */
import { errorCode, GossumError } from '../errors.js'
import { readFrom } from '../http/without-socket.js'
import type { Route } from '../http/router.js'
import { lastingController } from '../lib/timed.js'
import type { PublishedFinds, PublishedLogs } from '../publish/layout.js'
import { Publication, publishFault } from '../publish/publication.js'
import { PublicFolder } from '../publish/public-folder.js'
import type { View } from '../status/view.js'
import { toHex, utf8 } from '../tlog/bytes.js'
import { sha256 } from '../tlog/hash.js'
import type { NodeBase } from './base.js'
import { Rounds } from './rounds.js'

/** Milliseconds between two rounds: when much changes, when nothing does, and after a failure. */
const PAUSE_MS = { busy: 1_000, idle: 15_000, failed: 15_000 }

export class Publishing {
  readonly #base: NodeBase
  readonly #dir: string
  readonly #routes: readonly Route[]
  readonly #view: View
  readonly #stopped = lastingController()
  readonly #rounds = new Rounds(this.#stopped.signal)
  #folder: PublicFolder | undefined
  #publication: Publication | undefined
  #fault: string | undefined
  #running: Promise<void> = Promise.resolve()

  /** `routes` are those of the public server. */
  constructor(base: NodeBase, dir: string, routes: readonly Route[], view: View) {
    this.#base = base
    this.#dir = dir
    this.#routes = routes
    this.#view = view
    const wake = (): void => this.#rounds.wake()
    for (const what of ['changed', 'advanced', 'outcome', 'told'] as const) base.news.on(what, wake)
  }

  /** Why the folder is out of date; undefined when it is not. */
  get fault(): string | undefined {
    return this.#fault
  }

  start(): void {
    if (!this.#stopped.signal.aborted) this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#stopped.abort(new Error('the node stops'))
    await this.#running
    await this.#close()
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped
    while (!signal.aborted) {
      this.#rounds.begin()
      const isDone = await this.#round()
      await this.#rounds.pause(isDone ? PAUSE_MS.busy : PAUSE_MS.failed)
      if (isDone) await this.#rounds.rest(PAUSE_MS.idle - PAUSE_MS.busy)
    }
  }

  /**
   * Writes what has changed; whether everything was written. Never fails: readers of the folder see older content, and
   * the node continues.
   */
  async #round(): Promise<boolean> {
    try {
      await (await this.#opened()).round()
      this.#fault = undefined
      return true
    } catch (error) {
      const fault = publishFault(error, this.#dir)
      if (fault !== this.#fault) this.#base.news.onError(failed(error, fault))
      this.#fault = fault
      // When the folder is back it may be a different one.
      await this.#close()
      return false
    }
  }

  async #opened(): Promise<Publication> {
    this.#folder ??= await PublicFolder.open(this.#dir, this.#base.clock.now)
    return (this.#publication ??= new Publication(this.#folder, {
      logs: this.#logs(),
      finds: () => this.#finds(),
      ask: (path) => readFrom(this.#routes, path, this.#stopped.signal, this.#base.news.onError),
      witness: this.#base.keyring.first?.verifier.vkey ?? null,
      now: this.#base.clock.now,
      isOver: () => this.#stopped.signal.aborted,
    }))
  }

  async #close(): Promise<void> {
    await this.#folder?.close().catch(this.#base.news.onError)
    this.#folder = undefined
    this.#publication = undefined
  }

  #logs(): PublishedLogs {
    const { logs } = this.#base.config
    return { ids: logs.map(({ id }) => id), origins: logs.map(({ origin }) => toHex(sha256(utf8(origin)))) }
  }

  async #finds(): Promise<PublishedFinds> {
    const evidence = await this.#view.evidence()
    return { evidence: evidence.map(({ id }) => id), suspects: this.#view.suspects().map(({ id }) => id) }
  }
}

function failed(error: unknown, fault: string): GossumError {
  if (error instanceof GossumError && errorCode(error) === 'PUBLISH_FAILED') return error
  return new GossumError('PUBLISH_FAILED', fault, error)
}
