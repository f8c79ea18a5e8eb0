/**
 * Which versions the cooldown lets through. A version is judged by when a quorum head first covered its record; one
 * that cannot be judged is not let through.
 */
import { GossumError } from '../errors.js'
import { attempted } from '../errors/attempt.js'
import { Lru } from '../lib/lru.js'
import { mapBounded } from '../lib/single-flight.js'
import { timed } from '../lib/timed.js'
import type { Asking } from '../proxy/shared.js'
import type { ModuleVersion } from '../sumdb/module-version.js'
import { isExempt, ripeness, type LetThrough, type Ripeness } from './cooldown.js'
import type { CooldownSetting, MirrorLog } from './mirror-parts.js'

/**
 * Versions of one list about which the log is asked: how many, how many concurrently, and for how long in all, in
 * milliseconds.
 */
const MAX_JUDGED = 1_000
const JUDGED_AT_ONCE = 8
const JUDGING_MS = 20_000
/** Versions known to be ripe, which they remain. */
const MAX_KNOWN = 100_000

export interface RipeVersionsParts {
  readonly setting: CooldownSetting | undefined
  readonly log: MirrorLog
  readonly through: LetThrough
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export class RipeVersions {
  readonly #parts: RipeVersionsParts
  readonly #ripe = new Lru<true>(MAX_KNOWN)

  constructor(parts: RipeVersionsParts) {
    this.#parts = parts
  }

  /** Throws MODULE_COOLING, with the time from which it will be let through. */
  async require(module: ModuleVersion, id: number): Promise<void> {
    const judged = await this.#judge(module, id)
    if (judged.isRipe) return
    const name = `${module.path}@${module.version}`
    const when =
      judged.at === undefined
        ? 'this node does not know yet how old it is'
        : `it becomes available at ${new Date(judged.at).toISOString()}`
    throw new GossumError('MODULE_COOLING', `${name}: ${when}`)
  }

  /**
   * The versions of a path that are let through, newest first. `ids` has the known numbers of their records; the log is
   * asked about the others. If nothing at all could be judged, throws the log's error.
   */
  async of(
    path: string,
    versions: readonly string[],
    ids: ReadonlyMap<string, number>,
    asking: Asking,
  ): Promise<string[]> {
    const { setting, through } = this.#parts
    const isFree = (version: string): boolean =>
      isExempt({ path, version }, setting, through) || this.#ripe.has(`${path} ${version}`)
    const waiting = versions.filter((version) => !isFree(version))
    const free = new Set(versions.filter(isFree))
    let refusal: GossumError | undefined
    let judged = 0
    const judge = async (version: string, signal: AbortSignal): Promise<void> => {
      const id = ids.get(version) ?? (await this.#idOf({ path, version }, { client: asking.client, signal }))
      if (id instanceof GossumError) {
        refusal ??= id
        return
      }
      judged++
      if ((await this.#judge({ path, version }, id)).isRipe) free.add(version)
    }
    // Versions about which the log need not be asked cost nothing.
    for (const version of waiting) if (ids.has(version)) await judge(version, asking.signal)
    const unknown = waiting.filter((version) => !ids.has(version)).slice(0, MAX_JUDGED)
    await this.#inTime(asking.signal, (signal) => mapBounded(unknown, JUDGED_AT_ONCE, signal, judge))
    if (judged === 0 && free.size === 0 && refusal !== undefined) throw refusal
    return versions.filter((version) => free.has(version))
  }

  async #judge(module: ModuleVersion, id: number): Promise<Ripeness> {
    const { setting, log, through, now } = this.#parts
    if (setting === undefined || isExempt(module, setting, through)) return { isRipe: true }
    const key = `${module.path} ${module.version}`
    if (this.#ripe.has(key)) return { isRipe: true }
    const judged = ripeness(await log.covered(id), setting.ms, through.existingUntil, now())
    if (judged.isRipe) this.#ripe.put(key, true)
    return judged
  }

  /** The number of its record, or why there is none. */
  async #idOf(module: ModuleVersion, asking: Asking): Promise<number | GossumError> {
    const found = await attempted(this.#parts.log.record(module, asking))
    return found instanceof GossumError ? found : found.id
  }

  /** Runs the act for as long as a list may take. What is not judged by then is not let through. */
  async #inTime(signal: AbortSignal, act: (signal: AbortSignal) => Promise<unknown>): Promise<void> {
    let limit: AbortSignal | undefined
    try {
      await timed(JUDGING_MS, [signal], (ending) => act((limit = ending)))
    } catch (error) {
      if (signal.aborted || limit?.aborted !== true) throw error
    }
  }
}
