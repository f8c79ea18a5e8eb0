/**
 * The generation of a node that is running, and how a reload replaces it: the next one is built from other settings
 * after the one before has ended, while requests wait at a gate.
 */
import type { Config } from '../config/config.js'
import { changesOf, takenUp, type SettingChanges } from '../config/changes.js'
import { selfOf, type Frame } from './frame.js'
import { makeGeneration, type Ending, type Generation } from './generation.js'
import type { Self } from './self.js'

/** What a reload changed. */
export interface ReloadReport extends SettingChanges {
  /** Ids of the logs that are newly followed. */
  readonly followed: readonly string[]
  /** Ids of the logs that are no longer followed. */
  readonly left: readonly string[]
}

/** Milliseconds that work in progress may take before a reload aborts it. */
const DRAIN_MS = 5_000
/** Milliseconds that peers may take to reconnect before a node continues without them. */
const PEERS_BACK_MS = 3_000

export class Generations {
  readonly #frame: Frame
  readonly #ending: Ending
  #given: Config
  #self: Self
  #now: Generation

  private constructor(frame: Frame, ending: Ending, given: Config, self: Self, first: Generation) {
    this.#frame = frame
    this.#ending = ending
    this.#given = given
    this.#self = self
    this.#now = first
  }

  /** Builds the first one. `ending` receives what ends the current one, however much of it there is. */
  static async begin(frame: Frame, ending: Ending, given: Config, self: Self): Promise<Generations> {
    frame.news.metrics.places(given.places.map(({ name }) => name))
    return new Generations(frame, ending, given, self, await makeGeneration(frame, self, ending))
  }

  /** The settings as they were last given. */
  get given(): Config {
    return this.#given
  }

  /** What the node is under these settings. */
  get self(): Self {
    return this.#self
  }

  get now(): Generation {
    return this.#now
  }

  /**
   * Replaces the generation. Throws what a node would not start with, and EVIDENCE_UNWRITTEN; then nothing has changed.
   */
  async reload(given: Config): Promise<ReloadReport> {
    const { keyring, news, barrier } = this.#frame
    const before = this.#self
    const changes = changesOf(this.#given, given)
    if (changes.changed.length === 0) return { ...changes, followed: [], left: [] }
    // Every possible fault in the settings is found before anything ends.
    const next = await selfOf(takenUp(this.#given, given), keyring, news)
    try {
      barrier.requireKept(next.config.logs)
      // What exists only in memory would end with this generation.
      await this.#now.alarm.settle()
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
      doors.serve(this.#now.served)
      gate.open()
    }
  }

  async #begin(self: Self): Promise<void> {
    const { barrier, mesh } = this.#frame
    barrier.follow(self.config.logs)
    this.#self = self
    this.#now = await makeGeneration(this.#frame, self, this.#ending)
    await mesh.attend(this.#now.side.interests, PEERS_BACK_MS)
    this.#now.start()
  }

  async #end(): Promise<void> {
    await this.#ending.halt()
    await this.#ending.end()
  }
}
