/**
 * What web pages of other origins may read: everything, since nothing served here requires a login (golang/go#77496).
 * Pure.
 */
import type { Reply } from './reply.js'
import type { Route } from './router.js'

/** Headers of our answers that their scripts may see, in addition to those that they always see. */
const EXPOSED = ['accept-ranges', 'content-range', 'etag', 'gossum-quorum-size', 'gossum-stale-since', 'retry-after']

/** Headers of every answer to GET and HEAD, errors included. */
export const CROSS_ORIGIN: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': EXPOSED.join(', '),
}

/** The answer to the preflight request that a browser makes before a script's GET with such headers. */
export function preflightRoute(path: string): Route {
  const headers = {
    'access-control-allow-origin': '*',
    'access-control-allow-methods': 'GET, HEAD, OPTIONS',
    'access-control-allow-headers': 'if-none-match, if-range, range',
    'access-control-max-age': '86400',
  }
  const reply: Reply = { status: 204, headers, body: new Uint8Array() }
  return { method: 'OPTIONS', path, handle: () => reply }
}
