/**
 * How far a feed was compared with a node's index: a small file in the user's cache, so that the next run continues
 * there.
 */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { userHome } from '../../../config/user-home.js'
import { formatMoment, parseMoment, type Moment } from '../../../lib/rfc3339.js'
import { writeWholeFile } from '../../../lib/whole-file.js'

export class IndexCursor {
  readonly #file: string | undefined
  readonly #of: { readonly feed: string; readonly node: string }

  /** Remembers nothing if this user has no cache folder. */
  constructor(of: { readonly feed: string; readonly node: string }) {
    const xdg = process.env['XDG_CACHE_HOME']
    const home = userHome()
    const base = xdg && isAbsolute(xdg) ? xdg : home && join(home, '.cache')
    const name = createHash('sha256').update(`${of.feed}\n${of.node}`).digest('hex').slice(0, 16)
    this.#of = of
    this.#file = base === undefined ? undefined : join(base, 'gossum', 'check-index', `${name}.json`)
  }

  /** The time up to which everything was judged; undefined before the first run, or if the file is unreadable. */
  async read(): Promise<Moment | undefined> {
    if (this.#file === undefined) return undefined
    try {
      const { feed, node, since } = JSON.parse(await readFile(this.#file, 'utf8')) as Record<string, unknown>
      const isOurs = feed === this.#of.feed && node === this.#of.node && typeof since === 'string'
      return isOurs ? parseMoment(since) : undefined
    } catch {
      return undefined
    }
  }

  async write(since: Moment): Promise<void> {
    if (this.#file === undefined) return
    await mkdir(dirname(this.#file), { recursive: true })
    await writeWholeFile(this.#file, `${JSON.stringify({ ...this.#of, since: formatMoment(since) })}\n`)
  }
}
