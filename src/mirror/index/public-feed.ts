/** An index feed that somebody serves over HTTP. Its pages are bounded and timed; nothing in them is believed. */
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

/** The feed at a URL, which may have a query of its own. Throws USAGE for what is no http or https URL. */
export function publicFeed(text: string): PublicFeed {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new GossumError('USAGE', `an index has an http or https URL: ${text}`)
  const given = new URL(text)
  const { search } = given
  given.search = ''
  given.hash = ''
  const [, folder, name] = /^(.*)\/([^/]*)$/.exec(given.href)!
  // What it is a file of: the same rules of asking hold for all that is served beside modules.
  const server = new ModuleProxy(folder!)
  const ask: AskPage = (since, limit) => {
    const query = new URLSearchParams(search)
    query.set('since', since)
    query.set('limit', String(limit))
    // Else the public index leaves out what cannot be had any more, and the log does not.
    query.set('include', 'all')
    return server.get(`${name!}?${query.toString()}`, MAX_PAGE_BYTES, PAGE_MS)
  }
  return { url: `${server.url}/${name!}${search}`, ask }
}
