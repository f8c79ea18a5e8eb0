/** A browser has no folders, and requests are up to the page: the client must be given its source. Pure. */
import { GossumError } from '../errors.js'
import type { FetcherOptions } from './fetcher.js'
import type { LogSource } from './log-source.js'

/** Throws CONFIG_INVALID. */
export function openSource({ url }: FetcherOptions): LogSource {
  throw new GossumError('CONFIG_INVALID', `${JSON.stringify(url)}: a client in a browser needs a source`)
}
