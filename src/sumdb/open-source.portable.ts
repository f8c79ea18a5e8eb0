/** In a browser there are no folders, and requests are the page's affair: there a client is told its source. Pure. */
import { GossumError } from '../errors.js'
import type { FetcherOptions } from './fetcher.js'
import type { LogSource } from './log-source.js'

/** Throws CONFIG_INVALID. */
export function openSource({ url }: FetcherOptions): LogSource {
  throw new GossumError('CONFIG_INVALID', `${JSON.stringify(url)}: a client in a browser is told its source`)
}
