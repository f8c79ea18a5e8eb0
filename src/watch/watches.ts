/** Which watches a module version concerns, and what their lists say of it. */
import { errorText } from '../errors.js'
import type { WatchSetting } from '../config/watch-setting.js'
import { isPrivate } from '../sumdb/goprivate.js'
import { recordLines, type RecordLine } from '../tlog/record.js'
import { ReleaseList } from './release-list.js'
import { isAuthorised, type Releases } from './releases.js'

export interface WatchedVersion {
  readonly module: string
  readonly version: string
  /** Of that version alone. */
  readonly lines: readonly RecordLine[]
}

/** What the owner says of a version: nothing, where no list was named or none could be read. */
export type Standing = 'authorised' | 'unauthorised' | 'unlisted' | 'unread'

interface Watch {
  readonly setting: WatchSetting
  readonly list: ReleaseList | undefined
}

export class Watches {
  readonly #watches: readonly Watch[]

  /** `now` is in milliseconds of a clock that nobody sets. */
  constructor(settings: readonly WatchSetting[], now: () => number) {
    this.#watches = settings.map((setting) => {
      const { authorised, key } = setting
      return { setting, list: authorised === undefined ? undefined : new ReleaseList(authorised, key, now) }
    })
  }

  get isEmpty(): boolean {
    return this.#watches.length === 0
  }

  /** Lists whose last reading failed, each with why. */
  get failing(): readonly { readonly list: string; readonly error: string }[] {
    return this.#watches.flatMap(({ list }) => list?.failing ?? [])
  }

  /** The settings that a module concerns. */
  of(module: string): WatchSetting[] {
    return this.#of(module).map(({ setting }) => setting)
  }

  /** The version that a record is about, if somebody watches its module. */
  watched(record: string): WatchedVersion | undefined {
    const all = recordLines(record)
    const [first] = all
    if (first === undefined || this.#of(first.path).length === 0) return undefined
    const { path: module, version } = first
    // What a record says of other versions beside its own the go command never reads: it is no part of what is watched.
    return { module, version, lines: all.filter((line) => line.path === module && line.version === version) }
  }

  /** What all lists that concern a version say of it together. */
  async standing({ module, lines }: WatchedVersion, signal?: AbortSignal): Promise<Standing> {
    const lists = this.#of(module).flatMap(({ list }) => list ?? [])
    if (lists.length === 0) return 'unlisted'
    const read = await Promise.all(lists.map((list) => list.read(signal).catch(() => undefined)))
    if (read.some((releases) => releases !== undefined && !isAuthorised(lines, releases))) return 'unauthorised'
    return read.includes(undefined) ? 'unread' : 'authorised'
  }

  /** The list of each watch, as it can be read now. */
  async lists(): Promise<{ setting: WatchSetting; releases: Releases | undefined; error: string | null }[]> {
    return Promise.all(
      this.#watches.map(async ({ setting, list }) => {
        try {
          return { setting, releases: await list?.read(), error: null }
        } catch (error) {
          return { setting, releases: undefined, error: errorText(error) }
        }
      }),
    )
  }

  #of(module: string): readonly Watch[] {
    return this.#watches.filter(({ setting }) => isPrivate(setting.modules, module))
  }
}
