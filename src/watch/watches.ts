/** Which watches apply to a module version, and what their lists say about it. */
import { errorText } from '../errors.js'
import type { WatchSetting } from '../config/watch-setting.js'
import { isPrivate } from '../sumdb/goprivate.js'
import { recordLines, type RecordLine } from '../tlog/record.js'
import { ReleaseList } from './release-list.js'
import { isAuthorised, type Releases } from './releases.js'

export interface WatchedVersion {
  readonly module: string
  readonly version: string
  /** Only those about this version. */
  readonly lines: readonly RecordLine[]
}

/** What the owner says about a version; `unlisted` and `unread` if no list was named or none could be read. */
export type Standing = 'authorised' | 'unauthorised' | 'unlisted' | 'unread'

interface Watch {
  readonly setting: WatchSetting
  readonly list: ReleaseList | undefined
}

export class Watches {
  readonly #watches: readonly Watch[]

  /** `now` is in milliseconds of a monotonic clock. */
  constructor(settings: readonly WatchSetting[], now: () => number) {
    this.#watches = settings.map((setting) => {
      const { authorised, key } = setting
      return { setting, list: authorised === undefined ? undefined : new ReleaseList(authorised, key, now) }
    })
  }

  get isEmpty(): boolean {
    return this.#watches.length === 0
  }

  /** Lists whose last reading failed, and why. */
  get failing(): readonly { readonly list: string; readonly error: string }[] {
    return this.#watches.flatMap(({ list }) => list?.failing ?? [])
  }

  /** The watches that apply to a module. */
  of(module: string): WatchSetting[] {
    return this.#of(module).map(({ setting }) => setting)
  }

  /** The version that a record is about, if its module is watched. */
  watched(record: string): WatchedVersion | undefined {
    const all = recordLines(record)
    const [first] = all
    if (first === undefined || this.#of(first.path).length === 0) return undefined
    const { path: module, version } = first
    // The go command ignores what a record says about other versions, so that is not watched.
    return { module, version, lines: all.filter((line) => line.path === module && line.version === version) }
  }

  /** What all lists that apply to a version say about it together. */
  async standing({ module, lines }: WatchedVersion, signal?: AbortSignal): Promise<Standing> {
    const lists = this.#of(module).flatMap(({ list }) => list ?? [])
    if (lists.length === 0) return 'unlisted'
    const read = await Promise.all(lists.map((list) => list.read(signal).catch(() => undefined)))
    if (read.some((releases) => releases !== undefined && !isAuthorised(lines, releases))) return 'unauthorised'
    return read.includes(undefined) ? 'unread' : 'authorised'
  }

  /** The list of each watch, as far as it can be read now. */
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
