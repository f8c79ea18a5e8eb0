/** What a request asks for and what is said to it, whatever connection it came by. Pure. */
import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { GossumError } from '../errors.js'
import { NO_STORE, problem, type Reply } from './reply.js'
import { allowedMethods, type Match, type Route } from './router.js'

/** Of a request that has none. It is read, and never written. */
const NO_QUERY = new URLSearchParams()

/** Path and query of a request target. */
export function splitTarget(target: string): [pathname: string, query: URLSearchParams] {
  const mark = target.indexOf('?')
  if (mark === -1) return [target, NO_QUERY]
  return [target.slice(0, mark), new URLSearchParams(target.slice(mark))]
}

/** The route of a path that takes this method. Throws METHOD_NOT_ALLOWED. */
export function routeFor({ routes }: Match, method: string | undefined): Route {
  const wanted = method === 'HEAD' ? 'GET' : method
  const route = routes.find((candidate) => candidate.method === wanted)
  if (route === undefined) throw new GossumError('METHOD_NOT_ALLOWED', method)
  return route
}

/** How an error is told, by as much as was found of where the request wanted to go. */
export function refusalOf(error: unknown, match: Match | undefined, route: Route | undefined): Reply {
  const reply = route?.refusal?.(error) ?? problem(error)
  if (reply.status !== 405 || match === undefined) return reply
  return { ...reply, headers: { ...reply.headers, allow: allowedMethods(match.routes) } }
}

/** The same with an ETag, for what was read; without its body for who has that already. */
export function conditional(
  { method, headers }: { readonly method?: string | undefined; readonly headers: IncomingHttpHeaders },
  reply: Reply,
): Reply {
  if ((method !== 'GET' && method !== 'HEAD') || reply.status !== 200) return reply
  const etag = `"${hash('sha256', reply.body, 'base64url').slice(0, 22)}"`
  const said = reply.headers['cache-control']
  // Whoever keeps it asks each time whether it still is so.
  const cacheControl = said === undefined || said === NO_STORE ? 'no-cache' : said
  const tagged = { ...reply, headers: { ...reply.headers, 'cache-control': cacheControl, etag } }
  const known = (headers['if-none-match'] ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  if (!known.includes(etag) && known[0] !== '*') return tagged
  return { ...tagged, status: 304, body: new Uint8Array() }
}
