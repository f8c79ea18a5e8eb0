/** From request to reply, independent of the connection. Pure. */
import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { GossumError } from '../errors.js'
import { partOf } from './byte-range.js'
import { NO_STORE, REVALIDATED } from './caching.js'
import { problem, type Reply } from './reply.js'
import { allowedMethods, type Match, type Route } from './router.js'

/** The query of a request that has none; never modified. */
const NO_QUERY = new URLSearchParams()

/** Path and query of a request target. */
export function splitTarget(target: string): [pathname: string, query: URLSearchParams] {
  const mark = target.indexOf('?')
  if (mark === -1) return [target, NO_QUERY]
  return [target.slice(0, mark), new URLSearchParams(target.slice(mark))]
}

/** The route of a path for this method. Throws METHOD_NOT_ALLOWED. */
export function routeFor({ routes }: Match, method: string | undefined): Route {
  const wanted = method === 'HEAD' ? 'GET' : method
  const route = routes.find((candidate) => candidate.method === wanted)
  if (route === undefined) throw new GossumError('METHOD_NOT_ALLOWED', method)
  return route
}

/** The reply for an error, depending on how far the request was resolved. */
export function refusalOf(error: unknown, match: Match | undefined, route: Route | undefined): Reply {
  const reply = route?.refusal?.(error) ?? problem(error)
  if (reply.status !== 405 || match === undefined) return reply
  return { ...reply, headers: { ...reply.headers, allow: allowedMethods(match.routes) } }
}

/** The parts of a request that decide whether the client already has the answer. */
interface Conditions {
  readonly method?: string | undefined
  readonly headers: IncomingHttpHeaders
}

/**
 * Adds an ETag and the caching policy to the reply of a read. Drops the body if the client has it already, and cuts it
 * to the requested part of a file. `caching` is the policy of the route; that of the reply takes precedence.
 */
export function conditional({ method, headers }: Conditions, reply: Reply, caching = REVALIDATED): Reply {
  if ((method !== 'GET' && method !== 'HEAD') || reply.status !== 200) return reply
  // An endless answer is never the same again.
  if (reply.sent !== undefined && reply.sent.length === undefined) return reply
  const etag = reply.headers['etag'] ?? etagOf(reply.body)
  const said = reply.headers['cache-control']
  const cacheControl = said === undefined || said === NO_STORE ? caching : said
  const tagged = { ...reply, headers: { ...reply.headers, 'cache-control': cacheControl, etag } }
  const asked = headers['if-none-match']?.trim() ?? ''
  const known = asked.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (known.includes(etag) || asked === '*') return { ...tagged, status: 304, body: new Uint8Array() }
  // SPEC: RFC 9110, section 14.2: a range is about GET alone.
  return method === 'GET' ? partial(headers, etag, tagged) : tagged
}

export function etagOf(body: Uint8Array): string {
  return `"${hash('sha256', body, 'base64url').slice(0, 22)}"`
}

/** The requested part of a file. */
function partial(headers: IncomingHttpHeaders, etag: string, reply: Reply): Reply {
  const { sent } = reply
  const size = sent?.length ?? 0
  const part = sent?.part === undefined ? undefined : partOf(headers, etag, size)
  if (sent?.part === undefined || part === undefined) return reply
  if (part === 'unsatisfiable') {
    const range = { 'content-range': `bytes */${size}`, 'cache-control': NO_STORE }
    return { ...reply, status: 416, headers: { ...reply.headers, ...range }, sent: sent.part(0, 0) }
  }
  const { start, length } = part
  const range = { 'content-range': `bytes ${start}-${start + length - 1}/${size}` }
  return { ...reply, status: 206, headers: { ...reply.headers, ...range }, sent: sent.part(start, length) }
}
