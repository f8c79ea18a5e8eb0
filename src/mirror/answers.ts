/**
 * What upstreams say about the versions of a module: `.info`, `@latest`, `@v/list`. Their answers are checked against
 * the log: versions without a record, or held back by the cooldown, are not passed on. The last answers are stored, and
 * served when no upstream answers.
 */
import { errorCode, GossumError } from '../errors.js'
import { baseOf, type ModuleProxy } from '../module/module-proxy.js'
import type { Admission } from '../proxy/admission.js'
import { Shared, type Asking } from '../proxy/shared.js'
import { escapePath, escapeQuery } from '../sumdb/module-version.js'
import type { HiddenVersionsBook } from './hidden-versions.js'
import type { KeptAnswers } from './kept-answers.js'
import type { MirrorLog } from './mirror-parts.js'
import type { RecordedVersions } from './recorded-versions.js'
import type { RipeVersions } from './ripe-versions.js'
import { SMALL_MS, type Upstreams } from './upstreams.js'
import { formatList, MAX_INFO_BYTES, MAX_LIST_BYTES, parseInfo, parseList, type VersionInfo } from './version-info.js'
import { isCanonicalVersion } from './versions.js'

export interface AnswersParts {
  readonly kept: KeptAnswers
  readonly upstreams: Upstreams
  readonly admission: Admission
  readonly recorded: RecordedVersions
  readonly ripe: RipeVersions
  readonly log: Pick<MirrorLog, 'versions'>
  readonly hidden: HiddenVersionsBook
}

export class Answers {
  readonly #parts: AnswersParts
  readonly #flights: Shared<Uint8Array>

  constructor(parts: AnswersParts) {
    this.#parts = parts
    this.#flights = new Shared(parts.admission)
  }

  /**
   * Throws MODULE_INVALID, MODULE_ABSENT, MODULE_UNRECORDED, MODULE_COOLING, PROXY_FAILED, and errors of fetching the
   * record.
   */
  async info(path: string, query: string, asking: Asking): Promise<Uint8Array> {
    const url = `${escapePath(path)}/@v/${escapeQuery(query)}.info`
    if (!isCanonicalVersion(query)) return (await this.#resolved(path, url, asking)).body
    const question = infoQuestion(path, query)
    const known = await this.#parts.kept.get(question)
    const body =
      known ??
      (await this.#ask(url, asking, MAX_INFO_BYTES, (bytes, from) => {
        const info = parseInfo(bytes, from)
        if (info.version !== query) throw new GossumError('PROXY_FAILED', `${from}: it is about ${info.version}`)
        return info.body
      }))
    await this.#require(path, query, asking)
    if (known === undefined) await this.#parts.kept.put(question, body)
    return body
  }

  /** Throws as info() does. */
  async latest(path: string, asking: Asking): Promise<Uint8Array> {
    const url = `${escapePath(path)}/@latest`
    const question = `latest ${escapePath(path)}`
    try {
      const { body } = await this.#resolved(path, url, asking)
      await this.#parts.kept.put(question, body)
      return body
    } catch (error) {
      const known = await this.#instead(question, error)
      await this.#require(path, parseInfo(known, question).version, asking)
      return known
    }
  }

  /** Throws MODULE_INVALID, MODULE_ABSENT, PROXY_FAILED; errors of fetching records only if nothing could be judged. */
  async list(path: string, asking: Asking): Promise<Uint8Array> {
    const url = `${escapePath(path)}/@v/list`
    const question = `list ${escapePath(path)}`
    const answer = await this.#ask(url, asking, MAX_LIST_BYTES, (bytes, from) => formatList(parseList(bytes, from)))
      .then(async (body) => {
        await this.#parts.kept.put(question, body)
        return body
      })
      .catch((error: unknown) => this.#instead(question, error))
    const listed = parseList(answer, question)
    const { log, hidden, ripe } = this.#parts
    const recorded = await log.versions(path)
    if (recorded !== undefined)
      hidden.note(
        path,
        listed,
        recorded.map(({ version }) => version),
      )
    const ids = new Map(recorded?.map(({ version, id }) => [version, id]))
    return formatList(await ripe.of(path, listed, ids, asking))
  }

  /**
   * The version to which an upstream resolves a branch, a revision, or no query: it must have a record, and be let
   * through.
   */
  async #resolved(path: string, url: string, asking: Asking): Promise<VersionInfo> {
    const body = await this.#ask(url, asking, MAX_INFO_BYTES, (bytes, from) => parseInfo(bytes, from).body)
    const info = parseInfo(body, url)
    await this.#require(path, info.version, asking)
    return info
  }

  async #require(path: string, version: string, asking: Asking): Promise<void> {
    const module = { path, version }
    const { id } = await this.#parts.recorded.of(module, 'mod', asking)
    await this.#parts.ripe.require(module, id)
  }

  /** The result of `read` for the first upstream that has a usable answer. */
  #ask(
    url: string,
    asking: Asking,
    most: number,
    read: (bytes: Uint8Array, from: string) => Uint8Array,
  ): Promise<Uint8Array> {
    return this.#flights.run(url, asking, (turn, signal) =>
      turn(() =>
        this.#parts.upstreams.first(SMALL_MS, signal, async (proxy: ModuleProxy, ending) =>
          read(await proxy.get(url, most, SMALL_MS, ending), `${proxy.url}/${url}`),
        ),
      ),
    )
  }

  /** The stored answer, if no upstream answers. What upstreams or the log do say is not replaced by it. */
  async #instead(question: string, error: unknown): Promise<Uint8Array> {
    const known = errorCode(error) === 'PROXY_FAILED' ? await this.#parts.kept.get(question) : undefined
    if (known === undefined) throw error
    return known
  }
}

/** The question under which the `.info` of a version is stored. */
export function infoQuestion(path: string, version: string): string {
  return `info ${baseOf({ path, version })}`
}
