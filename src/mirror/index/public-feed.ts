/** An index feed served over HTTP. Its pages are limited in size and time, and not trusted. */
import { GossumError } from '../../errors.js'
import { ModuleProxy } from '../../module/module-proxy.js'
import { MAX_PAGE_BYTES, type AskPage } from './feed-pages.js'

/** Milliseconds that a page may take. */
const PAGE_MS = 60_000

export interface PublicFeed {
  /** Without a login. */
  readonly url: string
  /** Throws PROXY_FAILED. */
  readonly ask: AskPage
}

/** The feed at a URL, which may have a query of its own. Throws USAGE if this is not an http or https URL. */
export function publicFeed(text: string): PublicFeed {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new GossumError('USAGE', `the URL of an index must be http or https: ${text}`)
  const given = new URL(text)
  const { search } = given
  given.search = ''
  given.hash = ''
  const [, folder, name] = /^(.*)\/([^/]*)$/.exec(given.href)!
  // The folder of the URL: the same request rules apply to everything served next to modules.
  const server = new ModuleProxy(folder!)
  const ask: AskPage = (since, limit) => {
    const query = new URLSearchParams(search)
    query.set('since', since)
    query.set('limit', String(limit))
    // Without this, the public index omits what is no longer available, which the log does not.
    query.set('include', 'all')
    return server.get(`${name!}?${query.toString()}`, MAX_PAGE_BYTES, PAGE_MS)
  }
  return { url: `${server.url}/${name!}${search}`, ask }
}
