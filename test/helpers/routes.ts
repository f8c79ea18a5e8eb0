/** Calls routes as a server would, without a server. */
import type { IncomingHttpHeaders } from 'node:http'
import { conditional, refusalOf, routeFor, splitTarget } from '../../src/http/answer.js'
import type { Reply } from '../../src/http/reply.js'
import { matchPath, type Match, type Route } from '../../src/http/router.js'
import { utf8 } from '../../src/tlog/bytes.js'

export interface RouteAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

interface RouteAsking {
  readonly method?: string
  readonly headers?: IncomingHttpHeaders
  readonly body?: string | Uint8Array
}

export async function askRoutes(
  routes: readonly Route[],
  target: string,
  { method = 'GET', headers = {}, body = '' }: RouteAsking = {},
): Promise<RouteAnswer> {
  const { reply: said, caching } = await answer(routes, target, { method, headers, body })
  const reply = conditional({ method, headers }, said, caching)
  return { status: reply.status, headers: reply.headers, body: Buffer.from(reply.body).toString('utf8') }
}

async function answer(
  routes: readonly Route[],
  target: string,
  { method, headers, body }: Required<RouteAsking>,
): Promise<{ readonly reply: Reply; readonly caching?: string | undefined }> {
  let match: Match | undefined
  let route: Route | undefined
  try {
    const [pathname, query] = splitTarget(target)
    match = matchPath(routes, pathname)
    route = routeFor(match, method)
    const reply = await route.handle({
      params: match.params,
      query,
      headers,
      body: typeof body === 'string' ? utf8(body) : body,
      remoteAddress: '127.0.0.1',
      signal: new AbortController().signal,
    })
    return { reply, caching: route.caching }
  } catch (error) {
    return { reply: refusalOf(error, match, route) }
  }
}
