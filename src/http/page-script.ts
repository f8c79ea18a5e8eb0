/** The script of the page: one file, made by the build, and named by its hash so that it can be cached for ever. */
import { hash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { GossumError } from '../errors.js'
import { IMMUTABLE } from './caching.js'
import type { Reply } from './reply.js'
import type { Route } from './router.js'

/** Where the build writes it. */
const BUILT = new URL('../dashboard/assets/page.js', import.meta.url)

export class PageScript {
  /** Its path on this server. */
  readonly path: string
  readonly #body: Uint8Array

  private constructor(body: Uint8Array) {
    this.#body = body
    this.path = `/assets/page-${hash('sha256', body, 'hex').slice(0, 16)}.js`
  }

  /** Undefined if the sources are run directly, without a build: the page then has no script. */
  static async load(file: URL = BUILT): Promise<PageScript | undefined> {
    try {
      return new PageScript(await readFile(file))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  reply(path: string): Reply {
    if (path !== this.path) throw new GossumError('NOT_FOUND', path.slice(0, 200))
    const headers = { 'content-type': 'text/javascript; charset=utf-8', 'cache-control': IMMUTABLE }
    return { status: 200, headers, body: this.#body }
  }
}

/** `script` is called with the first request. */
export function pageScriptRoute(script: () => Promise<PageScript | undefined>): Route {
  return {
    method: 'GET',
    path: '/assets/:name',
    handle: async ({ params }) => {
      const path = `/assets/${params['name']!}`
      const loaded = await script()
      if (loaded === undefined) throw new GossumError('NOT_FOUND', path.slice(0, 200))
      return loaded.reply(path)
    },
  }
}
